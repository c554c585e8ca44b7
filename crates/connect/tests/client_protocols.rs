//! The client by each protocol: what it sends, and what it makes of answers, right ones and wrong ones.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use akinai_connect::{
    Body, CallOptions, Client, Code, ConnectError, Encoding, Idempotency, MethodDescriptor, MethodKind,
    Response, Streaming, Transport, TransportError,
};
use akinai_connect_test_schema::testing::v1::{CountResponse, LookRequest, LookResponse};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

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
    /// Whether the body breaks off after all that.
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

fn envelope(flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short message");
    [&[flags], &length.to_be_bytes()[..], payload].concat()
}

/// `LookResponse` with this text.
fn looked(text: &str) -> Vec<u8> {
    LookResponse {
        text: text.to_owned(),
    }
    .encode_to_vec()
}

type CannedBody = StreamBody<stream::LocalBoxStream<'static, Result<Frame<Bytes>, &'static str>>>;

/// What was sent.
struct Sent {
    head: http::request::Parts,
    body: Bytes,
}

/// Reads the whole request, keeps it, and answers with the same response each time.
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

/// The texts of a stream's answers, and what it ended in.
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

#[tokio::test]
async fn grpc_requests_follow_the_protocol() {
    for (speaks, media, te) in [
        (GRPC, "application/grpc+proto", Some("trailers")),
        (GRPC_WEB, "application/grpc-web+proto", None),
    ] {
        let server = Server::with(Canned::new("text/html").status(503));
        let client = speaks(Client::new(Rc::clone(&server)));
        let options = CallOptions {
            headers: headers(&[("x-mine", "1"), ("te", "gzip"), ("grpc-timeout", "1n")]),
            deadline: Some(Instant::now() + Duration::from_secs(5)),
        };
        let request = LookRequest { text: "商".into() };
        let called: Result<Response<LookResponse>, _> = client.unary(&LOOK, options, &request).await;
        assert_eq!(called.unwrap_err().code(), Code::Unavailable);
        let Sent { head, body } = server.seen();
        assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/a.B/C"));
        assert_eq!(head.headers["content-type"], media);
        assert_eq!(head.headers.get("te").map(|te| te.to_str().unwrap()), te);
        assert_eq!(head.headers["x-mine"], "1");
        assert!(!head.headers.contains_key("connect-protocol-version"));
        let timeout = head.headers["grpc-timeout"].to_str().unwrap();
        let left: u32 = timeout.strip_suffix('u').expect("microseconds").parse().unwrap();
        assert!((4_000_000..=5_000_000).contains(&left), "{timeout}");
        assert_eq!(&body[..], envelope(0, &request.encode_to_vec()));
    }
}

#[tokio::test]
async fn all_messages_are_compressed_where_a_client_is_told_to() {
    let request = LookRequest { text: "short".into() };
    let server = Server::with(Canned::new("application/proto"));
    let client = CONNECT(Client::new(Rc::clone(&server))).gzip_from(0);
    let _: Response<LookResponse> = client
        .unary(&CHANGE, CallOptions::default(), &request)
        .await
        .unwrap();
    let Sent { head, body } = server.seen();
    assert_eq!(head.headers["content-encoding"], "gzip");
    assert_eq!(head.headers["accept-encoding"], "gzip");
    assert_eq!(body[..2], [0x1f, 0x8b], "a short message, too");

    let server = Server::with(Canned::new("application/grpc").trailers(&[("grpc-status", "0")]));
    let client = GRPC(Client::new(Rc::clone(&server))).gzip_from(0);
    let requests = stream::iter([Ok(request)]);
    let called: Result<Response<LookResponse>, _> = client
        .client_streaming(&SUM, CallOptions::default(), requests)
        .await;
    assert!(called.is_err(), "there is no message in the response");
    let Sent { head, body } = server.seen();
    assert_eq!(head.headers["grpc-encoding"], "gzip");
    assert_eq!(head.headers["grpc-accept-encoding"], "gzip");
    assert_eq!((body[0], &body[5..7]), (1, &[0x1f, 0x8b][..]), "in its envelope");
}

#[tokio::test]
async fn methods_without_side_effects_are_called_by_get() {
    let cases: [(Change, &str); 3] = [
        (
            |client| client,
            "/a.B/C?connect=v1&encoding=json&message=%7B%22text%22%3A%22a%20b%22%7D",
        ),
        (
            CONNECT,
            "/a.B/C?connect=v1&base64=1&encoding=proto&message=CgNhIGI",
        ),
        (
            |client| client.gzip_from(0),
            "/a.B/C?connect=v1&base64=1&compression=gzip&encoding=json&message=",
        ),
    ];
    let request = LookRequest { text: "a b".into() };
    for (speaks, expected) in cases {
        let server = Server::with(Canned::new("application/json").piece("{}"));
        let client = speaks(Client::new(Rc::clone(&server))).by_get();
        let options = CallOptions {
            deadline: Some(Instant::now() + Duration::from_secs(5)),
            ..CallOptions::default()
        };
        let _: Result<Response<LookResponse>, _> = client.unary(&LOOK, options, &request).await;
        let Sent { head, body } = server.seen();
        let uri = head.uri.to_string();
        assert!(uri.starts_with(expected), "{uri}");
        assert_eq!((head.method.as_str(), body.len()), ("GET", 0), "{uri}");
        for name in ["content-type", "content-encoding", "connect-protocol-version"] {
            assert!(
                !head.headers.contains_key(name),
                "{name} says something about a body: {uri}"
            );
        }
        assert!(head.headers.contains_key("connect-timeout-ms"), "{uri}");
    }
}

#[tokio::test]
async fn a_get_that_may_not_be_is_a_post() {
    let long = LookRequest {
        text: "x".repeat(8000),
    };
    let cases: [(&'static MethodDescriptor, LookRequest, Change); 3] = [
        (&CHANGE, LookRequest::default(), CONNECT),
        (&LOOK, long, CONNECT),
        (&LOOK, LookRequest::default(), GRPC),
    ];
    for (method, request, speaks) in cases {
        let server = Server::with(Canned::new("text/html").status(404));
        let client = speaks(Client::new(Rc::clone(&server))).by_get();
        let _: Result<Response<LookResponse>, _> =
            client.unary(method, CallOptions::default(), &request).await;
        assert_eq!(server.seen().head.method, "POST");
    }
}

#[tokio::test]
async fn unary_answers_of_grpc_have_metadata_on_both_ends() {
    let grpc = Canned::new("application/grpc")
        .header("x-first", "1")
        .header("grpc-encoding", "identity")
        .message(0, &looked("a"))
        .trailers(&[("grpc-status", "0"), ("x-last", "2")]);
    let web = Canned::new("application/grpc-web+proto")
        .header("x-first", "1")
        .message(0, &looked("a"))
        .message(0x80, b"grpc-status: 0\r\nX-Last: 2\r\n");
    for (speaks, response) in [(GRPC, grpc), (GRPC_WEB, web)] {
        let response = look(speaks, response).await.unwrap();
        assert_eq!(response.message.text, "a");
        assert_eq!(response.headers, headers(&[("x-first", "1")]));
        assert_eq!(response.trailers, headers(&[("x-last", "2")]));
    }
}

#[tokio::test]
async fn a_stream_of_grpc_ends_with_its_status() {
    let grpc = |status| {
        Canned::new("application/grpc")
            .message(0, &looked("a"))
            .message(0, &looked("b"))
            .trailers(status)
    };
    let answers = count(GRPC, grpc(&[("grpc-status", "0"), ("x-last", "2")]))
        .await
        .unwrap();
    let (texts, end) = read(answers).await;
    assert_eq!(
        (texts, end.unwrap()),
        (vec!["a".into(), "b".into()], headers(&[("x-last", "2")]))
    );

    let failed = &[
        ("grpc-status", "10"),
        ("grpc-message", "again%21"),
        ("x-last", "2"),
    ];
    let (texts, end) = read(count(GRPC, grpc(failed)).await.unwrap()).await;
    let error = end.unwrap_err();
    assert_eq!(texts, ["a", "b"], "what came before the error counts");
    assert_eq!((error.code(), error.message()), (Code::Aborted, "again!"));
    assert_eq!(error.metadata(), &headers(&[("x-last", "2")]));
}

#[tokio::test]
async fn pieces_may_end_anywhere() {
    let whole = [envelope(0, &looked("a")), envelope(0x80, b"grpc-status: 0\r\n")].concat();
    let mut response = Canned::new("application/grpc-web");
    for byte in whole {
        response = response.piece(vec![byte]);
    }
    assert_eq!(look(GRPC_WEB, response).await.unwrap().message.text, "a");
}

#[tokio::test]
async fn headers_without_a_body_are_trailers() {
    for (speaks, media) in [(GRPC, "application/grpc"), (GRPC_WEB, "application/grpc-web")] {
        let failed = || {
            Canned::new(media)
                .header("grpc-status", "9")
                .header("grpc-message", "no")
                .header("x-last", "2")
        };
        let error = look(speaks, failed()).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::FailedPrecondition, "no"));
        assert_eq!(error.metadata(), &headers(&[("x-last", "2")]));
        let error = count(speaks, failed()).await.unwrap_err();
        assert_eq!(
            error.code(),
            Code::FailedPrecondition,
            "known before there is a stream"
        );

        let empty = Canned::new(media)
            .header("grpc-status", "0")
            .header("x-last", "2");
        let answers = count(speaks, empty).await.unwrap();
        assert_eq!(
            answers.headers(),
            &headers(&[("x-last", "2")]),
            "nothing tells the two apart"
        );
        let (texts, end) = read(answers).await;
        assert_eq!((texts.len(), end.unwrap()), (0, headers(&[("x-last", "2")])));
    }
    let before_a_body = Canned::new("application/grpc")
        .header("grpc-status", "8")
        .trailers(&[("grpc-status", "9")]);
    let error = look(GRPC, before_a_body).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition, "the trailers count");
    let before_a_message = Canned::new("application/grpc")
        .header("grpc-status", "0")
        .message(0, &looked("a"));
    assert_eq!(
        look(GRPC, before_a_message).await.unwrap_err().code(),
        Code::Internal
    );
}

#[tokio::test]
async fn details_come_with_grpc_errors() {
    // google.rpc.Status: code 5, message "x", one google.protobuf.Any of the type a.B with the value 1.
    let details = "CAUSAXgaHAoXdHlwZS5nb29nbGVhcGlzLmNvbS9hLkISAQE";
    let response = Canned::new("application/grpc")
        .header("grpc-status", "5")
        .header("grpc-message", "x")
        .header("grpc-status-details-bin", details);
    let error = look(GRPC, response).await.unwrap_err();
    let details: Vec<_> = error
        .details()
        .iter()
        .map(|detail| (detail.type_name(), detail.value()))
        .collect();
    assert_eq!(details, [("a.B", &[1][..])]);
    assert!(
        error.metadata().is_empty(),
        "they are no metadata: {:?}",
        error.metadata()
    );
}

/// What answers that break the protocol are taken for: the codes that the conformance suite wants.
#[tokio::test]
async fn one_message_is_wanted_where_a_method_gives_one() {
    let grpc = || Canned::new("application/grpc");
    let web = || Canned::new("application/grpc-web");
    let connect = || Canned::new("application/connect+proto");
    let ok: Pairs = &[("grpc-status", "0")];
    let web_ok = |canned: Canned| canned.message(0x80, b"grpc-status: 0\r\n");
    let a = &looked("a");
    let twice = |canned: Canned| canned.message(0, a).message(0, a);
    type Case = (&'static str, Code, Result<Response<LookResponse>, ConnectError>);
    let cases: Vec<Case> = vec![
        (
            "no message",
            Code::Unimplemented,
            look(GRPC, grpc().trailers(ok)).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            look(GRPC, twice(grpc()).trailers(ok)).await,
        ),
        (
            "no status",
            Code::Internal,
            look(GRPC, grpc().message(0, a)).await,
        ),
        (
            "no message",
            Code::Unimplemented,
            sum(GRPC, grpc().trailers(ok)).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(GRPC, twice(grpc()).trailers(ok)).await,
        ),
        ("no status", Code::Internal, sum(GRPC, grpc().message(0, a)).await),
        (
            "trailers without a status",
            Code::Internal,
            look(GRPC, grpc().trailers(&[("x", "y")])).await,
        ),
        (
            "no message",
            Code::Unimplemented,
            look(GRPC_WEB, web_ok(web())).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(GRPC_WEB, web_ok(twice(web()))).await,
        ),
        (
            "no status",
            Code::Internal,
            look(GRPC_WEB, web().message(0, a)).await,
        ),
        ("nothing", Code::Internal, look(GRPC_WEB, web()).await),
        (
            "no message",
            Code::Unimplemented,
            sum(CONNECT, connect().message(2, b"{}")).await,
        ),
        (
            "two messages",
            Code::Unimplemented,
            sum(CONNECT, twice(connect()).message(2, b"{}")).await,
        ),
        (
            "no end",
            Code::Internal,
            sum(CONNECT, connect().message(0, a)).await,
        ),
    ];
    for (what, code, called) in cases {
        let error = called.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

#[tokio::test]
async fn answers_that_break_the_protocol_end_the_stream() {
    let a = &looked("a");
    let ok: Pairs = &[("grpc-status", "0")];
    let grpc = || Canned::new("application/grpc").message(0, a);
    let web = || Canned::new("application/grpc-web").message(0, a);
    let connect = || Canned::new("application/connect+proto").message(0, a);
    let mut reset = grpc();
    reset.breaks_off = true;
    let cases: Vec<(&str, Code, Change, Canned)> = vec![
        ("no end", Code::Internal, GRPC, grpc()),
        ("no end", Code::Internal, GRPC_WEB, web()),
        ("no end", Code::Internal, CONNECT, connect()),
        (
            "half a message",
            Code::Internal,
            GRPC,
            grpc().piece([0, 0, 0, 0, 10, 0].to_vec()).trailers(ok),
        ),
        (
            "half a message",
            Code::Internal,
            CONNECT,
            connect().piece([0, 0, 0, 0, 10, 0].to_vec()),
        ),
        (
            "half a prefix",
            Code::Internal,
            GRPC,
            grpc().piece([0, 0, 0].to_vec()).trailers(ok),
        ),
        (
            "half a prefix",
            Code::Internal,
            GRPC_WEB,
            web().piece([0, 0, 0].to_vec()),
        ),
        ("a broken connection", Code::Unavailable, GRPC, reset),
        (
            "no gzip",
            Code::Internal,
            GRPC,
            grpc().message(1, b"x").trailers(ok),
        ),
        (
            "an unknown flag",
            Code::Internal,
            GRPC,
            grpc().message(2, b"x").trailers(ok),
        ),
        (
            "an unknown flag",
            Code::Internal,
            GRPC_WEB,
            web().message(2, b"x"),
        ),
        (
            "an end of another protocol",
            Code::Internal,
            CONNECT,
            connect().message(0x80, b""),
        ),
        (
            "no message",
            Code::Internal,
            GRPC,
            grpc().message(0, &[0xff]).trailers(ok),
        ),
        (
            "trailers that are none",
            Code::Internal,
            GRPC_WEB,
            web().message(0x80, b"nonsense"),
        ),
        (
            "an end that is none",
            Code::Internal,
            CONNECT,
            connect().message(2, b"nonsense"),
        ),
    ];
    for (what, code, speaks, response) in cases {
        let (texts, end) = read(count(speaks, response).await.expect(what)).await;
        assert_eq!(texts, ["a"], "the message before {what} counts");
        let error = end.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

#[tokio::test]
async fn answers_of_something_else_have_a_code() {
    let cases: Vec<(&str, Code, Canned)> = vec![
        ("a picture", Code::Unknown, Canned::new("image/jpeg")),
        (
            "another encoding",
            Code::Internal,
            Canned::new("application/grpc+json"),
        ),
        (
            "another protocol",
            Code::Unknown,
            Canned::new("application/grpc-web"),
        ),
        (
            "a page",
            Code::Unimplemented,
            Canned::new("text/html").status(404),
        ),
        (
            "a busy proxy",
            Code::Unavailable,
            Canned::new("text/html").status(503),
        ),
        ("a teapot", Code::Unknown, Canned::new("text/html").status(418)),
        (
            "a status of its own",
            Code::Unknown,
            Canned::new("text/html").status(800),
        ),
        (
            "a status of gRPC's in a failed response",
            Code::NotFound,
            Canned::new("application/grpc")
                .status(503)
                .header("grpc-status", "5"),
        ),
        (
            "an unknown compression",
            Code::Internal,
            Canned::new("application/grpc")
                .header("grpc-encoding", "zstd")
                .message(1, b"x"),
        ),
    ];
    for (what, code, response) in cases {
        let error = look(GRPC, response).await.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_response_message_may_be_as_large_as_the_client_allows() {
    let a = &looked(&"x".repeat(100));
    let response = || {
        Canned::new("application/grpc")
            .message(0, a)
            .trailers(&[("grpc-status", "0")])
    };
    let called = |limit| async move {
        let client = GRPC(Client::new(Server::with(response()))).response_limit(limit);
        let called: Result<Response<LookResponse>, _> = client
            .unary(&LOOK, CallOptions::default(), &LookRequest::default())
            .await;
        called.map(drop).map_err(|error| error.code())
    };
    assert_eq!(called(a.len()).await, Ok(()));
    assert_eq!(called(a.len() - 1).await, Err(Code::ResourceExhausted));
}

#[tokio::test]
async fn an_error_among_the_requests_ends_the_call() {
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

/// Hangs up after some time.
struct HangsUp(Duration);

impl Transport for HangsUp {
    type ResponseBody = CannedBody;

    async fn send(&self, _: http::Request<Body>) -> Result<http::Response<CannedBody>, TransportError> {
        tokio::time::sleep(self.0).await;
        Err(TransportError::Unavailable("reset".into()))
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_at_the_deadline_has_kept_it() {
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

/// Answers each request with its text, as it comes.
struct Echo;

impl Transport for Echo {
    type ResponseBody = CannedBody;

    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<CannedBody>, TransportError> {
        // Each piece is an envelope, which `LookRequest` and `LookResponse` have in common.
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
async fn requests_and_answers_take_turns() {
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
async fn an_error_among_the_requests_ends_the_answers() {
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
