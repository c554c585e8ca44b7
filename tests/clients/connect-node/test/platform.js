// Where the platform under test is, and what is in it. The suite that starts it tells through the environment.

import assert from "node:assert/strict";

import { ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

/** The value of an environment variable that this suite cannot run without. */
function required(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- connect_node\``);
  }
  return value;
}

/** The address of the bff, such as `http://127.0.0.1:41234`. */
const baseUrl = required("AKINAI_URL");

/** Every product of the catalogue in proto3 JSON, newest first. */
export const catalogue = JSON.parse(required("AKINAI_PRODUCTS"));

/** Both encodings of the Connect protocol over both versions of HTTP: everything below has to work over each. */
export const transports = ["1.1", "2"].flatMap((httpVersion) =>
  [false, true].map((useBinaryFormat) => ({
    name: `${useBinaryFormat ? "binary" : "JSON"} over HTTP/${httpVersion}`,
    transport: createConnectTransport({ baseUrl, httpVersion, useBinaryFormat }),
  })),
);

/** The error that a call ends with; a call that succeeds fails the test. */
export async function failure(call) {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  assert.fail("the call must fail, but it succeeded");
}
