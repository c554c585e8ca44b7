//! The form of calls and answers in each protocol.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use harness::{Platform, Setup};

use super::{CREATE, END, GET, LIST, code, envelope, envelopes, grpc_web, lists, set, trailer, trailers};

#[tokio::test(flavor = "multi_thread")]
async fn browser_may_use_every_protocol() {
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
        "the call must reach its method"
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
        "the answer must have the requested type"
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
        "the trailers must describe the fault, but were {trailers}"
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
            "{body}: the text must contain a message, then the trailers"
        );
    }
    let mut request = client.post(LIST, "no base64");
    set(&mut request, "content-type", "application/grpc-web-text+json");
    let answer = client.send(request).await;
    let bytes = STANDARD.decode(&answer.body).expect("the answer is base64");
    assert_eq!(
        trailer(&trailers(&bytes), "grpc-status"),
        "3",
        "text that is not base64 must be an invalid_argument"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn get_must_be_a_complete_call_of_this_protocol() {
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
async fn refusal_of_a_wrong_form_names_the_right_one() {
    let platform = Platform::start().await;
    let client = platform.client();

    for (path, allowed) in [(LIST, "GET, HEAD, POST"), (CREATE, "POST")] {
        let answer = client.send(client.request("PUT", path, Bytes::new())).await;
        assert_eq!(answer.status, 405, "PUT {path} must be refused");
        assert_eq!(
            answer.header("allow"),
            Some(allowed),
            "PUT {path}: the answer must name the allowed methods"
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
                "{path}: {media_type} is accepted, but the answer was {:?}",
                answer.headers
            );
        }
        // Only streams have envelopes in Connect.
        assert!(
            !lists(&answer, "accept-post", "application/connect+json"),
            "{path} has one answer, which is not a stream"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_call_of_an_unknown_method_is_unimplemented_in_its_trailers() {
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
