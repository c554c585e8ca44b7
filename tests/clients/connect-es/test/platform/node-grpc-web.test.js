// gRPC-Web as @connectrpc/connect-node speaks it.

import { compressionGzip, createGrpcWebTransport } from "@connectrpc/connect-node";

import { grpcTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl } from "./platform.js";

for (const httpVersion of ["1.1", "2"]) {
  for (const useBinaryFormat of [false, true]) {
    const own = { baseUrl, httpVersion, useBinaryFormat };
    const mediaType = `application/grpc-web+${useBinaryFormat ? "proto" : "json"}`;
    suite(`connect-node, gRPC-Web, ${mediaType}, HTTP/${httpVersion}`, {
      transport: (options) => createGrpcWebTransport({ ...own, ...options }),
      mediaType,
      byGet: false,
      timeoutHeader: grpcTimeout,
      encoding: "grpc-encoding",
      packing: { sendCompression: compressionGzip },
      packed: "grpc-encoding",
    });
  }
}
