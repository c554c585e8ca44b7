//! Compressed messages, and the largest message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use harness::{Client, Platform, Product};
use http::Request;
use serde_json::{Value, json};

use super::{LIST, PACKED, code, envelope, envelopes, grpc_web, lists, message, set, unbase64};

/// The maximum size of a message for the bff.
const LIMIT: usize = 256 * 1024;

/// `{"pageSize":1}`, compressed by gzip, in base64.
const PAGE_SIZE_1: &str = "H4sIAAAAAAACA6tWKkhMTw3OrEpVsjKsBQB2OtPCDgAAAA==";

/// `{}`, compressed.
const EMPTY: &str = "H4sIAAAAAAACA6uuBQBDv6ajAgAAAA==";

/// 64 KiB of spaces, compressed.
const SPACES: &str = "H4sIAAAAAAACA+3BgQAAAACAIJX9KRepCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGqUGSy0AAABAA==";

#[tokio::test(flavor = "multi_thread")]
async fn compressed_requests_are_decompressed() {
    let platform = Platform::start().await;
    let client = platform.client();
    let products = [Product::named("old"), Product::named("new")];
    platform.database().insert(&products).await;

    for (way, request) in in_every_way(client, LIST, &unbase64(PAGE_SIZE_1), "gzip") {
        let answer = client.send(request).await;
        assert_eq!(code(&answer), "ok", "{way} must be served");
        let message = message(&answer);
        let names: Vec<&Value> = message["products"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| &it["name"])
            .collect();
        assert_eq!(names, ["new"], "{way} must be read as a request for one product");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_if_the_client_accepts_it() {
    let platform = Platform::start().await;
    let client = platform.client();
    let products: Vec<Product> = (0..20)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    platform.database().insert(&products).await;

    let plain = client.call(&LIST[1..], json!({})).await;
    assert_eq!(
        plain.header("content-encoding"),
        None,
        "a client that does not accept gzip must not get it"
    );
    let mut post = client.post(LIST, "{}");
    set(&mut post, "accept-encoding", "br, gzip");
    let mut get = client.request(
        "GET",
        &format!("{LIST}?connect=v1&encoding=json&message=%7B%7D"),
        Bytes::new(),
    );
    set(&mut get, "accept-encoding", "gzip");
    for request in [post, get] {
        let method = request.method().clone();
        let answer = client.send(request).await;
        assert_eq!(
            answer.header("content-encoding"),
            Some("gzip"),
            "{method} must be answered in gzip"
        );
        must_be_gzip(&answer.body, &plain.body);
        let depends = lists(&answer, "vary", "accept-encoding");
        assert_eq!(
            depends,
            method == "GET",
            "an answer that may be cached must have `vary`, but {method} had {:?}",
            answer.headers
        );
    }

    let mut web = grpc_web(client, LIST, &envelope(0, b"{}"));
    set(&mut web, "grpc-accept-encoding", "gzip");
    let answer = client.send(web).await;
    assert_eq!(
        answer.header("grpc-encoding"),
        Some("gzip"),
        "gRPC-Web must name gzip"
    );
    let (flags, message) = &envelopes(&answer.body)[0];
    assert_eq!(*flags, PACKED, "and mark the message");
    must_be_gzip(message, &plain.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_may_be_as_large_as_the_limit() {
    let platform = Platform::start().await;
    let client = platform.client();

    for (length, expected) in [(LIMIT, "ok"), (LIMIT + 1, "resource_exhausted")] {
        let message = format!("{{}}{}", " ".repeat(length - 2));
        let requests = [
            ("POST", client.post(LIST, message.clone())),
            (
                "gRPC-Web",
                grpc_web(client, LIST, &envelope(0, message.as_bytes())),
            ),
        ];
        for (way, request) in requests {
            let answer = client.send(request).await;
            assert_eq!(code(&answer), expected, "{way} with a message of {length} bytes");
        }
    }
    // Four bytes may announce a message that the client never sends.
    let announced = [[0].as_slice(), &u32::MAX.to_be_bytes(), b"{}"].concat();
    let answer = client.send(grpc_web(client, LIST, &announced)).await;
    assert_eq!(
        code(&answer),
        "resource_exhausted",
        "an envelope that announces 4 GiB"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn message_may_decompress_to_the_limit_but_not_beyond() {
    let platform = Platform::start().await;
    let client = platform.client();

    // Several gzip members make one text: a number of times 64 KiB of spaces, and then an object.
    for (times, expected) in [(3, "ok"), (4, "resource_exhausted"), (100, "resource_exhausted")] {
        let packed = [unbase64(SPACES).repeat(times), unbase64(EMPTY)].concat();
        assert!(packed.len() < LIMIT, "the bomb must be small as sent");
        for (way, request) in in_every_way(client, LIST, &packed, "gzip") {
            let answer = client.send(request).await;
            assert_eq!(
                code(&answer),
                expected,
                "{way} with {} bytes that decompress to {times} times 64 KiB",
                packed.len()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_compression_is_answered_unimplemented() {
    let platform = Platform::start().await;
    let client = platform.client();

    for (way, request) in in_every_way(client, LIST, b"{}", "br") {
        let answer = client.send(request).await;
        assert_eq!(code(&answer), "unimplemented", "{way} with a message in br");
    }
    for (way, request) in in_every_way(client, LIST, b"no gzip", "gzip") {
        let answer = client.send(request).await;
        assert_eq!(
            code(&answer),
            "invalid_argument",
            "{way} with a message that only claims to be gzip"
        );
    }
}

/// The same JSON message with this compression, by POST, by GET and by gRPC-Web.
fn in_every_way(
    client: &Client,
    path: &str,
    packed: &[u8],
    compression: &str,
) -> [(&'static str, Request<Bytes>); 3] {
    let mut post = client.post(path, packed.to_vec());
    set(&mut post, "content-encoding", compression);
    let message = URL_SAFE_NO_PAD.encode(packed);
    let query = format!("connect=v1&encoding=json&base64=1&compression={compression}&message={message}");
    let get = client.request("GET", &format!("{path}?{query}"), Bytes::new());
    let mut web = grpc_web(client, path, &envelope(PACKED, packed));
    set(&mut web, "grpc-encoding", compression);
    [("POST", post), ("GET", get), ("gRPC-Web", web)]
}

/// Checks that this is gzip, and smaller. The tests with clients check that it decompresses to the same message.
fn must_be_gzip(packed: &[u8], plain: &[u8]) {
    assert!(packed.starts_with(&[0x1f, 0x8b]), "the body must begin like gzip");
    assert!(
        packed.len() < plain.len() / 2,
        "it must be smaller, but has {} of {} bytes",
        packed.len(),
        plain.len()
    );
}
