// The Connect protocol as @connectrpc/connect-node speaks it: both encodings, over both versions of HTTP, by POST and GET.

import { compressionGzip, createConnectTransport } from "@connectrpc/connect-node";

import { connectTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl, jsonOptions } from "./service.js";

for (const httpVersion of ["1.1", "2"]) {
  for (const useBinaryFormat of [false, true]) {
    for (const useHttpGet of [false, true]) {
      const encoding = useBinaryFormat ? "proto" : "json";
      const options = { baseUrl, httpVersion, useBinaryFormat, useHttpGet, jsonOptions };
      const packing = { sendCompression: compressionGzip, acceptCompression: [compressionGzip] };
      suite(`connect-node, Connect, ${encoding}, HTTP/${httpVersion}, ${useHttpGet ? "GET" : "POST"}`, {
        transport: createConnectTransport(options),
        packing: useHttpGet ? undefined : createConnectTransport({ ...options, ...packing }),
        byGet: useHttpGet,
        unaryType: useHttpGet ? null : `application/${encoding}`,
        streamType: `application/connect+${encoding}`,
        timeoutHeader: connectTimeout,
        // This client accepts no compression when it sends a GET.
        unaryEncoding: useHttpGet ? null : "content-encoding",
        streamEncoding: "connect-content-encoding",
      });
    }
  }
}
