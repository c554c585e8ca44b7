// gRPC as @connectrpc/connect-node speaks it, over HTTP/2 with HTTP's trailers.

import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";

import { grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl, jsonOptions } from "./service.js";

for (const useBinaryFormat of [false, true]) {
  const options = { baseUrl, useBinaryFormat, jsonOptions };
  const type = `application/grpc+${useBinaryFormat ? "proto" : "json"}`;
  suite(`connect-node, gRPC, ${type}`, {
    transport: createGrpcTransport(options),
    packing: createGrpcTransport({ ...options, sendCompression: compressionGzip }),
    byGet: false,
    unaryType: type,
    streamType: type,
    timeoutHeader: grpcTimeout,
    unaryEncoding: "grpc-encoding",
    streamEncoding: "grpc-encoding",
  });
}
