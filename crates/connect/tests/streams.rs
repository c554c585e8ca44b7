//! Streams of requests, alone and beside a stream of answers, in every protocol: what comes, when it is read, and how it
//! ends.

mod envelopes;
mod support;

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

use akinai_connect::{Body, Limits, Router};
use akinai_connect_test_schema::testing::v1::{GatherRequest, GatherResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::stream::{self, Stream, StreamExt as _};
use futures::{FutureExt as _, SinkExt as _};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

use envelopes::{envelope, envelopes};

const GATHER: &str = "/testing.v1.EchoService/Gather";
const TALK: &str = "/testing.v1.EchoService/Talk";

/// The media types of what a stream can be sent by, and the header that names the compression.
const PROTOCOLS: [(&str, &str); 8] = [
    ("application/connect+json", "connect-content-encoding"),
    ("application/connect+proto", "connect-content-encoding"),
    ("application/grpc+json", "grpc-encoding"),
    ("application/grpc", "grpc-encoding"),
    ("application/grpc-web+json", "grpc-encoding"),
    ("application/grpc-web+proto", "grpc-encoding"),
    ("application/grpc-web-text+json", "grpc-encoding"),
    ("application/grpc-web-text", "grpc-encoding"),
];

const CONNECT: &str = "application/connect+json";
const GRPC: &str = "application/grpc+json";

type Piece = Result<Frame<Bytes>, &'static str>;

/// What an answer says: its messages, and how it ended. A Connect stream's end is JSON, gRPC's is trailers.
struct Said {
    messages: Vec<Vec<u8>>,
    end: String,
}

async fn said(media: &str, response: Response<Body>) -> Said {
    assert_eq!(response.status(), 200, "{media}: how it went is at the end");
    let body = response.into_body().collect().await.expect("a body");
    let trailers = body.trailers().map(|trailers| format!("{trailers:?}"));
    let mut bytes = body.to_bytes().to_vec();
    if media.contains("-text") {
        bytes = bytes
            .chunks(4)
            .flat_map(|four| STANDARD.decode(four).expect("base64"))
            .collect();
    }
    let (ends, messages): (Vec<_>, Vec<_>) = envelopes(&bytes)
        .into_iter()
        .partition(|(flags, _)| flags & 0x82 != 0);
    let end = ends
        .into_iter()
        .map(|(_, end)| String::from_utf8(end).expect("text"));
    Said {
        messages: messages.into_iter().map(|(_, message)| message).collect(),
        end: trailers.into_iter().chain(end).collect(),
    }
}

fn request<B>(path: &str, media: &str, body: B) -> Request<B> {
    let request = Request::post(path).header("content-type", media);
    request.body(body).expect("a request")
}

/// A body of these bytes, cut into pieces of so many.
fn pieces(bytes: Vec<u8>, length: usize) -> StreamBody<impl Stream<Item = Piece>> {
    let pieces: Vec<Piece> = bytes
        .chunks(length)
        .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    StreamBody::new(stream::iter(pieces))
}

/// A body that the test writes.
fn written() -> (mpsc::Sender<Piece>, StreamBody<mpsc::Receiver<Piece>>) {
    let (sender, receiver) = mpsc::channel(0);
    (sender, StreamBody::new(receiver))
}

fn data(bytes: Vec<u8>) -> Piece {
    Ok(Frame::data(bytes.into()))
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

/// A request message with a text, in the encoding of a media type. Gather's and Talk's are alike.
fn text(media: &str, text: &str) -> Vec<u8> {
    match media.ends_with("json") {
        true => format!(r#"{{"text":"{text}"}}"#).into(),
        false => GatherRequest { text: text.into() }.encode_to_vec(),
    }
}

#[tokio::test]
async fn a_client_stream_gets_one_answer_in_every_protocol() {
    for (media, _) in PROTOCOLS {
        for length in [1, 3, 1000] {
            let mut body = [
                envelope(0, text(media, "a")),
                envelope(0, text(media, "")),
                envelope(0, text(media, "商")),
            ]
            .concat();
            if media.contains("-text") {
                body = STANDARD.encode(body).into();
            }
            let what = format!("{media} in pieces of {length}");
            let response = support::router()
                .handle(request(GATHER, media, pieces(body, length)))
                .await;
            let said = said(media, response).await;
            let texts = vec!["a".to_owned(), String::new(), "商".to_owned()];
            let expected = match media.ends_with("json") {
                true => r#"{"texts":["a","","商"]}"#.into(),
                false => GatherResponse { texts }.encode_to_vec(),
            };
            assert_eq!(said.messages, [expected], "{what}");
            assert!(said.end.contains("x-gathered"), "{what}: {}", said.end);
        }
    }
}

#[tokio::test]
async fn a_stream_without_messages_is_a_stream() {
    for (media, _) in PROTOCOLS {
        let response = support::router()
            .handle(request(GATHER, media, pieces(Vec::new(), 1)))
            .await;
        let empty = if media.ends_with("json") { "{}" } else { "" };
        assert_eq!(
            said(media, response).await.messages,
            [empty.as_bytes()],
            "{media}"
        );
        let response = support::router()
            .handle(request(TALK, media, pieces(Vec::new(), 1)))
            .await;
        assert_eq!(response.headers()["x-talking"], "yes", "{media}");
        assert!(said(media, response).await.messages.is_empty(), "{media}");
    }
}

#[tokio::test]
async fn messages_of_a_stream_are_unpacked_and_packed() {
    let long = "marmalade ".repeat(500);
    for (media, coding) in PROTOCOLS
        .into_iter()
        .filter(|(media, _)| !media.contains("-text"))
    {
        let body = [
            envelope(1, gzip(&text(media, &long))),
            envelope(0, text(media, "b")),
        ]
        .concat();
        let mut request = request(TALK, media, pieces(body, 100));
        let accept = coding
            .replace("-encoding", "-accept-encoding")
            .replace("-content", "");
        request.headers_mut().insert(coding, "GZIP".parse().unwrap());
        request.headers_mut().insert(
            http::HeaderName::try_from(accept).unwrap(),
            "x-gzip".parse().unwrap(),
        );
        let response = support::router().handle(request).await;
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let answers = envelopes(&body);
        assert_eq!(answers[0].0, 1, "{media}: the long one is packed");
        assert_eq!(gunzip(&answers[0].1), text(media, &long), "{media}");
        assert_eq!(answers[1], (0, text(media, "b")), "{media}: the short one is not");
    }
}

#[tokio::test]
async fn an_answer_comes_before_the_next_request_is_sent() {
    for media in [CONNECT, "application/grpc", "application/grpc-web+proto"] {
        let (mut sender, body) = written();
        let response = support::router().handle(request(TALK, media, body)).await;
        let mut answers = response.into_body();
        for number in 0..3 {
            let said = text(media, &number.to_string());
            assert!(
                answers.frame().now_or_never().is_none(),
                "{media}: nothing to answer yet"
            );
            let send = sender.send(data(envelope(0, &said)));
            let (sent, answer) = futures::join!(send, answers.frame());
            sent.expect("it is read");
            let answer = answer.expect("an answer").expect("one that is whole");
            assert_eq!(
                answer.into_data().expect("a message"),
                envelope(0, said),
                "{media}"
            );
        }
        drop(sender);
        let end = answers.frame().await.expect("an end").expect("one that is whole");
        assert!(
            end.is_trailers() || end.data_ref().is_some_and(|end| end[0] & 0x82 != 0),
            "{media}"
        );
    }
}

/// The client's half may end while the server's goes on, and the other way round.
#[tokio::test]
async fn a_server_may_end_a_stream_whose_client_goes_on() {
    let (mut sender, body) = written();
    let response = support::router().handle(request(TALK, CONNECT, body)).await;
    let stop = envelope(0, r#"{"text":"enough","errorCode":"aborted"}"#);
    let (sent, said) = futures::join!(sender.send(data(stop)), said(CONNECT, response));
    sent.expect("it is read");
    assert_eq!(said.end, r#"{"error":{"code":"aborted","message":"enough"}}"#);
    let more = sender.send(data(envelope(0, "{}"))).await;
    assert!(more.is_err(), "the rest of the request is given up");
}

/// A body of messages without end that counts how many were taken out of it.
fn endless(taken: &Rc<Cell<usize>>) -> StreamBody<impl Stream<Item = Piece> + use<>> {
    let taken = Rc::clone(taken);
    let message = Bytes::from(envelope(0, format!(r#"{{"text":"{}"}}"#, "x".repeat(10_000))));
    StreamBody::new(stream::repeat_with(move || {
        taken.set(taken.get() + 1);
        Ok(Frame::data(message.clone()))
    }))
}

#[tokio::test]
async fn requests_are_read_as_fast_as_their_answers() {
    let taken = Rc::new(Cell::new(0));
    let response = support::router()
        .handle(request(TALK, GRPC, endless(&taken)))
        .await;
    assert_eq!(taken.get(), 0, "nothing is read for a handler that has not asked");
    let mut answers = response.into_body();
    for number in 1..=5 {
        answers
            .frame()
            .await
            .expect("an answer")
            .expect("one that is whole");
        assert_eq!(taken.get(), number, "a slow reader slows the writer");
    }
}

#[tokio::test]
async fn a_response_that_is_dropped_takes_its_handler_and_its_request_along() {
    let taken = Rc::new(Cell::new(0));
    let before = support::dropped();
    let response = support::router()
        .handle(request(TALK, GRPC, endless(&taken)))
        .await;
    let mut answers = response.into_body();
    answers
        .frame()
        .await
        .expect("an answer")
        .expect("one that is whole");
    assert_eq!(
        (support::dropped(), Rc::strong_count(&taken)),
        (before, 2),
        "it goes on"
    );
    drop(answers);
    assert_eq!(
        (support::dropped(), Rc::strong_count(&taken)),
        (before + 1, 1),
        "the client has left"
    );

    let call = support::router();
    let mut gathering =
        Box::pin(call.handle(request(GATHER, GRPC, StreamBody::new(stream::pending::<Piece>()))));
    assert!(
        gathering.as_mut().now_or_never().is_none(),
        "it waits for messages"
    );
    drop(gathering);
    assert_eq!(
        support::dropped(),
        before + 2,
        "a client that leaves before there is an answer"
    );
}

#[tokio::test]
async fn an_interceptor_sees_every_message_of_a_stream() {
    for (path, answers) in [(TALK, 1), (GATHER, 0)] {
        let body = ["a", "forbidden", "b"]
            .map(|each| envelope(0, text(CONNECT, each)))
            .concat();
        let response = support::router()
            .handle(request(path, CONNECT, pieces(body, 7)))
            .await;
        let said = said(CONNECT, response).await;
        assert_eq!(
            said.messages.len(),
            answers,
            "{path}: what came before it is answered"
        );
        assert!(
            said.end.contains("permission_denied") && said.end.contains("takes no such text"),
            "{path}: {}",
            said.end
        );
    }
}

#[tokio::test]
async fn wrong_streams_end_with_what_was_wrong() {
    let good = envelope(0, r#"{"text":"a"}"#);
    let cases = [
        (
            envelope(0, "no JSON"),
            "invalid_argument",
            "the request message is wrong",
        ),
        (
            envelope(0, "{}")[..6].to_vec(),
            "invalid_argument",
            "broke off within a message",
        ),
        (vec![0, 0], "invalid_argument", "broke off within a message"),
        (
            vec![0, 0xff, 0xff, 0xff, 0xff],
            "resource_exhausted",
            "larger than",
        ),
        (envelope(1, gzip(b"{}")), "internal", "no header says how"),
        (envelope(2, "{}"), "internal", "flags"),
        (envelope(0x80, "{}"), "internal", "flags"),
    ];
    for (wrong, code, message) in cases {
        for (path, answers) in [(TALK, 1), (GATHER, 0)] {
            let what = format!("{wrong:?} to {path}");
            let body = [&good[..], &wrong].concat();
            let response = support::router()
                .handle(request(path, CONNECT, pieces(body, 1000)))
                .await;
            let said = said(CONNECT, response).await;
            assert_eq!(
                said.messages.len(),
                answers,
                "{what}: what came before it is answered"
            );
            let expected = format!(r#"{{"error":{{"code":"{code}""#);
            assert!(
                said.end.starts_with(&expected) && said.end.contains(message),
                "{what}: {}",
                said.end
            );
        }
    }
    let broken = vec![data(good), Err("the line was cut")];
    let response = support::router()
        .handle(request(GATHER, CONNECT, StreamBody::new(stream::iter(broken))))
        .await;
    let said = said(CONNECT, response).await;
    assert!(
        said.end.contains("the request body broke off: the line was cut"),
        "{}",
        said.end
    );
}

fn limited(limits: Limits) -> Router {
    support::router().limits(limits)
}

#[tokio::test]
async fn a_stream_has_limits_of_its_own() {
    let unlimited = Limits::default();
    let message = Limits {
        request_bytes: 20,
        ..unlimited
    };
    let bytes = Limits {
        stream_bytes: Some(30),
        ..unlimited
    };
    let messages = Limits {
        stream_messages: Some(2),
        ..unlimited
    };
    // Twelve bytes each.
    let small = || envelope(0, r#"{"text":"a"}"#);
    let large = || envelope(0, r#"{"text":"a long text"}"#);
    let bomb = || {
        envelope(
            1,
            gzip(format!(r#"{{"text":"{}"}}"#, "x".repeat(1000)).as_bytes()),
        )
    };
    let cases = [
        (unlimited, vec![small(), large(), small(), bomb()], 4, ""),
        (
            message,
            vec![small(), large()],
            1,
            "the message is larger than 20 bytes",
        ),
        (
            message,
            vec![small(), bomb()],
            1,
            "the message is larger than 20 bytes",
        ),
        (message, vec![small(), small(), small()], 3, ""),
        (
            bytes,
            vec![small(), small(), small()],
            2,
            "the messages of the stream have more than 30 bytes together",
        ),
        (
            bytes,
            vec![small(), bomb()],
            1,
            "the messages of the stream have more than 30 bytes together",
        ),
        (
            messages,
            vec![small(), small(), small()],
            2,
            "the stream has more than 2 messages",
        ),
    ];
    for (limits, sent, answers, problem) in cases {
        let what = format!("{limits:?}, {} messages", sent.len());
        let mut request = request(TALK, CONNECT, pieces(sent.concat(), 1000));
        request
            .headers_mut()
            .insert("connect-content-encoding", "gzip".parse().unwrap());
        let said = said(CONNECT, limited(limits).handle(request).await).await;
        assert_eq!(said.messages.len(), answers, "{what}: {}", said.end);
        match problem {
            "" => assert_eq!(said.end, "{}", "{what}"),
            _ => assert!(
                said.end.contains("resource_exhausted") && said.end.contains(problem),
                "{what}: {}",
                said.end
            ),
        }
    }
}

#[tokio::test]
async fn a_client_that_stalls_is_cut_off() {
    let limits = Limits {
        message_time: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    for (path, answers) in [(TALK, 1), (GATHER, 0)] {
        let begun = Instant::now();
        // A byte of the next message each ten milliseconds is not that message.
        let trickle = stream::unfold(0u32, |number| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((data(vec![0]), number + 1))
        });
        let body =
            stream::iter([data(envelope(0, r#"{"text":"a"}"#)), data(vec![0, 0, 1, 0, 0])]).chain(trickle);
        let response = limited(limits)
            .handle(request(path, CONNECT, StreamBody::new(Box::pin(body))))
            .await;
        let said = said(CONNECT, response).await;
        assert_eq!(said.messages.len(), answers, "{path}");
        assert!(
            said.end.contains("deadline_exceeded") && said.end.contains("did not come within 50ms"),
            "{path}: {}",
            said.end
        );
        assert!(
            begun.elapsed() >= Duration::from_millis(50),
            "{path}: not too early"
        );
    }
}

#[tokio::test]
async fn a_deadline_ends_a_stream_that_waits_for_its_client() {
    for (path, answers) in [(TALK, 1), (GATHER, 0)] {
        let before = support::dropped();
        let body = stream::iter([data(envelope(0, r#"{"text":"a"}"#))]).chain(stream::pending());
        let mut request = request(path, CONNECT, StreamBody::new(body));
        request
            .headers_mut()
            .insert("connect-timeout-ms", "50".parse().unwrap());
        let said = said(CONNECT, support::router().handle(request).await).await;
        assert_eq!(said.messages.len(), answers, "{path}");
        assert!(said.end.contains("deadline_exceeded"), "{path}: {}", said.end);
        assert_eq!(support::dropped(), before + 1, "{path}: its handler is given up");
    }
}

#[tokio::test]
async fn streams_are_called_by_media_types_of_streams() {
    for path in [TALK, GATHER] {
        for media in ["application/json", "application/proto"] {
            let response = support::router()
                .handle(request(path, media, pieces(b"{}".to_vec(), 9)))
                .await;
            assert_eq!(response.status(), 415, "{path} by {media}");
            assert!(
                response.headers().contains_key("accept-post"),
                "{path} by {media}"
            );
        }
    }
}
