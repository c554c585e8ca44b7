// What both suites need for their calls.

import assert from "node:assert/strict";

import { ConnectError } from "@connectrpc/connect";

/** The error that a call ends with; a call that succeeds fails the test. */
export async function failure(call) {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  assert.fail("the call must fail, but it succeeded");
}

/** `Connect-Timeout-Ms`. */
export const connectTimeout = (milliseconds) => ({ "connect-timeout-ms": `${milliseconds}` });

/** `grpc-timeout`. */
export const grpcTimeout = (milliseconds) => ({ "grpc-timeout": `${milliseconds}m` });
