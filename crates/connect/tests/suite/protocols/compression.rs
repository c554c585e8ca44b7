//! Compressed requests and answers.

use base64::Engine as _;

use super::{COUNT, LOOK, STREAM, WEB, answer_of, post, texts};
use crate::support;
use crate::support::envelopes::{envelope, envelopes};
use crate::support::gzip::{gunzip, gzip};

#[tokio::test]
async fn gzip_is_decompressed_in_every_protocol() {
    let message = r#"{"text":"packed"}"#;
    let unary = post(
        LOOK,
        "content-type: application/json|content-encoding: gzip",
        gzip(message.as_bytes()),
    )
    .await;
    assert_eq!((unary.status, &*unary.body), (200, message.as_bytes()));
    let packed = envelope(1, gzip(message.as_bytes()));
    let web = post(LOOK, &format!("{WEB}|grpc-encoding: gzip"), packed).await;
    assert_eq!(texts(&web.body)[0], (0, message.to_owned()));
    let packed = envelope(1, gzip(br#"{"to":1}"#));
    let stream = post(COUNT, &format!("{STREAM}|connect-content-encoding: gzip"), packed).await;
    assert_eq!(texts(&stream.body)[0], (0, r#"{"number":1}"#.to_owned()));
    let query = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(gzip(message.as_bytes()));
    let path = format!("{LOOK}?encoding=json&base64=1&compression=gzip&message={query}");
    let get = answer_of(&support::router(), "GET", &path, "", "").await;
    assert_eq!((get.status, &*get.body), (200, message.as_bytes()));
}

#[tokio::test]
async fn large_answers_are_compressed_if_the_client_accepts_it() {
    let text = "marmalade ".repeat(1000);
    let message = format!(r#"{{"text":"{text}"}}"#);
    let json = "content-type: application/json";
    let plain = post(LOOK, json, message.clone()).await;
    assert!(
        !plain.headers.contains_key("content-encoding"),
        "the client did not ask for it"
    );
    let packed = post(
        LOOK,
        &format!("{json}|accept-encoding: gzip, br"),
        message.clone(),
    )
    .await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert_eq!(packed.headers["content-length"], packed.body.len().to_string());
    assert!(
        packed.body.len() < message.len() / 10,
        "{} bytes",
        packed.body.len()
    );
    assert_eq!(gunzip(&packed.body), message.as_bytes());

    let web = post(
        LOOK,
        &format!("{WEB}|grpc-accept-encoding: gzip"),
        envelope(0, &message),
    )
    .await;
    assert_eq!(web.headers["grpc-encoding"], "gzip");
    let (flags, first) = envelopes(&web.body).swap_remove(0);
    assert_eq!((flags, gunzip(&first)), (1, message.clone().into_bytes()));

    let count = envelope(0, format!(r#"{{"to":1,"padding":"{text}"}}"#));
    let stream = post(COUNT, &format!("{STREAM}|connect-accept-encoding: gzip"), count).await;
    assert_eq!(stream.headers["connect-content-encoding"], "gzip");
    let envelopes = envelopes(&stream.body);
    assert_eq!(envelopes[0].0, 1, "the message is compressed");
    assert_eq!(envelopes[1].0, 2, "the end is short, and is not");
}

#[tokio::test]
async fn decompression_bomb_is_refused_by_its_decompressed_size() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20, "small as sent");
    let answer = post(
        LOOK,
        "content-type: application/json|content-encoding: gzip",
        bomb.clone(),
    )
    .await;
    assert_eq!(answer.status, 429);
    let answer = post(
        COUNT,
        &format!("{STREAM}|connect-content-encoding: gzip"),
        envelope(1, bomb),
    )
    .await;
    assert!(
        texts(&answer.body)[0]
            .1
            .starts_with(r#"{"error":{"code":"resource_exhausted""#)
    );
}

#[tokio::test]
async fn answers_to_get_vary_by_encoding() {
    let path = format!("{LOOK}?encoding=json&message=%7B%7D");
    let answer = answer_of(&support::router(), "GET", &path, "", "").await;
    assert_eq!(
        answer.headers["vary"], "accept-encoding",
        "or a cache gives gzip to who cannot read it"
    );
}

/// Codings are compared without case, and `x-gzip` is gzip, in every header and parameter with a coding.
#[tokio::test]
async fn codings_are_compared_without_case_everywhere() {
    let message = format!(r#"{{"text":"{}"}}"#, "marmalade ".repeat(500));
    let packed = gzip(message.as_bytes());
    for name in ["GZIP", "x-gzip", "X-Gzip"] {
        let headers =
            format!("content-type: application/json|content-encoding: {name}|accept-encoding: {name}");
        let unary = post(LOOK, &headers, packed.clone()).await;
        assert_eq!(
            (unary.status, gunzip(&unary.body)),
            (200, message.clone().into()),
            "{name}"
        );
        let headers = format!("{WEB}|grpc-encoding: {name}|grpc-accept-encoding: {name}");
        let web = post(LOOK, &headers, envelope(1, &packed)).await;
        assert_eq!(gunzip(&envelopes(&web.body)[0].1), message.as_bytes(), "{name}");
        let headers = format!("{STREAM}|connect-content-encoding: {name}");
        let stream = post(COUNT, &headers, envelope(1, gzip(br#"{"to":1}"#))).await;
        assert_eq!(
            texts(&stream.body)[0],
            (0, r#"{"number":1}"#.to_owned()),
            "{name}"
        );
        let query = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&packed);
        let path = format!("{LOOK}?encoding=json&base64=1&compression={name}&message={query}");
        let get = answer_of(&support::router(), "GET", &path, "", "").await;
        assert_eq!((get.status, &*get.body), (200, message.as_bytes()), "{name}");
    }
    let twice = "content-type: application/json|content-encoding: gzip|content-encoding: br";
    let refused = post(LOOK, twice, packed).await;
    assert_eq!(refused.status, 501, "two codings cannot be undone");
}
