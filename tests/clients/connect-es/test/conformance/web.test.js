// Connect and gRPC-Web as @connectrpc/connect-web speaks them: what a browser would send, over fetch.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { connectTimeout, grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl, jsonOptions } from "./service.js";

for (const useBinaryFormat of [false, true]) {
  const encoding = useBinaryFormat ? "proto" : "json";
  for (const useHttpGet of [false, true]) {
    suite(`connect-web, Connect, ${encoding}, ${useHttpGet ? "GET" : "POST"}`, {
      transport: createConnectTransport({ baseUrl, useBinaryFormat, useHttpGet, jsonOptions }),
      byGet: useHttpGet,
      unaryType: useHttpGet ? null : `application/${encoding}`,
      streamType: `application/connect+${encoding}`,
      timeoutHeader: connectTimeout,
      // fetch unpacks whole bodies, but no envelopes.
      unaryEncoding: "content-encoding",
      streamEncoding: null,
    });
  }

  const type = `application/grpc-web+${encoding}`;
  suite(`connect-web, gRPC-Web, ${encoding}`, {
    transport: createGrpcWebTransport({ baseUrl, useBinaryFormat, jsonOptions }),
    byGet: false,
    unaryType: type,
    streamType: type,
    timeoutHeader: grpcTimeout,
    unaryEncoding: null,
    streamEncoding: null,
  });
}
