// What every client must get from the platform, whatever protocol it speaks: one suite for all transports.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";

import { toJson } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";

import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { ProductSchema, ProductService } from "../../gen/product/v1/product_pb.js";
import { UserService } from "../../gen/user/v1/user_pb.js";
import { failure } from "../calls.js";
import { catalogue } from "./platform.js";

/** An id that no product and no user has. */
const UNKNOWN_ID = "00000000-0000-7000-8000-000000000000";

/**
 * Runs the suite over one transport.
 *
 * - `transport`: makes it, with these options besides its own;
 * - `mediaType`: what answers are, which proves the protocol;
 * - `byGet`: whether methods without side effects are called by GET;
 * - `timeoutHeader`: the name of the header for a deadline of some milliseconds, and how it says them;
 * - `encoding`: the header that says that an answer is compressed; null if this client takes none;
 * - `packing`: the options with which the client compresses its requests; absent if it cannot;
 * - `packed`: the header that then says so, besides `encoding`.
 */
export function suite(name, the) {
  const products = createClient(ProductService, the.transport());
  const users = createClient(UserService, the.transport());

  // Most of the time is spent waiting for the platform.
  describe(name, { concurrency: true }, () => {
    it("lists the whole catalogue, newest first", async () => {
      const { products: listed, nextPageToken } = await products.listProducts({ pageSize: 100 });

      assert.deepEqual(listed.map(json), catalogue, "the list must hold exactly the rows of the database");
      assert.equal(nextPageToken, "", "a list that fits on one page must offer no second one");
    });

    it("walks the catalogue page by page", async () => {
      const names = [];
      let pageToken = "";
      do {
        const page = await products.listProducts({ pageSize: 5, pageToken });
        assert.ok(page.products.length <= 5, "a page must not hold more than was asked for");
        names.push(...page.products.map((product) => product.name));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");

      assert.deepEqual(names, catalogue.map(({ name }) => name), "the pages must meet every product once, in order");
    });

    it("reads one product, with times and money as their own types", async () => {
      const expected = catalogue[0];
      const { product } = await products.getProduct({ id: expected.id });

      assert.deepEqual(json(product), expected, "the product must be the one asked for");
      assert.equal(typeof product.createdAt.seconds, "bigint", "a time must arrive as google.protobuf.Timestamp");
      assert.match(product.price.amount, /^\d+$/, "an amount in yen must be a decimal string without decimals");
    });

    it("registers an account, once", async () => {
      const request = { email: freshEmail(), password: "correct horse", name: "山田 花" };
      const { user } = await users.createUser(request);

      assert.equal(user.email, request.email, "the account must have the e-mail that was sent");
      assert.equal(user.name, request.name, "the account must have the name that was sent");
      assert.match(user.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/, "the id must be a UUIDv7");
      const error = await failure(users.createUser(request));
      assert.equal(error.code, Code.AlreadyExists, `a second account must be refused, but: ${error.message}`);
    });

    it("tells an unknown product with the code not_found", async () => {
      const error = await failure(products.getProduct({ id: UNKNOWN_ID }));

      assert.equal(error.code, Code.NotFound, `an unknown id must be not_found, but: ${error.message}`);
    });

    it("names the field of a malformed id in a google.rpc.BadRequest", async () => {
      const error = await failure(products.getProduct({ id: "not-a-uuid" }));

      assert.equal(error.code, Code.InvalidArgument, `a malformed id must be refused, but: ${error.message}`);
      const fields = violations(error).map(({ field }) => field);
      assert.deepEqual(fields, ["id"], "the violation must name the field as the JSON request spells it");
    });

    it("names every wrong field at once in a google.rpc.BadRequest", async () => {
      const error = await failure(users.createUser({ email: "no-address", password: "short", name: "x".repeat(101) }));

      assert.equal(error.code, Code.InvalidArgument, `three wrong fields must be refused, but: ${error.message}`);
      const found = violations(error);
      const fields = found.map(({ field }) => field);
      assert.deepEqual(fields, ["email", "password", "name"], "each must be named, in the order of the request");
      for (const { field, description } of found) {
        assert.notEqual(description, "", `the violation of ${field} must say what is wrong`);
      }
    });

    it("gets several products at once, and names those that are missing", async () => {
      const missing = randomUUID();
      const { products: found, missingIds } = await products.batchGetProducts({ ids: [missing, catalogue[0].id] });

      assert.deepEqual(found.map(({ id }) => id), [catalogue[0].id], "the one that there is");
      assert.deepEqual(missingIds, [missing], "the one that there is not");
    });

    it("takes metadata and gives it", async () => {
      const id = randomUUID();
      let received;
      await products.getProduct({ id: catalogue[0].id }, {
        headers: { "x-request-id": id },
        onHeader: (headers) => (received = headers),
      });

      assert.equal(received.get("x-request-id"), id, "the request's id must come back");
      assert.equal(received.get("content-type"), the.mediaType, "the protocol must be the one meant");
      const variesByEncoding = (received.get("vary") ?? "").includes("accept-encoding");
      assert.equal(variesByEncoding, the.byGet, "only an answer to GET is cached, and so tells what it depends on");
    });

    it("gives metadata with errors", async () => {
      const id = randomUUID();
      const error = await failure(users.getUser({ id: UNKNOWN_ID }, { headers: { "x-request-id": id } }));

      assert.equal(error.code, Code.Unauthenticated, `GetUser must want a token, but: ${error.message}`);
      assert.equal(error.metadata.get("x-request-id"), id, "the request's id must come back");
      assert.equal(error.metadata.get("www-authenticate"), 'Bearer realm="akinai"', "the answer must say which kind of token");
    });

    it("ends with deadline_exceeded when the client's time is up", async () => {
      const error = await failure(users.createUser(slow(), { timeoutMs: 1 }));

      assert.equal(error.code, Code.DeadlineExceeded, `the call must end when its time is up, but: ${error.message}`);
    });

    it("is cut off by the platform when its time is up", async () => {
      // The header alone: the client does not know of the deadline, so the error is the platform's.
      const error = await failure(users.createUser(slow(), { headers: the.timeoutHeader(5) }));

      assert.equal(error.code, Code.DeadlineExceeded, `the platform must end the call, but: ${error.message}`);
      assert.match(error.rawMessage, /time/, "the platform's own message must say what happened");
    });

    it("gets large answers, compressed if the client takes that", async () => {
      let received;
      const page = await products.listProducts({ pageSize: 100 }, { onHeader: (headers) => (received = headers) });

      assert.equal(page.products.length, catalogue.length, "the answer must be whole");
      const encoding = received.get(the.encoding ?? "content-encoding");
      const expected = the.encoding === null ? null : "gzip";
      assert.equal(encoding, expected, "the list must be compressed exactly for clients that accept gzip");
    });

    if (the.packing !== undefined) {
      it("sends compressed requests", async () => {
        const sent = [];
        const transport = the.transport({ ...the.packing, compressMinBytes: 0, interceptors: [headersTo(sent)] });

        const request = { email: freshEmail(), password: "correct horse" };
        const { user } = await createClient(UserService, transport).createUser(request);
        const { product } = await createClient(ProductService, transport).getProduct({ id: catalogue[0].id });

        assert.equal(user.email, request.email, "the platform must have unpacked the account");
        assert.equal(product.name, catalogue[0].name, "the platform must have unpacked the product's id");
        assert.equal(sent[0].get(the.packed), "gzip", "the account must have been compressed");
      });
    }
  });
}

const json = (product) => toJson(ProductSchema, product);

const freshEmail = () => `${randomUUID()}@example.com`;

/** An account to make, which takes tens of milliseconds for its password alone. */
const slow = () => ({ email: freshEmail(), password: "correct horse" });

const violations = (error) => error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);

/** Keeps the headers of requests as they were sent. */
const headersTo = (list) => (next) => async (request) => {
  const response = await next(request);
  list.push(request.header);
  return response;
};
