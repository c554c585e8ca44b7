// Connect and gRPC-Web as @connectrpc/connect-web speaks them: what a browser would send, over fetch. It leaves
// compression to fetch, which takes it for whole bodies and sends none.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { connectTimeout, grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl } from "./platform.js";

for (const useBinaryFormat of [false, true]) {
  const encoding = useBinaryFormat ? "proto" : "json";
  for (const useHttpGet of [false, true]) {
    suite(`connect-web, Connect, ${encoding}, ${useHttpGet ? "GET" : "POST"}`, {
      transport: (options) => createConnectTransport({ baseUrl, useBinaryFormat, useHttpGet, ...options }),
      mediaType: `application/${encoding}`,
      byGet: useHttpGet,
      timeoutHeader: connectTimeout,
      encoding: "content-encoding",
    });
  }

  suite(`connect-web, gRPC-Web, ${encoding}`, {
    transport: (options) => createGrpcWebTransport({ baseUrl, useBinaryFormat, ...options }),
    mediaType: `application/grpc-web+${encoding}`,
    byGet: false,
    timeoutHeader: grpcTimeout,
    encoding: null,
  });
}
