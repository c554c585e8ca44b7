//! The form of calls and answers in each protocol.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prost::Message as _;

use super::{COUNT, FAIL, LOOK, STREAM, WEB, answer_of, post, texts};
use crate::support;
use crate::support::envelopes::{envelope, envelopes};
use crate::support::gzip::gzip;

#[tokio::test]
async fn connect_stream_has_messages_and_an_end() {
    let answer = post(COUNT, STREAM, envelope(0, r#"{"to":2}"#)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/connect+json");
    assert_eq!(answer.headers["connect-accept-encoding"], "gzip");
    assert_eq!(answer.headers["x-counting"], "yes", "leading metadata");
    let expected = [
        (0, r#"{"number":1}"#),
        (0, r#"{"number":2}"#),
        (2, r#"{"metadata":{"x-counted":["2"]}}"#),
    ];
    assert_eq!(
        texts(&answer.body),
        expected.map(|(flags, text)| (flags, text.to_owned()))
    );
}

#[tokio::test]
async fn connect_stream_that_fails_ends_with_the_error() {
    let answer = post(COUNT, STREAM, envelope(0, r#"{"to":1,"errorCode":"aborted"}"#)).await;
    assert_eq!(answer.status, 200, "the status was sent long before the error");
    let expected = [
        (0, r#"{"number":1}"#),
        (
            2,
            r#"{"error":{"code":"aborted","message":"counted enough"},"metadata":{"x-counted":["1"],"x-tired":["yes"]}}"#,
        ),
    ];
    assert_eq!(
        texts(&answer.body),
        expected.map(|(flags, text)| (flags, text.to_owned()))
    );
}

#[tokio::test]
async fn call_that_fails_before_its_first_message_has_an_end_too() {
    let cases = [
        (
            "connect-protocol-version: 2",
            envelope(0, "{}"),
            "invalid_argument",
        ),
        ("connect-timeout-ms: x", envelope(0, "{}"), "invalid_argument"),
        ("connect-content-encoding: br", envelope(0, "{}"), "unimplemented"),
        ("x-forbidden: 1", envelope(0, "{}"), "permission_denied"),
        ("", envelope(0, "no JSON"), "invalid_argument"),
        ("", Vec::new(), "unimplemented"),
        ("", envelope(0, "{}")[..6].to_vec(), "invalid_argument"),
        (
            "",
            [envelope(0, "{}"), envelope(0, "{}")].concat(),
            "unimplemented",
        ),
        ("", vec![0, 0xff, 0xff, 0xff, 0xff], "resource_exhausted"),
        ("", envelope(1, gzip(b"{}")), "internal"),
        ("", envelope(2, "{}"), "internal"),
        ("", envelope(0x80, "{}"), "internal"),
        (
            "connect-content-encoding: gzip",
            envelope(1, "no gzip"),
            "invalid_argument",
        ),
    ];
    for (header, body, code) in cases {
        let what = format!("{header:?} with {body:?}");
        let answer = post(COUNT, &format!("{STREAM}|{header}"), body).await;
        assert_eq!(answer.status, 200, "{what}");
        let envelopes = texts(&answer.body);
        let expected = format!(r#"{{"error":{{"code":"{code}""#);
        assert!(
            matches!(&envelopes[..], [(2, end)] if end.starts_with(&expected)),
            "{what} should end with {code}: {envelopes:?}"
        );
    }
}

#[tokio::test]
async fn methods_accept_only_the_media_types_of_their_kind() {
    let wrong = [
        (COUNT, "content-type: application/json"),
        (COUNT, "content-type: application/proto"),
        (LOOK, "content-type: application/connect+json"),
        (LOOK, "content-type: application/connect+proto"),
    ];
    for (path, headers) in wrong {
        let answer = post(path, headers, "{}").await;
        assert_eq!(answer.status, 415, "{path} with {headers}");
        assert!(
            answer.headers.contains_key("accept-post"),
            "{path} with {headers}"
        );
    }
    let answer = answer_of(
        &support::router(),
        "GET",
        &format!("{COUNT}?encoding=json&message=%7B%7D"),
        "",
        "",
    )
    .await;
    assert_eq!(answer.status, 405, "what streams is not called by GET");
}

#[tokio::test]
async fn grpc_web_has_its_trailers_in_the_body() {
    let answer = post(LOOK, WEB, envelope(0, r#"{"text":"商"}"#)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/grpc-web+json");
    assert_eq!(answer.headers["grpc-accept-encoding"], "gzip");
    let expected = [(0, r#"{"text":"商"}"#), (0x80, "grpc-status: 0\r\n")];
    assert_eq!(
        texts(&answer.body),
        expected.map(|(flags, text)| (flags, text.to_owned()))
    );

    let short = "content-type: application/grpc-web";
    let answer = post(LOOK, short, envelope(0, b"\x0a\x01a")).await;
    assert_eq!(
        envelopes(&answer.body)[0].1,
        b"\x0a\x01a",
        "binary is what is meant when nothing is said"
    );
    let answer = post(COUNT, WEB, envelope(0, r#"{"to":2}"#)).await;
    let expected = [
        (0, r#"{"number":1}"#),
        (0, r#"{"number":2}"#),
        (0x80, "x-counted: 2\r\ngrpc-status: 0\r\n"),
    ];
    assert_eq!(
        texts(&answer.body),
        expected.map(|(flags, text)| (flags, text.to_owned())),
        "a stream"
    );
}

#[tokio::test]
async fn grpc_web_in_text_is_base64() {
    let headers = "content-type: application/grpc-web-text+json";
    let request = STANDARD.encode(envelope(0, r#"{"text":"a"}"#));
    let answer = post(LOOK, headers, request).await;
    assert_eq!(answer.headers["content-type"], "application/grpc-web-text+json");
    let mut body = Vec::new();
    for four in answer.body.chunks(4) {
        body.extend(STANDARD.decode(four).expect("groups of four"));
    }
    let expected = [(0, r#"{"text":"a"}"#), (0x80, "grpc-status: 0\r\n")];
    assert_eq!(
        texts(&body),
        expected.map(|(flags, text)| (flags, text.to_owned()))
    );
}

/// Reads `google.rpc.Status` as a client does.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[tokio::test]
async fn grpc_errors_have_a_status_a_message_and_details() {
    let body = r#"{"code":"not_found","message":"100% 商","detail":{"anInt32":1}}"#;
    let answer = post(FAIL, "content-type: application/grpc+json", envelope(0, body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, b"", "no message");
    let trailers = answer.trailers.expect("gRPC has HTTP trailers");
    assert_eq!(trailers["grpc-status"], "5");
    assert_eq!(trailers["grpc-message"], "100%25 %E5%95%86");
    assert_eq!(trailers["x-cost"], "7", "trailing metadata");
    assert_eq!(trailers["retry-after"], "3", "the error's metadata");
    let details = STANDARD_NO_PAD
        .decode(&trailers["grpc-status-details-bin"])
        .expect("base64");
    let status = Status::decode(&*details).expect("a google.rpc.Status");
    assert_eq!((status.code, &*status.message), (5, "100% 商"));
    assert_eq!(
        status.details[0].type_url,
        "type.googleapis.com/testing.v1.Scalars"
    );
    assert_eq!(status.details[0].value, b"\x18\x01");
}

#[tokio::test]
async fn call_of_an_unknown_method_is_unimplemented_in_its_protocol() {
    for path in ["/testing.v1.EchoService/Nope", "/a.B/C"] {
        for media in [
            "application/grpc",
            "application/grpc+json",
            "application/grpc+thrift",
        ] {
            let answer = post(path, &format!("content-type: {media}"), envelope(0, "")).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (200, &b""[..]),
                "{path} by {media}"
            );
            assert_eq!(
                answer.headers["content-type"], "application/grpc+proto",
                "{path} by {media}"
            );
            let trailers = answer.trailers.expect("gRPC has HTTP trailers");
            assert_eq!(trailers["grpc-status"], "12", "{path} by {media}");
            assert_eq!(trailers["grpc-message"], format!("there is no method at {path}"));
        }
        let answer = post(path, WEB, envelope(0, "{}")).await;
        let end = format!("grpc-status: 12\r\ngrpc-message: there is no method at {path}\r\n");
        assert_eq!(
            (answer.status, texts(&answer.body)),
            (200, vec![(0x80, end)]),
            "{path}"
        );
    }
}
