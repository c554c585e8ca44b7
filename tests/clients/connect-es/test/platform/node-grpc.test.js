// gRPC as @connectrpc/connect-node speaks it, over HTTP/2 with HTTP's trailers.

import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";

import { grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl } from "./platform.js";

for (const useBinaryFormat of [false, true]) {
  const own = { baseUrl, useBinaryFormat };
  const mediaType = `application/grpc+${useBinaryFormat ? "proto" : "json"}`;
  suite(`connect-node, gRPC, ${mediaType}`, {
    transport: (options) => createGrpcTransport({ ...own, ...options }),
    mediaType,
    byGet: false,
    timeoutHeader: grpcTimeout,
    encoding: "grpc-encoding",
    packing: { sendCompression: compressionGzip },
    packed: "grpc-encoding",
  });
}
