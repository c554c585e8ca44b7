//! Streams of requests together with streams of answers, and their ends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use akinai_connect::{
    Body, CallOptions, Client, Code, ConnectError, Encoding, Response, Streaming, Transport, TransportError,
};
use akinai_connect_test_schema::testing::v1::{CountResponse, LookRequest, LookResponse};
use futures::stream::{self, StreamExt as _};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::{CHAT, CONNECT, Canned, CannedBody, GRPC, GRPC_WEB, LOOK, SUM, Server, headers, read};

#[tokio::test]
async fn error_in_the_stream_of_requests_ends_the_call() {
    let requests = || stream::iter([Ok(LookRequest::default()), Err(ConnectError::data_loss("torn"))]);
    for speaks in [CONNECT, GRPC, GRPC_WEB] {
        let server = Server::with(Canned::new("application/grpc"));
        let client = speaks(Client::new(Rc::clone(&server)));
        let summed: Result<Response<LookResponse>, _> = client
            .client_streaming(&SUM, CallOptions::default(), requests())
            .await;
        assert_eq!(summed.unwrap_err().message(), "torn");
        let chat: Result<Streaming<LookResponse>, _> = client
            .bidi_streaming(&CHAT, CallOptions::default(), requests())
            .await;
        assert_eq!(chat.unwrap_err().message(), "torn");
        assert!(
            server.seen.take().is_none(),
            "the server must not see an end of the requests"
        );
    }
}

/// Closes the connection after some time.
struct HangsUp(Duration);

impl Transport for HangsUp {
    type ResponseBody = CannedBody;

    async fn send(&self, _: http::Request<Body>) -> Result<http::Response<CannedBody>, TransportError> {
        tokio::time::sleep(self.0).await;
        Err(TransportError::Unavailable("reset".into()))
    }
}

#[tokio::test]
async fn broken_connection_at_the_deadline_is_deadline_exceeded() {
    let cases = [(20, Code::DeadlineExceeded), (60_000, Code::Unavailable)];
    for (milliseconds, code) in cases {
        let client = Client::new(HangsUp(Duration::from_millis(30))).grpc();
        let options = CallOptions {
            deadline: Some(Instant::now() + Duration::from_millis(milliseconds)),
            ..CallOptions::default()
        };
        let called: Result<Response<LookResponse>, _> =
            client.unary(&LOOK, options, &LookRequest::default()).await;
        assert_eq!(called.unwrap_err().code(), code);
    }
}

/// Answers each request with its text when it comes.
struct Echo;

impl Transport for Echo {
    type ResponseBody = CannedBody;

    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<CannedBody>, TransportError> {
        // Each piece is an envelope. `LookRequest` and `LookResponse` have the same form.
        let pieces = request.into_body().into_data_stream();
        let pieces = pieces.map(|piece| match piece {
            Ok(piece) => Ok(Frame::data(piece)),
            Err(never) => match never {},
        });
        let trailers = Ok(Frame::trailers(headers(&[("grpc-status", "0")])));
        let frames = pieces.chain(stream::iter([trailers])).boxed_local();
        let mut response = http::Response::new(StreamBody::new(frames));
        *response.headers_mut() = headers(&[("content-type", "application/grpc+proto")]);
        Ok(response)
    }
}

#[tokio::test]
async fn requests_and_answers_can_alternate() {
    let client = Client::new(Echo).encoding(Encoding::Proto).grpc();
    let taken = Rc::new(Cell::new(0));
    let counter = Rc::clone(&taken);
    let requests = stream::iter(1..=3).map(move |number| {
        counter.set(number);
        Ok(LookRequest {
            text: number.to_string(),
        })
    });
    let mut answers: Streaming<LookResponse> = client
        .bidi_streaming(&CHAT, CallOptions::default(), requests)
        .await
        .unwrap();
    for number in 1..=3 {
        let answer = answers.next().await.unwrap().unwrap();
        assert_eq!(answer.text, number.to_string());
        assert_eq!(taken.get(), number, "no request is taken before it can be sent");
    }
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn error_in_the_stream_of_requests_ends_the_answers() {
    let client = Client::new(Echo).encoding(Encoding::Proto).grpc();
    let requests = stream::iter([
        Ok(LookRequest { text: "a".into() }),
        Err(ConnectError::data_loss("torn")),
    ]);
    let answers = client
        .bidi_streaming(&CHAT, CallOptions::default(), requests)
        .await
        .unwrap();
    let (texts, end) = read(answers).await;
    assert_eq!(texts, ["a"]);
    assert_eq!(end.unwrap_err().message(), "torn");
}

#[tokio::test]
async fn dropping_the_answers_drops_the_requests() {
    let client = Client::new(Echo).encoding(Encoding::Proto).grpc();
    let kept = Rc::new(());
    let guard = Rc::clone(&kept);
    let requests = stream::pending::<Result<LookRequest, ConnectError>>().inspect(move |_| {
        let _ = &guard;
    });
    let answers: Streaming<CountResponse> = client
        .bidi_streaming(&CHAT, CallOptions::default(), requests)
        .await
        .unwrap();
    assert_eq!(Rc::strong_count(&kept), 2, "the requests are awaited");
    drop(answers);
    assert_eq!(Rc::strong_count(&kept), 1, "nothing of the call is left");
}
