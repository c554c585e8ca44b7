// Where the test service is, and small helpers around its messages. The suite that starts it tells through the environment.

import assert from "node:assert/strict";

import { create, createRegistry, isMessage } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";

import { file_akinai_testing_v1_hint, HintSchema } from "../../gen/akinai/testing/v1/hint_pb.js";
import {
  ConformancePayload_RequestInfoSchema as RequestInfoSchema,
  file_connectrpc_conformance_v1_service,
} from "../../gen/connectrpc/conformance/v1/service_pb.js";

/** The address of the service, such as `http://127.0.0.1:41234`. */
export const baseUrl = process.env.AKINAI_URL;
if (baseUrl === undefined) {
  throw new Error("AKINAI_URL is not set: run these tests with `cargo xtask test -- clients`");
}

/** For JSON: the types that may stand inside a google.protobuf.Any. */
export const jsonOptions = {
  registry: createRegistry(file_connectrpc_conformance_v1_service, file_akinai_testing_v1_hint),
};

/** A detail for errors, as a definition has it. */
export function hint(text) {
  return anyPack(HintSchema, create(HintSchema, { text, number: 9_007_199_254_740_993n }));
}

/** Headers of a definition, from an object of names and lists of values. */
export function metadata(values) {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

/** The values that the server saw of a request header, joined as HTTP joins them; null if it saw none. */
export function seen(requestInfo, name) {
  assert.ok(isMessage(requestInfo, RequestInfoSchema), "the answer must tell what the server saw of the request");
  const header = requestInfo.requestHeaders.find((header) => header.name === name);
  return header === undefined ? null : header.value.join(", ");
}

/** Everything that a stream gives: its messages, and the error that it ends with, if any. */
export async function drain(stream) {
  const messages = [];
  try {
    for await (const message of stream) {
      messages.push(message);
    }
  } catch (error) {
    return { messages, error: ConnectError.from(error) };
  }
  return { messages, error: undefined };
}
