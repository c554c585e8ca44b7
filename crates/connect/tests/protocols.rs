//! The protocols beside Connect's unary calls: streams, gRPC-Web and gRPC; and what all share, compression and deadlines.
//! Bodies are written out byte by byte, as the specifications have them.

mod envelopes;
mod support;

use std::io::{Read as _, Write as _};

use akinai_connect::json::Types;
use akinai_connect::{Client, Code, InMemory, Router, wkt};
use akinai_connect_test_schema::testing::v1::{
    CountRequest, EchoServiceClient, LookRequest, TYPES, Tree, WaitRequest,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;

use envelopes::{envelope, envelopes};

const LOOK: &str = "/testing.v1.EchoService/Look";
const FAIL: &str = "/testing.v1.EchoService/Fail";
const COUNT: &str = "/testing.v1.EchoService/Count";
const WAIT: &str = "/testing.v1.EchoService/Wait";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

async fn post(path: &str, headers: &str, body: impl Into<Bytes>) -> Answer {
    answer_of(&support::router(), "POST", path, headers, body).await
}

async fn answer_of(
    router: &Router,
    method: &str,
    path: &str,
    headers: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers.split('|').filter_map(|header| header.split_once(": ")) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body.into())).expect("a request");
    let (head, body) = router.handle(request).await.into_parts();
    let body = body.collect().await.expect("a body");
    let trailers = body.trailers().cloned();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.to_bytes().into(),
        trailers,
    }
}

fn texts(body: &[u8]) -> Vec<(u8, String)> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    envelopes(body)
        .into_iter()
        .map(|(flags, message)| (flags, text(message)))
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut unpacked).expect("gzip");
    unpacked
}

const STREAM: &str = "content-type: application/connect+json";
const WEB: &str = "content-type: application/grpc-web+json";

#[tokio::test]
async fn a_connect_stream_has_messages_and_an_end() {
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
async fn a_connect_stream_that_fails_says_so_at_its_end() {
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
async fn a_call_that_fails_before_it_streams_is_an_end_too() {
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
async fn methods_are_called_by_the_media_types_of_their_kind() {
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

/// `google.rpc.Status`, as a client reads it.
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
async fn gzip_is_understood_in_every_protocol() {
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
async fn large_answers_are_compressed_for_those_who_take_it() {
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
async fn a_bomb_is_refused_by_its_unpacked_size() {
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

#[tokio::test]
async fn a_handler_is_cut_off_when_time_is_up() {
    let json = "content-type: application/json|connect-timeout-ms: 50";
    let answer = post(WAIT, json, "{}").await;
    assert_eq!(answer.status, 504);
    assert!(answer.body.starts_with(br#"{"code":"deadline_exceeded""#));

    let web = post(WAIT, &format!("{WEB}|grpc-timeout: 50m"), envelope(0, "{}")).await;
    assert!(
        texts(&web.body)[0].1.contains("grpc-status: 4\r\n"),
        "deadline_exceeded is 4"
    );

    let open = envelope(0, r#"{"to":1,"staysOpen":true}"#);
    let stream = post(COUNT, &format!("{STREAM}|connect-timeout-ms: 50"), open).await;
    let envelopes = texts(&stream.body);
    assert_eq!(
        envelopes[0],
        (0, r#"{"number":1}"#.to_owned()),
        "what came in time"
    );
    assert!(
        envelopes[1]
            .1
            .starts_with(r#"{"error":{"code":"deadline_exceeded""#)
    );
}

/// A timer fires only while a stream waits; a stream whose messages are always ready never waits.
#[tokio::test]
async fn a_stream_that_never_pauses_is_cut_off_too() {
    let endless = envelope(0, r#"{"to":4294967295}"#);
    let stream = post(COUNT, &format!("{STREAM}|connect-timeout-ms: 50"), endless).await;
    let envelopes = texts(&stream.body);
    let (_, end) = envelopes.last().expect("the stream has an end");
    assert!(
        end.starts_with(r#"{"error":{"code":"deadline_exceeded""#),
        "the end should be deadline_exceeded: {end}"
    );
}

fn client() -> EchoServiceClient<InMemory> {
    EchoServiceClient::new(InMemory::new(support::router().into()))
}

fn count(to: u32, error_code: &str) -> CountRequest {
    CountRequest {
        to,
        error_code: error_code.to_owned(),
        ..CountRequest::default()
    }
}

#[tokio::test]
async fn the_client_reads_streams() {
    let mut counting = client().count(Default::default(), count(3, "")).await.unwrap();
    assert_eq!(counting.headers()["x-counting"], "yes");
    let mut numbers = Vec::new();
    while let Some(answer) = counting.next().await {
        numbers.push(answer.unwrap().number);
    }
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(counting.trailers()["x-counted"], "3");

    let failing = client()
        .count(Default::default(), count(1, "data_loss"))
        .await
        .unwrap();
    let answers: Vec<_> = failing.collect().await;
    assert_eq!(answers[0].as_ref().unwrap().number, 1);
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::DataLoss, "counted enough")
    );
    assert_eq!(error.metadata()["x-tired"], "yes");
    assert_eq!(answers.len(), 2, "nothing comes after an error");
}

#[tokio::test]
async fn the_client_speaks_gzip() {
    let router = support::router();
    let client = EchoServiceClient::with(Client::new(InMemory::new(router.into())).gzip());
    let text = "marmalade ".repeat(1000);
    let looked = client
        .look(Default::default(), LookRequest { text: text.clone() })
        .await
        .unwrap();
    assert_eq!(looked.message.text, text);
    let request = CountRequest {
        padding: text.clone(),
        ..count(2, "")
    };
    let counting = client.count(Default::default(), request).await.unwrap();
    let answers: Vec<_> = counting.collect().await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1].as_ref().unwrap().padding, text);
}

#[tokio::test]
async fn a_client_in_a_router_relays_streams() {
    let server = akinai_connect_test_schema::testing::v1::EchoServiceServer::new(client());
    let proxy = Router::new().service(server);
    let body = envelope(0, r#"{"to":1,"errorCode":"aborted"}"#);
    let answer = answer_of(&proxy, "POST", COUNT, STREAM, body).await;
    assert_eq!(answer.headers["x-counting"], "yes");
    let envelopes = texts(&answer.body);
    assert_eq!(envelopes[0], (0, r#"{"number":1}"#.to_owned()));
    assert!(envelopes[1].1.contains(r#""code":"aborted""#), "{envelopes:?}");
}

#[tokio::test]
async fn a_dropped_call_is_dropped_at_the_server_too() {
    let client = client();
    let call = client.wait(Default::default(), WaitRequest {});
    let before = support::dropped();
    let result = tokio::time::timeout(std::time::Duration::from_millis(20), call).await;
    assert!(result.is_err(), "the method waits for ever");
    assert_eq!(
        support::dropped(),
        before + 1,
        "dropping the call ends the method"
    );
}

/// A depth that protobuf allows in binary comes back from JSON, where a list in each message doubles it; what has no bound in
/// binary has one here.
#[test]
fn nesting_is_bounded_alike_in_both_forms() {
    let nested = |depth: usize| {
        (0..depth).fold(Tree::default(), |inner, _| Tree {
            branches: vec![inner],
            ..Tree::default()
        })
    };
    let types = Types::default().with(TYPES);
    let deep = nested(98);
    let binary = Tree::decode(&deep.encode_to_vec()[..]).expect("protobuf takes it");
    let json = akinai_connect::json::to_vec(&binary, &types).expect("it has a JSON form");
    let read: Tree = akinai_connect::json::from_slice(&json, &types).expect("which is read again");
    assert_eq!(read, deep);

    let mut any = wkt::Any::default();
    for _ in 0..100_000 {
        any = wkt::Any {
            type_url: "type.googleapis.com/google.protobuf.Any".into(),
            value: any.encode_to_vec(),
        };
        if any.value.len() > 64 * 1024 {
            break;
        }
    }
    let refused = akinai_connect::json::to_vec(&any, &types);
    assert!(refused.is_err(), "an Any in an Any in an Any has an end");
}

#[tokio::test]
async fn a_call_of_what_is_not_there_is_unimplemented_in_the_words_of_its_protocol() {
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

/// Codings are compared without case, and `x-gzip` is gzip, in every header and parameter that names one.
#[tokio::test]
async fn codings_are_named_without_case_everywhere() {
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
