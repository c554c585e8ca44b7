//! Successful streams: their messages, and when these are read.

use std::cell::Cell;
use std::rc::Rc;

use akinai_connect_test_schema::testing::v1::GatherResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{self, Stream};
use futures::{FutureExt as _, SinkExt as _};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

use super::{CONNECT, GATHER, GRPC, PROTOCOLS, Piece, TALK, data, pieces, request, said, text, written};
use crate::support;
use crate::support::envelopes::{envelope, envelopes};
use crate::support::gzip::{gunzip, gzip};

#[tokio::test]
async fn client_stream_gets_one_answer_in_every_protocol() {
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
async fn stream_without_messages_is_valid() {
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
async fn messages_of_a_stream_are_decompressed_and_compressed() {
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
async fn answer_arrives_before_the_next_request_is_sent() {
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

/// The client's half may end while the server's half continues, and the reverse.
#[tokio::test]
async fn server_can_end_a_stream_while_the_client_still_sends() {
    let (mut sender, body) = written();
    let response = support::router().handle(request(TALK, CONNECT, body)).await;
    let stop = envelope(0, r#"{"text":"enough","errorCode":"aborted"}"#);
    let (sent, said) = futures::join!(sender.send(data(stop)), said(CONNECT, response));
    sent.expect("it is read");
    assert_eq!(said.end, r#"{"error":{"code":"aborted","message":"enough"}}"#);
    let more = sender.send(data(envelope(0, "{}"))).await;
    assert!(more.is_err(), "the rest of the request is given up");
}

/// An endless body of messages that counts how many were read.
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
async fn dropped_response_also_drops_its_handler_and_its_request() {
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
        "the call continues"
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
async fn interceptor_gets_every_message_of_a_stream() {
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
