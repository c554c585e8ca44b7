//! The bff's protocols on the wire: Connect by POST and GET, and gRPC-Web. What clients make of it is in `clients`, and
//! what is refused as garbage in `garbage`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use harness::{Answer, Client, Platform, Product, Setup};
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Value, json};

const LIST: &str = "/product.v1.ProductService/ListProducts";
const GET: &str = "/product.v1.ProductService/GetProduct";
const CREATE: &str = "/user.v1.UserService/CreateUser";

/// The largest message that the bff takes.
const LIMIT: usize = 256 * 1024;

/// `{"pageSize":1}`, packed by gzip, in base64.
const PAGE_SIZE_1: &str = "H4sIAAAAAAACA6tWKkhMTw3OrEpVsjKsBQB2OtPCDgAAAA==";
/// `{}`, packed.
const EMPTY: &str = "H4sIAAAAAAACA6uuBQBDv6ajAgAAAA==";
/// 64 KiB of spaces, packed.
const SPACES: &str = "H4sIAAAAAAACA+3BgQAAAACAIJX9KRepCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGqUGSy0AAABAA==";

/// The flag of an envelope whose message is packed.
const PACKED: u8 = 1;
/// The flag of gRPC-Web's last envelope, which holds the trailers.
const END: u8 = 0x80;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_speak_every_protocol() {
    let origin = "https://shop.example";
    let platform = Setup::new()
        .await
        .variable("allowed_origins", origin)
        .start()
        .await;
    let client = platform.client();

    let mut preflight = client.request("OPTIONS", GET, Bytes::new());
    set(&mut preflight, "origin", origin);
    set(&mut preflight, "access-control-request-method", "POST");
    let answer = client.send(preflight).await;
    for name in [
        "content-type",
        "connect-protocol-version",
        "connect-timeout-ms",
        "grpc-timeout",
        "x-grpc-web",
        "x-user-agent",
        "x-request-id",
    ] {
        assert!(
            lists(&answer, "access-control-allow-headers", name),
            "a page must be allowed to send {name}, but the answer was {:?}",
            answer.headers
        );
    }
    for method in ["GET", "POST"] {
        assert!(
            lists(&answer, "access-control-allow-methods", method),
            "a page must be allowed to {method}, but the answer was {:?}",
            answer.headers
        );
    }

    let mut request = grpc_web(client, GET, &envelope(0, br#"{"id":"not-a-uuid"}"#));
    set(&mut request, "origin", origin);
    set(&mut request, "x-grpc-web", "1");
    let answer = client.send(request).await;
    assert_eq!(
        code(&answer),
        "invalid_argument",
        "the call must come through to its method"
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(origin),
        "the page may read the answer"
    );
    for name in [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-request-id",
    ] {
        assert!(
            lists(&answer, "access-control-expose-headers", name),
            "a page must be allowed to read {name}, but the answer was {:?}",
            answer.headers
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_has_its_status_in_the_body() {
    let platform = Platform::start().await;
    let client = platform.client();

    let answer = client.send(grpc_web(client, LIST, &envelope(0, b"{}"))).await;
    assert_eq!(answer.status, 200, "HTTP has nothing to complain of");
    assert_eq!(
        answer.header("content-type"),
        Some("application/grpc-web+json"),
        "the answer must be of the type that was asked for"
    );
    assert_eq!(
        envelopes(&answer.body),
        [(0, b"{}".to_vec()), (END, b"grpc-status: 0\r\n".to_vec())],
        "the answer must be a message, then the trailers"
    );

    let answer = client
        .send(grpc_web(client, GET, &envelope(0, br#"{"id":"not-a-uuid"}"#)))
        .await;
    assert_eq!(answer.status, 200, "the status of a call is in its body");
    let trailers = trailers(&answer.body);
    assert_eq!(
        trailer(&trailers, "grpc-status"),
        "3",
        "invalid_argument has the number 3"
    );
    assert!(
        trailer(&trailers, "grpc-message").starts_with("id must be a UUID"),
        "the trailers must say what is wrong, but were {trailers}"
    );
    let details = STANDARD_NO_PAD
        .decode(trailer(&trailers, "grpc-status-details-bin"))
        .expect("details are base64 without padding");
    let type_url = b"type.googleapis.com/google.rpc.BadRequest";
    assert!(
        details.windows(type_url.len()).any(|part| part == type_url),
        "the details must hold a google.rpc.BadRequest, but the trailers were {trailers}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_may_be_text() {
    let platform = Platform::start().await;
    let client = platform.client();
    let body = envelope(0, br#"{"pageSize":5}"#);
    // Base64 may be cut into texts with a padding each.
    let bodies = [
        STANDARD.encode(&body),
        format!("{}{}", STANDARD.encode(&body[..5]), STANDARD.encode(&body[5..])),
    ];
    for body in bodies {
        let mut request = client.post(LIST, body.clone());
        set(&mut request, "content-type", "application/grpc-web-text+json");
        let answer = client.send(request).await;

        assert_eq!(
            answer.header("content-type"),
            Some("application/grpc-web-text+json"),
            "{body}: text is answered with text"
        );
        let bytes: Vec<u8> = answer
            .body
            .chunks(4)
            .flat_map(|four| STANDARD.decode(four).expect("the answer is base64"))
            .collect();
        assert_eq!(
            envelopes(&bytes),
            [(0, b"{}".to_vec()), (END, b"grpc-status: 0\r\n".to_vec())],
            "{body}: in the text must be a message, then the trailers"
        );
    }
    let mut request = client.post(LIST, "no base64");
    set(&mut request, "content-type", "application/grpc-web-text+json");
    let answer = client.send(request).await;
    let bytes = STANDARD.decode(&answer.body).expect("the answer is base64");
    assert_eq!(
        trailer(&trailers(&bytes), "grpc-status"),
        "3",
        "what is no base64 must be an invalid_argument"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_requests_are_unpacked() {
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
        assert_eq!(
            names,
            ["new"],
            "{way} must be understood as a request for one product"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_packed_for_who_takes_that() {
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
        "who did not ask for gzip must get none"
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
            "what may be cached must tell what it depends on, but {method} had {:?}",
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
async fn a_message_may_be_as_large_as_the_limit() {
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
async fn a_message_may_unpack_to_the_limit_and_no_further() {
    let platform = Platform::start().await;
    let client = platform.client();

    // Gzip in a row is one text: so many times 64 KiB of spaces, and an object.
    for (times, expected) in [(3, "ok"), (4, "resource_exhausted"), (100, "resource_exhausted")] {
        let packed = [unbase64(SPACES).repeat(times), unbase64(EMPTY)].concat();
        assert!(packed.len() < LIMIT, "the bomb must be small as sent");
        for (way, request) in in_every_way(client, LIST, &packed, "gzip") {
            let answer = client.send(request).await;
            assert_eq!(
                code(&answer),
                expected,
                "{way} with {} bytes that unpack to {times} times 64 KiB",
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

#[tokio::test(flavor = "multi_thread")]
async fn a_get_must_be_a_whole_call_of_this_protocol() {
    let platform = Platform::start().await;
    let client = platform.client();

    let cases = [
        ("connect=v1&encoding=json&message=%7B%7D", 200, "ok"),
        ("encoding=json&message=%7B%7D", 200, "ok"),
        ("connect=v2&encoding=json&message=%7B%7D", 400, "invalid_argument"),
        ("connect=v1&encoding=json", 400, "invalid_argument"),
        ("connect=v1&encoding=json&message=%7B", 400, "invalid_argument"),
        (
            "connect=v1&encoding=json&base64=1&message=%7B%7D",
            400,
            "invalid_argument",
        ),
        ("connect=v1&encoding=xml&message=%7B%7D", 415, "unknown"),
        ("connect=v1&message=%7B%7D", 415, "unknown"),
    ];
    for (query, status, expected) in cases {
        let answer = client.get(&format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, status, "GET with {query}: {}", answer.text());
        assert_eq!(code(&answer), expected, "GET with {query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_when_its_time_is_up() {
    let platform = Platform::start().await;
    let client = platform.client();
    // A password takes tens of milliseconds.
    let account = json!({ "email": "a@example.com", "password": "correct horse" }).to_string();

    for milliseconds in ["0", "1", "5"] {
        let mut request = client.post(CREATE, account.clone());
        set(&mut request, "connect-timeout-ms", milliseconds);
        let answer = client.send(request).await;
        assert_eq!(
            answer.status,
            504,
            "{milliseconds} ms must not suffice: {}",
            answer.text()
        );
        assert_eq!(
            answer.failure().code,
            "deadline_exceeded",
            "and the code must say why"
        );
    }
    for timeout in ["0S", "1m", "5m", "5000u", "5000000n"] {
        let mut request = grpc_web(client, CREATE, &envelope(0, account.as_bytes()));
        set(&mut request, "grpc-timeout", timeout);
        let answer = client.send(request).await;
        assert_eq!(answer.status, 200, "the status of a call is in its body");
        assert_eq!(
            trailer(&trailers(&answer.body), "grpc-status"),
            "4",
            "{timeout} must not suffice, and deadline_exceeded has the number 4"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_none_is_an_invalid_argument() {
    let platform = Platform::start().await;
    let client = platform.client();

    for timeout in ["", "soon", "1", "1s", "-1S", "1.5S", "123456789S"] {
        let mut request = grpc_web(client, LIST, &envelope(0, b"{}"));
        set(&mut request, "grpc-timeout", timeout);
        let answer = client.send(request).await;
        assert_eq!(code(&answer), "invalid_argument", "grpc-timeout: {timeout}");
    }
    for timeout in ["", "soon", "-1", "99999999999"] {
        let query = "connect=v1&encoding=json&message=%7B%7D";
        let mut request = client.request("GET", &format!("{LIST}?{query}"), Bytes::new());
        set(&mut request, "connect-timeout-ms", timeout);
        let answer = client.send(request).await;
        assert_eq!(
            code(&answer),
            "invalid_argument",
            "GET with connect-timeout-ms: {timeout}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_wrong_form_says_what_is_right() {
    let platform = Platform::start().await;
    let client = platform.client();

    for (path, allowed) in [(LIST, "GET, HEAD, POST"), (CREATE, "POST")] {
        let answer = client.send(client.request("PUT", path, Bytes::new())).await;
        assert_eq!(answer.status, 405, "PUT {path} must be refused");
        assert_eq!(
            answer.header("allow"),
            Some(allowed),
            "PUT {path}: what is right must be said"
        );

        let mut request = client.post(path, "<id/>");
        set(&mut request, "content-type", "application/xml");
        let answer = client.send(request).await;
        assert_eq!(answer.status, 415, "{path} must refuse XML");
        for media_type in [
            "application/json",
            "application/proto",
            "application/grpc+proto",
            "application/grpc-web+proto",
            "application/grpc-web-text+proto",
        ] {
            assert!(
                lists(&answer, "accept-post", media_type),
                "{path}: {media_type} is right, but the answer was {:?}",
                answer.headers
            );
        }
        // Only streams have envelopes in Connect.
        assert!(
            !lists(&answer, "accept-post", "application/connect+json"),
            "{path} has one answer, which is no stream"
        );
    }
}

/// A call by gRPC-Web with JSON.
fn grpc_web(client: &Client, path: &str, body: &[u8]) -> Request<Bytes> {
    let mut request = client.post(path, body.to_vec());
    set(&mut request, "content-type", "application/grpc-web+json");
    request
}

/// The same message in JSON, compressed somehow, by POST, by GET and by gRPC-Web.
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

fn set(request: &mut Request<Bytes>, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("a header's value");
    request.headers_mut().insert(HeaderName::from_static(name), value);
}

fn envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message that an envelope can hold");
    [[flags].as_slice(), &length.to_be_bytes(), message].concat()
}

/// The flags and contents of all envelopes.
fn envelopes(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut envelopes = Vec::new();
    while let Some((&[flags, a, b, c, d], rest)) = body.split_first_chunk() {
        let (content, rest) = rest
            .split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize)
            .expect("an envelope must be there as a whole");
        envelopes.push((flags, content.to_vec()));
        body = rest;
    }
    assert!(
        body.is_empty(),
        "nothing must follow the last envelope, but {body:?} did"
    );
    envelopes
}

/// The text of the last envelope.
fn trailers(body: &[u8]) -> String {
    let (flags, text) = envelopes(body).pop().expect("an answer ends with trailers");
    assert_eq!(flags & END, END, "the last envelope must be the trailers");
    String::from_utf8(text).expect("trailers are text")
}

fn trailer<'a>(trailers: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    trailers.lines().find_map(value).unwrap_or_default()
}

/// The code with which a call ended, or "ok".
fn code(answer: &Answer) -> String {
    let media_type = answer.header("content-type").unwrap_or_default();
    if !media_type.starts_with("application/grpc-web") {
        return match answer.status.as_u16() {
            200 => "ok".to_owned(),
            _ => answer.failure().code,
        };
    }
    let trailers = trailers(&answer.body);
    let code = match trailer(&trailers, "grpc-status") {
        "0" => "ok",
        "3" => "invalid_argument",
        "8" => "resource_exhausted",
        "12" => "unimplemented",
        other => panic!("no test here expects the status {other:?}: {trailers}"),
    };
    code.to_owned()
}

/// The message of a call that succeeded.
fn message(answer: &Answer) -> Value {
    let media_type = answer.header("content-type").unwrap_or_default();
    if media_type.starts_with("application/grpc-web") {
        let (_, message) = &envelopes(&answer.body)[0];
        return serde_json::from_slice(message).expect("the message is JSON");
    }
    answer.message()
}

/// Whether a header that is a list has this entry.
fn lists(answer: &Answer, header: &str, entry: &str) -> bool {
    let values = answer.headers.get_all(header).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(entry))
}

/// Checks that this is gzip, and worth it. That it unpacks to the same is what the clients see.
fn must_be_gzip(packed: &[u8], plain: &[u8]) {
    assert!(
        packed.starts_with(&[0x1f, 0x8b]),
        "the body must begin as gzip does"
    );
    assert!(
        packed.len() < plain.len() / 2,
        "it must be smaller, but has {} of {} bytes",
        packed.len(),
        plain.len()
    );
}

fn unbase64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_of_what_is_not_there_is_unimplemented_in_its_trailers() {
    let platform = Platform::start().await;
    let client = platform.client();

    for path in [
        "/product.v1.ProductService/Nothing",
        "/grpc.nothing.v1.Nothing/Nothing",
    ] {
        let answer = client.send(grpc_web(client, path, &envelope(0, b"{}"))).await;
        assert_eq!(answer.status, 200, "{path}: the status of a call is in its body");
        assert_eq!(
            trailer(&trailers(&answer.body), "grpc-status"),
            "12",
            "{path}: unimplemented has the number 12"
        );

        let mut request = client.post(path, envelope(0, b""));
        set(&mut request, "content-type", "application/grpc");
        let answer = client.send(request).await;
        assert_eq!(
            answer.status, 200,
            "{path}: the status of a call is in its trailers"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/grpc+proto"),
            "{path}"
        );
        assert!(
            answer.body.is_empty(),
            "{path}: no message, and no JSON: {}",
            answer.text()
        );
    }
}
