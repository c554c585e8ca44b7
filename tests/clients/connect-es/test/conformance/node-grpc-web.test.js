// gRPC-Web as @connectrpc/connect-node speaks it.

import { compressionGzip, createGrpcWebTransport } from "@connectrpc/connect-node";

import { grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl, jsonOptions } from "./service.js";

for (const httpVersion of ["1.1", "2"]) {
  for (const useBinaryFormat of [false, true]) {
    const options = { baseUrl, httpVersion, useBinaryFormat, jsonOptions };
    const type = `application/grpc-web+${useBinaryFormat ? "proto" : "json"}`;
    suite(`connect-node, gRPC-Web, ${type}, HTTP/${httpVersion}`, {
      transport: createGrpcWebTransport(options),
      packing: createGrpcWebTransport({ ...options, sendCompression: compressionGzip }),
      byGet: false,
      unaryType: type,
      streamType: type,
      timeoutHeader: grpcTimeout,
      unaryEncoding: "grpc-encoding",
      streamEncoding: "grpc-encoding",
    });
  }
}
