"""Connect for Python against the test service in tests/conformance: every protocol it speaks, in both encodings."""

import base64
import os
import time
import unittest

from connectrpc.client import ResponseMetadata
from connectrpc.code import Code
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.protocol import ProtocolType
from connectrpc.request import Headers
from protobuf import Oneof, Registry
from protobuf.wkt import Any
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

from gen.akinai.testing.v1 import hint_pb
from gen.connectrpc.conformance.v1 import config_pb
from gen.connectrpc.conformance.v1 import service_pb as pb
from gen.connectrpc.conformance.v1.service_connect import ConformanceServiceClientSync

REGISTRY = Registry(pb.desc(), hint_pb.desc())

# Longer than any test waits: what takes this long was not cut off.
FOREVER_MS = 60_000

BINARY = bytes([0, 1, 127, 128, 255])
# Base64 as headers have it: without padding.
BINARY_TEXT = base64.b64encode(BINARY).decode().rstrip("=")


def address():
    """The address of the service."""
    address = os.environ.get("AKINAI_URL")
    if address is None:
        raise RuntimeError("AKINAI_URL is not set: run these tests with `cargo xtask test -- clients`")
    return address


def hint(text):
    """A detail for errors, as a definition has it."""
    return Any.pack(hint_pb.Hint(text=text, number=9_007_199_254_740_993))


def hints(error):
    """The hints among the details of an error."""
    found = [detail.value(hint_pb.Hint) for detail in error.details if detail.type_name.endswith(".Hint")]
    return [(hint.text, hint.number) for hint in found]


def seen(info, name):
    """The values that the server saw of a request header, joined as HTTP joins them; None if it saw none."""
    for header in info.request_headers:
        if header.name == name:
            return ", ".join(header.value)
    return None


def drain(stream):
    """Everything that a stream gives: the data of its messages, and the error that it ends with, if any."""
    data = []
    try:
        for message in stream:
            data.append(message.payload.data)
    except ConnectError as error:
        return data, error
    return data, None


class Matrix:
    """What every protocol must give. The classes below are its columns."""

    protocol = ProtocolType.CONNECT
    http_version = HTTPVersion.HTTP1
    codec = proto_binary_codec()
    # The media types that the server must see, which prove the protocol.
    unary_type = None
    stream_type = None
    timeout_header = ("connect-timeout-ms", "200")
    unary_encoding = "content-encoding"
    stream_encoding = "connect-content-encoding"

    def setUp(self):
        transport = SyncHTTPTransport(http_version=self.http_version)
        self.client = ConformanceServiceClientSync(
            address(), codec=self.codec, protocol=self.protocol, http_client=SyncClient(transport)
        )

    def unary(self, definition=None, data=b"", **options):
        request = pb.UnaryRequest(response_definition=definition, request_data=data)
        return self.client.unary(request, **options).payload

    def stream(self, definition=None, **options):
        return self.client.server_stream(pb.ServerStreamRequest(response_definition=definition), **options)

    def assert_metadata(self, metadata):
        for where, name in ((metadata.headers, "x-leading"), (metadata.trailers, "x-trailing")):
            values = ", ".join(where.getall(name))
            self.assertEqual(values, "one, two", f"both values of {name} must come")
            value = where[f"{name}-bin"]
            padded = value + "=" * (-len(value) % 4)
            self.assertEqual(base64.b64decode(padded), BINARY, f"{name}-bin must come byte by byte")

    def metadata(self):
        def values(prefix):
            return [
                pb.Header(name=prefix, value=["one", "two"]),
                pb.Header(name=f"{prefix}-bin", value=[BINARY_TEXT]),
            ]

        return {"response_headers": values("x-leading"), "response_trailers": values("x-trailing")}

    def test_answers(self):
        payload = self.unary(pb.UnaryResponseDefinition(response=Oneof("response_data", "茶".encode())))

        self.assertEqual(payload.data.decode(), "茶", "the answer must be the data of the definition")
        content_type = seen(payload.request_info, "content-type")
        self.assertEqual(content_type, self.unary_type, "the protocol must be the one meant")

    def test_fails_with_every_code_message_and_details(self):
        for code in Code:
            with self.subTest(code=code):
                message = f"{code.value}: 100 % 売り切れ\n"
                number = config_pb.Code[code.name]
                error = pb.Error(code=number, message=message, details=[hint("一"), hint("二")])
                with self.assertRaises(ConnectError) as raised:
                    self.unary(pb.UnaryResponseDefinition(response=Oneof("error", error)))

                self.assertEqual(raised.exception.code, code, "the code must be the one defined")
                self.assertEqual(raised.exception.message, message, "the message must come as it was defined")
                expected = [("一", 9_007_199_254_740_993), ("二", 9_007_199_254_740_993)]
                self.assertEqual(hints(raised.exception), expected, "the details must come whole and in order")

    def test_takes_metadata_and_gives_it(self):
        sent = Headers()
        for value in ("one", "two"):
            sent.add("x-sent", value)
        sent.add("x-sent-bin", BINARY_TEXT)
        with ResponseMetadata() as metadata:
            definition = pb.UnaryResponseDefinition(response=Oneof("response_data", b"1"), **self.metadata())
            payload = self.unary(definition, headers=sent)

        self.assertEqual(seen(payload.request_info, "x-sent"), "one, two", "every value sent must arrive")
        self.assertEqual(seen(payload.request_info, "x-sent-bin"), BINARY_TEXT, "and the binary ones")
        self.assert_metadata(metadata)

    def test_gives_metadata_with_errors(self):
        error = pb.Error(code=config_pb.Code.ABORTED, message="no")
        definition = pb.UnaryResponseDefinition(response=Oneof("error", error), **self.metadata())
        with ResponseMetadata() as metadata, self.assertRaises(ConnectError) as raised:
            self.unary(definition)

        self.assertEqual(raised.exception.code, Code.ABORTED, "the call must fail as defined")
        self.assert_metadata(metadata)

    def test_is_told_how_much_time_there_is(self):
        info = self.unary(timeout_ms=20_000).request_info

        self.assertTrue(10_000 < info.timeout_ms <= 20_000, f"about 20 s, but the server knows of {info.timeout_ms} ms")

    def test_ends_when_the_clients_time_is_up(self):
        with self.assertRaises(ConnectError) as raised:
            self.unary(pb.UnaryResponseDefinition(response_delay_ms=FOREVER_MS), timeout_ms=200)

        self.assertEqual(raised.exception.code, Code.DEADLINE_EXCEEDED, "the call must end when its time is up")

    def test_is_cut_off_by_the_server_when_its_time_is_up(self):
        # The header alone: the client does not know of the deadline, so the error is the server's.
        with self.assertRaises(ConnectError) as raised:
            self.unary(pb.UnaryResponseDefinition(response_delay_ms=FOREVER_MS), headers=dict([self.timeout_header]))

        self.assertEqual(raised.exception.code, Code.DEADLINE_EXCEEDED, "the server must end the call")

    def test_packs_requests_and_unpacks_answers(self):
        text = "玉露 ".encode()
        definition = pb.UnaryResponseDefinition(response=Oneof("response_data", text * 50_000))
        with ResponseMetadata() as metadata:
            payload = self.unary(definition, data=text * 20_000)

        self.assertEqual(payload.data, text * 50_000, "the answer must be whole")
        packed = seen(payload.request_info, self.unary_encoding)
        self.assertEqual(packed, "gzip", "this client compresses requests")
        request = payload.request_info.requests[0].unpack(pb.UnaryRequest)
        self.assertEqual(request.request_data, text * 20_000, "the server must have unpacked the request")
        self.assert_was_compressed(metadata)

    def assert_was_compressed(self, metadata):
        encoding = metadata.headers.get(self.unary_encoding)
        self.assertEqual(encoding, "gzip", "the answer must be compressed")

    def test_is_unimplemented_where_the_service_is(self):
        with self.assertRaises(ConnectError) as raised:
            self.client.unimplemented(pb.UnimplementedRequest())

        self.assertEqual(raised.exception.code, Code.UNIMPLEMENTED, "no service implements the method")

    def test_streams_messages_in_order(self):
        definition = pb.StreamResponseDefinition(response_data=[b"1", b"2", b"3"])
        messages = [message.payload for message in self.stream(definition)]

        self.assertEqual([payload.data for payload in messages], [b"1", b"2", b"3"], "every message, in order")
        content_type = seen(messages[0].request_info, "content-type")
        self.assertEqual(content_type, self.stream_type, "the protocol must be the one meant")

    def test_streams_messages_as_they_come(self):
        began = time.monotonic()
        # All of them take 30 s; closing the stream ends the call.
        stream = self.stream(pb.StreamResponseDefinition(response_data=[b"1"] * 60, response_delay_ms=500))
        next(stream)
        waited = time.monotonic() - began
        stream.close()

        self.assertLess(waited, 15, "the first message must not wait for the last")

    def test_streams_messages_then_an_error(self):
        error = pb.Error(code=config_pb.Code.RESOURCE_EXHAUSTED, message="もうない", details=[hint("later")])
        definition = pb.StreamResponseDefinition(response_data=[b"1", b"2"], error=error, **self.metadata())
        with ResponseMetadata() as metadata:
            data, raised = drain(self.stream(definition))

        self.assertEqual(data, [b"1", b"2"], "first the messages")
        self.assertIsNotNone(raised, "then the error")
        self.assertEqual(raised.code, Code.RESOURCE_EXHAUSTED, "with its code")
        self.assertEqual(raised.message, "もうない", "with its message")
        self.assertEqual(hints(raised), [("later", 9_007_199_254_740_993)], "with its details")
        self.assert_metadata(metadata)

    def test_a_stream_is_cut_off_by_the_server_when_its_time_is_up(self):
        definition = pb.StreamResponseDefinition(response_data=[b"1"], response_delay_ms=FOREVER_MS)
        data, raised = drain(self.stream(definition, headers=dict([self.timeout_header])))

        self.assertEqual(data, [], "no message came in time")
        self.assertIsNotNone(raised, "then time is up")
        self.assertEqual(raised.code, Code.DEADLINE_EXCEEDED, "and the server says so")

    def test_streams_large_messages_compressed(self):
        large = "煎茶 ".encode() * 20_000
        with ResponseMetadata() as metadata:
            data, raised = drain(self.stream(pb.StreamResponseDefinition(response_data=[large, b"small", large])))

        self.assertIsNone(raised, "the stream must end well")
        self.assertEqual(data, [large, b"small", large], "every message must be whole")
        self.assertEqual(metadata.headers.get(self.stream_encoding), "gzip", "messages must be compressed")


class Connect(Matrix):
    """What is common to the columns of Connect."""

    def assert_was_compressed(self, metadata):
        # The HTTP library hides how a body was compressed, but takes its length away when it has unpacked it.
        self.assertNotIn("content-length", metadata.headers, "the answer must be compressed")
        with ResponseMetadata() as small:
            self.unary()
        self.assertIn("content-length", small.headers, "a small answer need not be compressed")


class ConnectProto(Connect, unittest.TestCase):
    """Connect with binary messages."""

    unary_type = "application/proto"
    stream_type = "application/connect+proto"


class ConnectJson(Connect, unittest.TestCase):
    """Connect with JSON."""

    codec = proto_json_codec(REGISTRY)
    unary_type = "application/json"
    stream_type = "application/connect+json"


class ConnectGet(ConnectJson):
    """Connect's unary calls by GET."""

    unary_type = None

    def unary(self, definition=None, data=b"", **options):
        request = pb.IdempotentUnaryRequest(response_definition=definition, request_data=data)
        return self.client.idempotent_unary(request, use_get=True, **options).payload

    def test_packs_requests_and_unpacks_answers(self):
        # What is to come back is in the request, and a URL has no room for much.
        text = "玉露 ".encode() * 500
        definition = pb.UnaryResponseDefinition(response=Oneof("response_data", text))
        with ResponseMetadata() as metadata:
            payload = self.unary(definition)

        self.assertEqual(payload.data, text, "the answer must be whole")
        # Every answer here is worth compressing, because it tells the query of its request.
        self.assertNotIn("content-length", metadata.headers, "the answer must be compressed")


class GrpcWeb(Matrix, unittest.TestCase):
    """gRPC-Web."""

    protocol = ProtocolType.GRPC_WEB
    unary_type = stream_type = "application/grpc-web+proto"
    timeout_header = ("grpc-timeout", "200m")
    unary_encoding = stream_encoding = "grpc-encoding"


class Grpc(Matrix, unittest.TestCase):
    """gRPC, over HTTP/2."""

    protocol = ProtocolType.GRPC
    http_version = HTTPVersion.HTTP2
    unary_type = stream_type = "application/grpc+proto"
    timeout_header = ("grpc-timeout", "200m")
    unary_encoding = stream_encoding = "grpc-encoding"


if __name__ == "__main__":
    unittest.main()
