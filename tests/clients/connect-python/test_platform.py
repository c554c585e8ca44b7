"""Connect for Python against the platform: every protocol it speaks, in both encodings."""

import json
import os
import unittest
import uuid

from connectrpc.client import ResponseMetadata
from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.protocol import ProtocolType
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

from gen.google.rpc.error_details_pb import BadRequest
from gen.product.v1 import product_pb
from gen.product.v1.product_connect import ProductServiceClientSync
from gen.user.v1 import user_pb
from gen.user.v1.user_connect import UserServiceClientSync


def environment(name):
    """What the suite that starts the platform tells."""
    value = os.environ.get(name)
    if value is None:
        raise RuntimeError(f"{name} is not set: run these tests with `cargo xtask test -- clients`")
    return value


# Every product of the catalogue in proto3 JSON, newest first.
CATALOGUE = json.loads(environment("AKINAI_PRODUCTS"))


def account():
    """An account to make, which takes tens of milliseconds for its password alone."""
    return user_pb.CreateUserRequest(email=f"{uuid.uuid4()}@example.com", password="correct horse", name="山田 花")


class Matrix:
    """What every protocol must give. The classes below are its columns."""

    protocol = ProtocolType.CONNECT
    http_version = HTTPVersion.HTTP1
    codec = proto_binary_codec()
    # What answers are, which proves the protocol.
    media_type = None
    timeout_header = ("connect-timeout-ms", "5")
    # What goes with a call of a method without side effects.
    reading = {}

    def setUp(self):
        http_client = SyncClient(SyncHTTPTransport(http_version=self.http_version))
        options = {"codec": self.codec, "protocol": self.protocol, "http_client": http_client}
        self.products = ProductServiceClientSync(environment("AKINAI_URL"), **options)
        self.users = UserServiceClientSync(environment("AKINAI_URL"), **options)

    def list(self):
        return self.products.list_products(product_pb.ListProductsRequest(page_size=100), **self.reading)

    def get(self, id, **options):
        return self.products.get_product(product_pb.GetProductRequest(id=id), **self.reading, **options)

    def test_lists_the_catalogue_and_reads_a_product(self):
        names = [product.name for product in self.list().products]
        expected = [product["name"] for product in CATALOGUE]
        self.assertEqual(names, expected, "the list must hold the catalogue, newest first")

        product = self.get(CATALOGUE[0]["id"]).product
        self.assertEqual(product.name, CATALOGUE[0]["name"], "the product must be the one asked for")
        self.assertEqual(product.price.amount, CATALOGUE[0]["price"]["amount"], "with its price")

    def test_reads_the_wrong_fields_of_an_error(self):
        with self.assertRaises(ConnectError) as raised:
            self.get("not-a-uuid")

        self.assertEqual(raised.exception.code, Code.INVALID_ARGUMENT, "a malformed id must be refused")
        violations = [
            violation for detail in raised.exception.details for violation in detail.value(BadRequest).field_violations
        ]
        self.assertEqual([violation.field for violation in violations], ["id"], "the wrong field must be named")

    def test_ends_when_the_clients_time_is_up(self):
        with self.assertRaises(ConnectError) as raised:
            self.users.create_user(account(), timeout_ms=1)

        self.assertEqual(raised.exception.code, Code.DEADLINE_EXCEEDED, "the call must end when its time is up")

    def test_is_cut_off_by_the_platform_when_its_time_is_up(self):
        # The header alone: the client does not know of the deadline, so the error is the platform's.
        with self.assertRaises(ConnectError) as raised:
            self.users.create_user(account(), headers=dict([self.timeout_header]))

        self.assertEqual(raised.exception.code, Code.DEADLINE_EXCEEDED, "the platform must end the call")

    def test_takes_metadata_and_gives_it(self):
        sent = {"x-request-id": str(uuid.uuid4())}
        with ResponseMetadata() as metadata:
            self.get(CATALOGUE[0]["id"], headers=sent)

        self.assertEqual(metadata.headers["x-request-id"], sent["x-request-id"], "the request's id must come back")
        self.assertEqual(metadata.headers["content-type"], self.media_type, "the protocol must be the one meant")

    def test_gives_metadata_with_errors(self):
        sent = {"x-request-id": str(uuid.uuid4())}
        with ResponseMetadata() as metadata, self.assertRaises(ConnectError) as raised:
            self.users.get_user(user_pb.GetUserRequest(id=CATALOGUE[0]["id"]), headers=sent, **self.reading)

        self.assertEqual(raised.exception.code, Code.UNAUTHENTICATED, "GetUser must want a token")
        self.assertEqual(metadata.headers["x-request-id"], sent["x-request-id"], "the request's id must come back")
        self.assert_token_is_wanted(metadata)

    def assert_token_is_wanted(self, metadata):
        """Only Connect has it in a header, gRPC in its trailers."""

    def test_packs_requests_and_unpacks_answers(self):
        # This client compresses every request: that there is an account shows that the platform unpacked it.
        request = account()
        user = self.users.create_user(request).user
        self.assertEqual(user.email, request.email, "the account must have the e-mail that was sent")

        with ResponseMetadata() as metadata:
            products = self.list().products
        self.assertEqual(len(products), len(CATALOGUE), "the answer must be whole")
        self.assert_was_compressed(metadata)

    def assert_was_compressed(self, metadata):
        self.assertEqual(metadata.headers.get("grpc-encoding"), "gzip", "the list must be compressed")


class Connect(Matrix):
    """What is common to the columns of Connect."""

    def assert_token_is_wanted(self, metadata):
        self.assertEqual(metadata.headers.get("www-authenticate"), 'Bearer realm="akinai"', "the answer must say which kind of token")

    def assert_was_compressed(self, metadata):
        # The HTTP library hides how a body was compressed, but takes its length away when it has unpacked it.
        self.assertNotIn("content-length", metadata.headers, "the list must be compressed")


class ConnectProto(Connect, unittest.TestCase):
    """Connect with binary messages."""

    media_type = "application/proto"


class ConnectJson(Connect, unittest.TestCase):
    """Connect with JSON."""

    codec = proto_json_codec()
    media_type = "application/json"


class ConnectGetProto(ConnectProto):
    """Connect with binary messages, methods without side effects by GET."""

    reading = {"use_get": True}


class ConnectGetJson(ConnectJson):
    """Connect with JSON, methods without side effects by GET."""

    reading = {"use_get": True}


class GrpcWeb(Matrix, unittest.TestCase):
    """gRPC-Web."""

    protocol = ProtocolType.GRPC_WEB
    media_type = "application/grpc-web+proto"
    timeout_header = ("grpc-timeout", "5m")


class Grpc(Matrix, unittest.TestCase):
    """gRPC, over HTTP/2."""

    protocol = ProtocolType.GRPC
    http_version = HTTPVersion.HTTP2
    media_type = "application/grpc+proto"
    timeout_header = ("grpc-timeout", "5m")


if __name__ == "__main__":
    unittest.main()
