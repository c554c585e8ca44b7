// What every client must get from the service, whatever protocol it speaks: one suite for all transports.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isMessage } from "@bufbuild/protobuf";
import { anyIs, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, createClient, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";

import { HintSchema } from "../../gen/akinai/testing/v1/hint_pb.js";
import {
  ConformancePayload_RequestInfoSchema as RequestInfoSchema,
  ConformanceService,
  IdempotentUnaryRequestSchema,
  UnaryRequestSchema,
} from "../../gen/connectrpc/conformance/v1/service_pb.js";
import { failure } from "../calls.js";
import { drain, hint, metadata, seen } from "./service.js";

/** Every code there is, by name. */
const codes = Object.entries(Code).filter(([, code]) => typeof code === "number");

/** Longer than any test waits: what takes this long was not cut off. */
const forever = 60_000;

const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes);

/**
 * Runs the suite over one transport.
 *
 * - `transport`: what calls are made over;
 * - `packing`: the same, with requests compressed by gzip, if the client can;
 * - `byGet`: whether unary calls are sent with GET;
 * - `unaryType`, `streamType`: the media types that the server must see, which prove the protocol; null where there is
 *   none because there is no body;
 * - `timeoutHeader`: the name of the header for a deadline of some milliseconds, and how it says them;
 * - `unaryEncoding`, `streamEncoding`: the header that says that an answer is compressed; null if this client takes none.
 */
export function suite(name, the) {
  const client = createClient(ConformanceService, the.transport);
  const unary = the.byGet ? client.idempotentUnary : client.unary;
  const requestSchema = the.byGet ? IdempotentUnaryRequestSchema : UnaryRequestSchema;

  // Most of the time is spent waiting: for delays and for deadlines.
  describe(name, { concurrency: true }, () => {
    describe("unary", { concurrency: true }, () => {
      it("answers", async () => {
        const response = { case: "responseData", value: bytes("茶") };
        const { payload } = await unary({ responseDefinition: { response } });

        assert.equal(text(payload.data), "茶", "the answer must be the data of the definition");
        assert.equal(seen(payload.requestInfo, "content-type"), the.unaryType, "the protocol must be the one meant");
        const [message] = payload.requestInfo.requests;
        assert.ok(anyIs(message, requestSchema), `the server must have seen the request, but: ${message?.typeUrl}`);
        const request = anyUnpack(message, requestSchema);
        assert.equal(text(request.responseDefinition.response.value), "茶", "the server must see what was sent");
      });

      it("answers a request without a definition with nothing", async () => {
        const { payload } = await unary({});

        assert.equal(payload.data.length, 0, "there is no data where none was defined");
      });

      it("fails with every code, message and details", async () => {
        for (const [name, code] of codes) {
          const message = `${name}: 100 % 売り切れ\n`;
          const value = { code, message, details: [hint("一"), hint("二")] };
          const error = await failure(unary({ responseDefinition: { response: { case: "error", value } } }));

          assert.equal(error.code, code, `the code must be ${name}, but: ${error.message}`);
          assert.equal(error.rawMessage, message, "the message must come as it was defined");
          const hints = error.findDetails(HintSchema);
          assert.deepEqual(
            hints.map((hint) => [hint.text, hint.number]),
            [["一", 9_007_199_254_740_993n], ["二", 9_007_199_254_740_993n]],
            `the details of ${name} must come whole and in order`,
          );
          const [info] = error.findDetails(RequestInfoSchema);
          assert.equal(seen(info, "content-type"), the.unaryType, "the protocol must be the one meant");
        }
      });

      it("takes metadata and gives it, leading and trailing", async () => {
        const binary = new Uint8Array([0, 1, 127, 128, 255]);
        const sent = new Headers({ "x-sent": "one", "x-sent-bin": encodeBinaryHeader(binary) });
        sent.append("x-sent", "two");
        const received = {};
        const { payload } = await unary(definitionWithMetadata(binary), {
          headers: sent,
          onHeader: (headers) => (received.headers = headers),
          onTrailer: (trailers) => (received.trailers = trailers),
        });

        assert.equal(seen(payload.requestInfo, "x-sent"), "one, two", "every value sent must arrive");
        const arrived = decodeBinaryHeader(seen(payload.requestInfo, "x-sent-bin"));
        assert.deepEqual(arrived, binary, "binary metadata must arrive byte by byte");
        checkMetadata(received.headers, received.trailers, binary);
      });

      it("gives metadata with errors", async () => {
        const binary = new Uint8Array([255, 0]);
        const { responseDefinition } = definitionWithMetadata(binary);
        responseDefinition.response = { case: "error", value: { code: Code.Aborted, message: "no" } };
        const error = await failure(unary({ responseDefinition }));

        assert.equal(error.code, Code.Aborted, `the call must fail as defined, but: ${error.message}`);
        checkMetadata(error.metadata, error.metadata, binary);
      });

      it("is told how much time there is", async () => {
        const { payload } = await unary({}, { timeoutMs: 20_000 });

        const left = payload.requestInfo.timeoutMs;
        assert.ok(left > 10_000n && left <= 20_000n, `the server must know of about 20 s, but knows of ${left} ms`);
        const { payload: other } = await unary({});
        assert.equal(other.requestInfo.timeoutMs, undefined, "there is no deadline where none was set");
      });

      it("ends with deadline_exceeded when the client's time is up", async () => {
        const responseDefinition = { responseDelayMs: forever };
        const error = await failure(unary({ responseDefinition }, { timeoutMs: 200 }));

        assert.equal(error.code, Code.DeadlineExceeded, `the call must end when its time is up, but: ${error.message}`);
      });

      it("is cut off by the server when its time is up", async () => {
        // The header alone: the client does not know of the deadline, so the error is the server's.
        const responseDefinition = { responseDelayMs: forever };
        const error = await failure(unary({ responseDefinition }, { headers: the.timeoutHeader(200) }));

        assert.equal(error.code, Code.DeadlineExceeded, `the server must end the call, but: ${error.message}`);
        assert.match(error.rawMessage, /time/, "the server's own message must say what happened");
      });

      it("gives large answers, compressed if the client takes that", async () => {
        // What is to come back is in the request, and a URL has no room for much.
        const large = "玉露 ".repeat(the.byGet ? 500 : 50_000);
        let encoding;
        const { payload } = await unary(
          { responseDefinition: { response: { case: "responseData", value: bytes(large) } } },
          { onHeader: (headers) => (encoding = headers.get(the.unaryEncoding ?? "content-encoding")) },
        );

        assert.equal(text(payload.data), large, "the answer must be whole");
        const expected = the.unaryEncoding === null ? null : "gzip";
        assert.equal(encoding, expected, "the answer must be compressed exactly for clients that accept gzip");
      });

      it("is unimplemented where the service is", async () => {
        const error = await failure(client.unimplemented({}));

        assert.equal(error.code, Code.Unimplemented, `no service implements the method, but: ${error.message}`);
      });
    });

    describe("server stream", { concurrency: true }, () => {
      it("gives messages, then ends", async () => {
        const data = ["一", "二", "三"];
        const responseDefinition = { responseData: data.map(bytes) };
        const { messages, error } = await drain(client.serverStream({ responseDefinition }));

        assert.equal(error, undefined, `the stream must end well, but: ${error?.message}`);
        assert.deepEqual(messages.map(({ payload }) => text(payload.data)), data, "every message, in order");
        const [first, ...rest] = messages.map(({ payload }) => payload.requestInfo);
        assert.equal(seen(first, "content-type"), the.streamType, "the protocol must be the one meant");
        assert.deepEqual(rest, [undefined, undefined], "only the first message tells what the server saw");
      });

      it("ends well without any message", async () => {
        const { messages, error } = await drain(client.serverStream({}));

        assert.equal(error, undefined, `an empty stream is no error, but: ${error?.message}`);
        assert.equal(messages.length, 0, "no message was defined");
      });

      it("gives messages as they come", async () => {
        const began = performance.now();
        const responseData = Array.from({ length: 60 }, (_, number) => bytes(`${number}`));
        const responseDefinition = { responseData, responseDelayMs: 500 };
        // All of them take 30 s; leaving the loop ends the call.
        for await (const { payload } of client.serverStream({ responseDefinition })) {
          assert.equal(text(payload.data), "0", "the first message must come first");
          break;
        }

        const seconds = (performance.now() - began) / 1000;
        assert.ok(seconds < 15, `the first message must not wait for the last, but came after ${seconds} s`);
      });

      it("gives messages, then an error with details", async () => {
        const error = { code: Code.ResourceExhausted, message: "もうない", details: [hint("later")] };
        const responseDefinition = { responseData: [bytes("1"), bytes("2")], error };
        const ended = await drain(client.serverStream({ responseDefinition }));

        assert.deepEqual(ended.messages.map(({ payload }) => text(payload.data)), ["1", "2"], "first the messages");
        assert.equal(ended.error?.code, Code.ResourceExhausted, `then the error, but: ${ended.error?.message}`);
        assert.equal(ended.error.rawMessage, "もうない", "the message must come as it was defined");
        assert.deepEqual(ended.error.findDetails(HintSchema).map((hint) => hint.text), ["later"], "and its details");
        assert.equal(ended.error.findDetails(RequestInfoSchema).length, 0, "but not what the first message told");
      });

      it("fails before any message", async () => {
        const error = { code: Code.NotFound, message: "nothing", details: [hint("here")] };
        const ended = await drain(client.serverStream({ responseDefinition: { error } }));

        assert.equal(ended.messages.length, 0, "there was no message");
        assert.equal(ended.error?.code, Code.NotFound, `the error must be the defined one, but: ${ended.error?.message}`);
        assert.ok(isMessage(ended.error.findDetails(HintSchema)[0]), "the detail must come");
        const [info] = ended.error.findDetails(RequestInfoSchema);
        assert.equal(seen(info, "content-type"), the.streamType, "and what no message could tell");
      });

      it("gives metadata, leading and trailing, of a failure too", async () => {
        const binary = new Uint8Array([0, 200]);
        const failed = { code: Code.DataLoss, message: "lost" };
        for (const error of [undefined, failed]) {
          const { responseHeaders, responseTrailers } = definitionWithMetadata(binary).responseDefinition;
          const received = {};
          const responseDefinition = { responseHeaders, responseTrailers, responseData: [bytes("1")], error };
          const ended = await drain(
            client.serverStream({ responseDefinition }, {
              onHeader: (headers) => (received.headers = headers),
              onTrailer: (trailers) => (received.trailers = trailers),
            }),
          );

          assert.equal(ended.error?.code, error?.code, `the stream must end as defined, but: ${ended.error?.message}`);
          checkMetadata(received.headers, received.trailers ?? ended.error.metadata, binary);
        }
      });

      it("is cut off by the server when its time is up", async () => {
        const responseDefinition = { responseData: [bytes("1"), bytes("2")], responseDelayMs: 1000 };
        const ended = await drain(client.serverStream({ responseDefinition }, { headers: the.timeoutHeader(1700) }));

        assert.deepEqual(ended.messages.map(({ payload }) => text(payload.data)), ["1"], "what came in time is kept");
        assert.equal(ended.error?.code, Code.DeadlineExceeded, `then time is up, but: ${ended.error?.message}`);
      });

      it("ends with deadline_exceeded when the client's time is up", async () => {
        const responseDefinition = { responseData: [bytes("1")], responseDelayMs: forever };
        const ended = await drain(client.serverStream({ responseDefinition }, { timeoutMs: 200 }));

        assert.equal(ended.messages.length, 0, "no message came in time");
        assert.equal(ended.error?.code, Code.DeadlineExceeded, `time must be up, but: ${ended.error?.message}`);
      });

      it("gives large messages, compressed if the client takes that", async () => {
        const large = "煎茶 ".repeat(20_000);
        let encoding;
        const { messages, error } = await drain(
          client.serverStream(
            { responseDefinition: { responseData: [bytes(large), bytes("small"), bytes(large)] } },
            { onHeader: (headers) => (encoding = headers.get(the.streamEncoding ?? "content-encoding")) },
          ),
        );

        assert.equal(error, undefined, `the stream must end well, but: ${error?.message}`);
        assert.deepEqual(messages.map(({ payload }) => text(payload.data)), [large, "small", large], "all of it");
        const expected = the.streamEncoding === null ? null : "gzip";
        assert.equal(encoding, expected, "messages must be compressed exactly for clients that accept gzip");
      });
    });

    if (the.packing !== undefined) {
      it("takes compressed requests", async () => {
        const packing = createClient(ConformanceService, the.packing);
        const requestData = bytes("抹茶 ".repeat(20_000));

        const { payload } = await packing.unary({ requestData });

        assert.equal(seen(payload.requestInfo, the.unaryEncoding), "gzip", "the request must have been compressed");
        const request = anyUnpack(payload.requestInfo.requests[0], UnaryRequestSchema);
        assert.equal(text(request.requestData), text(requestData), "the server must have unpacked it");

        const { messages, error } = await drain(
          packing.serverStream({ requestData, responseDefinition: { responseData: [bytes("1")] } }),
        );
        assert.equal(error, undefined, `the stream must end well, but: ${error?.message}`);
        const info = messages[0].payload.requestInfo;
        assert.equal(seen(info, the.streamEncoding), "gzip", "the stream's request must have been compressed");
      });
    }
  });
}

function definitionWithMetadata(binary) {
  const values = (prefix) =>
    metadata({ [prefix]: ["one", "two"], [`${prefix}-bin`]: [encodeBinaryHeader(binary)] });
  return {
    responseDefinition: {
      response: { case: "responseData", value: bytes("with metadata") },
      responseHeaders: values("x-leading"),
      responseTrailers: values("x-trailing"),
    },
  };
}

function checkMetadata(headers, trailers, binary) {
  for (const [where, name] of [[headers, "x-leading"], [trailers, "x-trailing"]]) {
    assert.equal(where?.get(name), "one, two", `both values of ${name} must come`);
    const value = where.get(`${name}-bin`);
    assert.deepEqual(decodeBinaryHeader(value), binary, `${name}-bin must come byte by byte, but is ${value}`);
  }
}
