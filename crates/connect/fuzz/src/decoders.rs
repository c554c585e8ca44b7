//! All decoders of the connect crate for bytes from a peer, each as a function of bytes. They check only that an input
//! causes no panic and breaks no guarantee.

use akinai_connect::json::{self, Types};
use akinai_connect::{
    Body, Client, ConnectError, Context, Limits, MessageStream, Router, Transport, TransportError,
};
use akinai_connect_test_schema::testing::v1::{
    CountRequest, CountResponse, EchoService, EchoServiceClient, EchoServiceServer, Everything,
    GatherRequest, GatherResponse, LookRequest, LookResponse, TYPES,
};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;

/// A decoder and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("json", json),
    ("binary", binary),
    ("envelopes", envelopes),
    ("gzip", gzip),
    ("base64_text", base64_text),
    ("query", query),
    ("headers", headers),
    ("stream_response", stream_response),
    ("end_of_stream", end_of_stream),
    ("trailers", trailers),
    ("error", error),
];

/// The largest message that router and client take here.
pub const LIMIT: usize = 64 * 1024;

const LOOK: &str = "/testing.v1.EchoService/Look";
const COUNT: &str = "/testing.v1.EchoService/Count";
const GATHER: &str = "/testing.v1.EchoService/Gather";

/// Messages in JSON.
pub fn json(input: &[u8]) {
    if let Ok(message) = json::from_slice::<Everything>(input, &types()) {
        can_be_sent_on(&message);
    }
}

/// Messages in protobuf's binary form.
pub fn binary(input: &[u8]) {
    if let Ok(message) = Everything::decode(input) {
        can_be_sent_on(&message);
    }
}

/// Bodies of requests with a message in an envelope, or any number of them.
pub fn envelopes(input: &[u8]) {
    for media_type in [
        "application/connect+json",
        "application/connect+proto",
        "application/grpc-web+proto",
    ] {
        for path in [COUNT, GATHER] {
            let request = Request::post(path)
                .header("content-type", media_type)
                .header("connect-content-encoding", "gzip")
                .header("grpc-encoding", "gzip");
            serve(request, input);
        }
    }
}

/// Compressed bodies of requests.
pub fn gzip(input: &[u8]) {
    let request = Request::post(LOOK)
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    serve(request, input);
}

/// Bodies of gRPC-Web in text.
pub fn base64_text(input: &[u8]) {
    for path in [LOOK, GATHER] {
        let request = Request::post(path)
            .header("content-type", "application/grpc-web-text+proto")
            .header("grpc-encoding", "gzip");
        serve(request, input);
    }
}

/// Queries of calls by GET: the input unchanged as the query, and the input as the message.
pub fn query(input: &[u8]) {
    let text: String = input.iter().map(|byte| visible(*byte)).collect();
    for query in [
        text.clone(),
        format!("encoding=json&base64=1&message={text}"),
        format!("encoding=proto&base64=1&compression=gzip&message={text}"),
    ] {
        serve(Request::get(format!("{LOOK}?{query}")), &[]);
    }
}

/// Headers of requests with a grammar of their own.
pub fn headers(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let connect = Request::post(COUNT)
        .header("content-type", "application/connect+json")
        .header("connect-protocol-version", &value);
    serve(connect, b"\0\0\0\0\x02{}");
    for (name, media_type) in [
        ("content-type", "application/json"),
        ("accept-encoding", "application/json"),
        ("content-encoding", "application/json"),
        ("connect-timeout-ms", "application/json"),
        ("grpc-timeout", "application/grpc-web+json"),
        ("grpc-accept-encoding", "application/grpc-web+json"),
    ] {
        let mut request = Request::post(LOOK).header("content-type", media_type);
        if let Some(headers) = request.headers_mut() {
            headers.insert(name, value.clone());
        }
        serve(request, b"{}");
    }
}

/// Bodies of responses that are streams.
pub fn stream_response(input: &[u8]) {
    let response = Response::builder()
        .header("content-type", "application/connect+json")
        .header("connect-content-encoding", "gzip");
    receive_stream(response, input.to_vec());
}

/// The last message of a stream.
pub fn end_of_stream(input: &[u8]) {
    let response = Response::builder().header("content-type", "application/connect+json");
    let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
    receive_stream(response, [&[2], &length.to_be_bytes()[..], input].concat());
}

/// The end of gRPC and gRPC-Web responses: lines of trailers, and the values of the trailers that the protocol defines.
pub fn trailers(input: &[u8]) {
    let look = |client: Client<Given>| {
        let client = EchoServiceClient::with(client);
        let _ = now(client.look(Default::default(), LookRequest::default()));
    };
    let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
    for flags in [0x80, 0x81] {
        let body = [&[flags], &length.to_be_bytes()[..], input].concat();
        let response = Response::builder()
            .header("content-type", "application/grpc-web+json")
            .header("grpc-encoding", "gzip")
            .body(Full::from(body));
        let Ok(response) = response else { return };
        look(Client::new(Given(response)).response_limit(LIMIT).grpc_web());
    }
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        let response = Response::builder()
            .header("content-type", "application/grpc+json")
            .header(name, input)
            .header("grpc-status", "5")
            .body(Full::default());
        let Ok(response) = response else { return };
        look(Client::new(Given(response)).response_limit(LIMIT).grpc());
    }
}

/// Bodies of responses that are errors.
pub fn error(input: &[u8]) {
    let response = Response::builder()
        .status(400)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(input)));
    let Ok(response) = response else { return };
    let client = client(response);
    let called = now(client.look(Default::default(), LookRequest::default()));
    let error = called.expect_err("the status is that of an error");
    // Its details are decoded only when they are read.
    let _ = error.detail::<Everything>();
}

fn types() -> Types {
    Types::default().with(TYPES)
}

/// Checks that a decoded message can be encoded and decoded again, if it has a JSON form. JSON has one form for some
/// values that have several in binary (any number of the enum `NullValue` is `null`), so the check begins with the
/// second encoding: a further round must not change it.
fn can_be_sent_on(message: &Everything) {
    let Ok(written) = json::to_vec(message, &types()) else {
        return;
    };
    let settled = json::to_vec(&read_again(&written), &types()).expect("what was read can be written");
    assert_eq!(
        json::to_vec(&read_again(&settled), &types()).ok(),
        Some(settled),
        "what was read should be written in the same way"
    );
}

fn read_again(written: &[u8]) -> Everything {
    json::from_slice(written, &types())
        .unwrap_or_else(|error| panic!("what was written should be read again: {error}"))
}

/// Passes a request to a router, and reads the whole answer.
fn serve(request: http::request::Builder, body: &[u8]) {
    let Ok(request) = request.body(Full::new(Bytes::copy_from_slice(body))) else {
        return;
    };
    let limits = Limits {
        request_bytes: LIMIT,
        ..Limits::default()
    };
    let router = Router::new().service(EchoServiceServer::new(Echo)).limits(limits);
    let response = now(router.handle(request));
    let Ok(_) = now(response.into_body().collect());
}

/// Lets a client read a stream of answers to its end.
fn receive_stream(response: http::response::Builder, body: Vec<u8>) {
    let Ok(response) = response.body(Full::from(body)) else {
        return;
    };
    let client = client(response);
    if let Ok(messages) = now(client.count(Default::default(), CountRequest::default())) {
        now(messages.collect::<Vec<_>>());
    }
}

/// A client that gets this response for every call.
fn client(response: Response<Full<Bytes>>) -> EchoServiceClient<Given> {
    EchoServiceClient::with(
        Client::new(Given(response))
            .response_limit(LIMIT)
            .types(TYPES)
            .gzip(),
    )
}

/// The output of a future that does not wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    future
        .now_or_never()
        .unwrap_or_else(|| panic!("nothing here waits"))
}

/// A byte, or its replacement in a query.
fn visible(byte: u8) -> char {
    match byte {
        b'!'..=b'~' if !b"\"#<>".contains(&byte) => char::from(byte),
        _ => '+',
    }
}

/// A transport with the same response to every request.
struct Given(Response<Full<Bytes>>);

impl Transport for Given {
    type ResponseBody = Full<Bytes>;

    async fn send(&self, _: Request<Body>) -> Result<Response<Full<Bytes>>, TransportError> {
        Ok(self.0.clone())
    }
}

/// Answers with the request.
struct Echo;

impl EchoService for Echo {
    async fn look(&self, _: &mut Context, request: LookRequest) -> Result<LookResponse, ConnectError> {
        Ok(LookResponse { text: request.text })
    }

    async fn count(
        &self,
        _: &mut Context,
        request: CountRequest,
    ) -> Result<MessageStream<CountResponse>, ConnectError> {
        let answer = CountResponse {
            number: request.to,
            padding: request.padding,
        };
        Ok(futures::stream::iter([Ok(answer)]).boxed_local())
    }

    async fn gather(
        &self,
        _: &mut Context,
        mut requests: MessageStream<GatherRequest>,
    ) -> Result<GatherResponse, ConnectError> {
        while let Some(request) = requests.next().await {
            drop(request?);
        }
        Ok(GatherResponse::default())
    }
}
