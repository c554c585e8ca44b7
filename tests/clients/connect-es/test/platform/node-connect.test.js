// The Connect protocol as @connectrpc/connect-node speaks it: both encodings, over both versions of HTTP, by POST and GET.

import { compressionGzip, createConnectTransport } from "@connectrpc/connect-node";

import { connectTimeout } from "../calls.js";
import { suite } from "./matrix.js";
import { baseUrl } from "./platform.js";

for (const httpVersion of ["1.1", "2"]) {
  for (const useBinaryFormat of [false, true]) {
    for (const useHttpGet of [false, true]) {
      const encoding = useBinaryFormat ? "proto" : "json";
      const own = { baseUrl, httpVersion, useBinaryFormat, useHttpGet };
      suite(`connect-node, Connect, ${encoding}, HTTP/${httpVersion}, ${useHttpGet ? "GET" : "POST"}`, {
        transport: (options) => createConnectTransport({ ...own, ...options }),
        mediaType: `application/${encoding}`,
        byGet: useHttpGet,
        timeoutHeader: connectTimeout,
        // This client accepts no compression when it sends a GET.
        encoding: useHttpGet ? null : "content-encoding",
        packing: { sendCompression: compressionGzip },
        packed: "content-encoding",
      });
    }
  }
}
