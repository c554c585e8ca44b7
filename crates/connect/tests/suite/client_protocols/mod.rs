//! The client in each protocol: its requests, and its handling of valid and invalid answers.

mod broken;
mod requests;
mod responses;
mod turns;

use std::cell::RefCell;
use std::rc::Rc;

use akinai_connect::{
    Body, CallOptions, Client, ConnectError, Encoding, Idempotency, MethodDescriptor, MethodKind, Response,
    Streaming, Transport, TransportError,
};
use akinai_connect_test_schema::testing::v1::{LookRequest, LookResponse};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

use crate::support::envelopes::envelope;

static LOOK: MethodDescriptor = method(MethodKind::Unary, Idempotency::NoSideEffects);
static CHANGE: MethodDescriptor = method(MethodKind::Unary, Idempotency::Unknown);
static COUNT: MethodDescriptor = method(MethodKind::ServerStreaming, Idempotency::Unknown);
static SUM: MethodDescriptor = method(MethodKind::ClientStreaming, Idempotency::Unknown);
static CHAT: MethodDescriptor = method(MethodKind::BidiStreaming, Idempotency::Unknown);

const fn method(kind: MethodKind, idempotency: Idempotency) -> MethodDescriptor {
    MethodDescriptor {
        service: "a.B",
        name: "C",
        path: "/a.B/C",
        kind,
        idempotency,
        access: None,
    }
}

type Pairs = &'static [(&'static str, &'static str)];

fn headers(pairs: Pairs) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

/// A response, piece by piece.
#[derive(Default)]
struct Canned {
    status: Option<u16>,
    headers: HeaderMap,
    pieces: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// Whether the body breaks off after all pieces.
    breaks_off: bool,
}

impl Canned {
    fn new(media: &'static str) -> Self {
        let mut canned = Self::default();
        canned
            .headers
            .insert("content-type", HeaderValue::from_static(media));
        canned
    }

    fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    fn piece(mut self, piece: impl Into<Bytes>) -> Self {
        self.pieces.push(piece.into());
        self
    }

    fn message(self, flags: u8, payload: &[u8]) -> Self {
        self.piece(envelope(flags, payload))
    }

    fn trailers(mut self, pairs: Pairs) -> Self {
        self.trailers = Some(headers(pairs));
        self
    }
}

/// `LookResponse` with this text.
fn looked(text: &str) -> Vec<u8> {
    LookResponse {
        text: text.to_owned(),
    }
    .encode_to_vec()
}

type CannedBody = StreamBody<stream::LocalBoxStream<'static, Result<Frame<Bytes>, &'static str>>>;

/// A sent request.
struct Sent {
    head: http::request::Parts,
    body: Bytes,
}

/// Reads the whole request, stores it, and answers with the same response each time.
struct Server {
    response: Canned,
    seen: RefCell<Option<Sent>>,
}

impl Server {
    fn with(response: Canned) -> Rc<Self> {
        Rc::new(Self {
            response,
            seen: RefCell::default(),
        })
    }

    fn seen(&self) -> Sent {
        self.seen.take().expect("a request was sent")
    }
}

impl Transport for Server {
    type ResponseBody = CannedBody;

    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<CannedBody>, TransportError> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await;
        self.seen.replace(Some(Sent {
            head,
            body: body.to_bytes(),
        }));
        let Canned {
            status,
            headers,
            pieces,
            trailers,
            breaks_off,
        } = &self.response;
        let pieces = pieces.clone().into_iter().map(|piece| Ok(Frame::data(piece)));
        let trailers = trailers
            .clone()
            .into_iter()
            .map(|trailers| Ok(Frame::trailers(trailers)));
        let end = breaks_off.then_some(Err("reset"));
        let frames = stream::iter(pieces.chain(trailers).chain(end)).boxed_local();
        let mut response = http::Response::new(StreamBody::new(frames));
        *response.status_mut() = status.unwrap_or(200).try_into().expect("a status");
        *response.headers_mut() = headers.clone();
        Ok(response)
    }
}

type Change = fn(Client<Rc<Server>>) -> Client<Rc<Server>>;
const CONNECT: Change = |client| client.encoding(Encoding::Proto);
const GRPC: Change = |client| client.encoding(Encoding::Proto).grpc();
const GRPC_WEB: Change = |client| client.encoding(Encoding::Proto).grpc_web();

async fn look(speaks: Change, response: Canned) -> Result<Response<LookResponse>, ConnectError> {
    let client = speaks(Client::new(Server::with(response)));
    client
        .unary(&LOOK, CallOptions::default(), &LookRequest::default())
        .await
}

async fn sum(speaks: Change, response: Canned) -> Result<Response<LookResponse>, ConnectError> {
    let client = speaks(Client::new(Server::with(response)));
    let requests = stream::iter([Ok(LookRequest::default())]);
    client
        .client_streaming(&SUM, CallOptions::default(), requests)
        .await
}

async fn count(speaks: Change, response: Canned) -> Result<Streaming<LookResponse>, ConnectError> {
    let client = speaks(Client::new(Server::with(response)));
    client
        .server_streaming(&COUNT, CallOptions::default(), &LookRequest::default())
        .await
}

/// The texts of a stream's answers, and its end.
async fn read(mut answers: Streaming<LookResponse>) -> (Vec<String>, Result<HeaderMap, ConnectError>) {
    let mut texts = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => texts.push(answer.text),
            Err(error) => return (texts, Err(error)),
        }
    }
    (texts, Ok(answers.trailers()))
}
