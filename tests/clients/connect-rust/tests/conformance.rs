//! The answers of the test service to the client, in each protocol.

use std::time::Duration;

use buffa::Message as _;
use buffa::type_registry::{TypeRegistry, set_type_registry};
use buffa_types::google::protobuf::Any;
use connect_rust::akinai::testing::v1::{self as testing, Hint};
use connect_rust::conformance::v1 as proto;
use connect_rust::conformance::v1::__buffa::oneof::unary_response_definition::Response;
use connect_rust::{MATRIX, detail, encoding_header, media_type, must_fail, timeout, transport};
use connectrpc::client::{CallOptions, HttpClient, UnaryResponse};
use connectrpc::{CodecFormat, ConnectError, ErrorCode, Protocol};
use proto::conformance_payload::RequestInfo;
use proto::{
    ConformancePayload, ConformanceServiceClient, Header, StreamResponseDefinition, UnaryResponseDefinition,
};

/// Longer than any test waits, in milliseconds. A call that takes this long was not interrupted.
const FOREVER: u32 = 60_000;

#[tokio::test]
async fn client_gets_the_answers_that_requests_define() {
    // Messages inside a google.protobuf.Any are JSON only of types that are known.
    let mut types = TypeRegistry::new();
    proto::register_types(&mut types);
    testing::register_types(&mut types);
    set_type_registry(types);
    for (protocol, format) in MATRIX {
        eprintln!("{protocol:?} with {format:?}");
        check(&Suite::new(protocol, format)).await;
    }
}

async fn check(suite: &Suite) {
    suite.succeeds().await;
    suite.fails_with_every_code().await;
    suite.exchanges_metadata().await;
    suite.runs_out_of_time().await;
    suite.packs_and_unpacks().await;
    suite.streams().await;
    suite.streams_until_an_error().await;
    suite.finds_nothing_implemented().await;
}

struct Suite {
    client: ConformanceServiceClient<HttpClient>,
    protocol: Protocol,
    format: CodecFormat,
}

impl Suite {
    fn new(protocol: Protocol, format: CodecFormat) -> Self {
        let (transport, config) = transport(protocol, format);
        Self {
            client: ConformanceServiceClient::new(transport, config),
            protocol,
            format,
        }
    }

    /// The media type of a stream. Connect has separate media types for streams.
    fn stream_type(&self) -> String {
        let media = media_type(self.protocol, self.format);
        match self.protocol {
            Protocol::Connect => media.replace('/', "/connect+"),
            _ => media,
        }
    }

    /// The header that names the compression of the messages of a stream.
    fn stream_encoding_header(&self) -> &'static str {
        match self.protocol {
            Protocol::Connect => "connect-content-encoding",
            _ => encoding_header(self.protocol),
        }
    }

    async fn unary(&self, request: proto::UnaryRequest, options: CallOptions) -> Result<Got, ConnectError> {
        let response = self.client.unary_with_options(request, options).await?;
        Ok(Got {
            headers: response.headers().clone(),
            trailers: response.trailers().clone(),
            payload: UnaryResponse::into_owned(response)
                .payload
                .into_option()
                .unwrap_or_default(),
        })
    }

    async fn answer(&self, definition: UnaryResponseDefinition) -> Result<Got, ConnectError> {
        self.unary(request(definition), CallOptions::default()).await
    }

    async fn succeeds(&self) {
        let got = self.answer(data("茶")).await.expect("the call must succeed");
        assert_eq!(
            got.payload.data,
            "茶".as_bytes(),
            "the answer must be the data of the definition"
        );
        let media = seen(&got.payload, "content-type");
        assert_eq!(
            media,
            media_type(self.protocol, self.format),
            "the protocol must be the one meant"
        );
    }

    async fn fails_with_every_code(&self) {
        for number in 1..=16 {
            let code = ErrorCode::from_grpc_code(number).expect("there are 16 codes");
            let message = format!("{}: 100 % 売り切れ\n", code.as_str());
            let failure = failure(number, &message);
            let error = must_fail(self.answer(failing(failure)).await, code);
            assert_eq!(
                error.message,
                Some(message),
                "the message must come as it was defined"
            );
            must_have_hint(&error);
        }
    }

    async fn exchanges_metadata(&self) {
        let options = CallOptions::default()
            .with_header("x-sent", "one")
            .with_header("x-sent-bin", "AAH/");
        let definition = UnaryResponseDefinition {
            response_headers: metadata("x-leading"),
            response_trailers: metadata("x-trailing"),
            ..data("1")
        };
        let got = self.unary(request(definition.clone()), options).await;
        let got = got.expect("the call must succeed");
        assert_eq!(seen(&got.payload, "x-sent"), "one", "what is sent must arrive");
        assert_eq!(seen(&got.payload, "x-sent-bin"), "AAH/", "binary metadata too");
        must_have(got.headers.get_all("x-leading").iter());
        must_have(got.trailers.get_all("x-trailing").iter());

        let definition = UnaryResponseDefinition {
            response: failing(failure(10, "no")).response,
            ..definition
        };
        let error = must_fail(self.answer(definition).await, ErrorCode::Aborted);
        must_have(error.response_headers().get_all("x-leading").iter());
        must_have(error.trailers().get_all("x-trailing").iter());
    }

    async fn runs_out_of_time(&self) {
        let sleep = || UnaryResponseDefinition {
            response_delay_ms: FOREVER,
            ..Default::default()
        };
        let options = CallOptions::default().with_timeout(Duration::from_millis(200));
        must_fail(
            self.unary(request(sleep()), options).await,
            ErrorCode::DeadlineExceeded,
        );
        // Only the header is set: the client has no deadline, so the error comes from the server.
        let (name, value) = timeout(self.protocol, 200);
        let options = CallOptions::default().with_header(name, value);
        must_fail(
            self.unary(request(sleep()), options).await,
            ErrorCode::DeadlineExceeded,
        );
        let options = CallOptions::default().with_timeout(Duration::from_secs(30));
        let got = self
            .unary(request(data("1")), options)
            .await
            .expect("there is time enough");
        let left = got.payload.request_info.timeout_ms.unwrap_or_default();
        assert!(
            (20_000..=30_000).contains(&left),
            "about 30 s, but the server knows of {left} ms"
        );
    }

    async fn packs_and_unpacks(&self) {
        let padding = "抹茶 ".repeat(20_000).into_bytes();
        let large = "玉露 ".repeat(50_000);
        let request = proto::UnaryRequest {
            request_data: padding.clone(),
            ..request(data(&large))
        };
        let got = self
            .unary(request, CallOptions::default())
            .await
            .expect("the call must succeed");
        assert!(got.payload.data == large.as_bytes(), "the answer must be whole");
        let name = encoding_header(self.protocol);
        let encoding = got.headers.get(name).map(|value| value.as_bytes());
        assert_eq!(
            encoding,
            Some(b"gzip".as_slice()),
            "the answer must be compressed"
        );
        assert_eq!(
            seen(&got.payload, name),
            "gzip",
            "the request must have been compressed"
        );
        let message = &got.payload.request_info.requests[0];
        let request = proto::UnaryRequest::decode_from_slice(&message.value).expect("the request is one");
        assert!(
            request.request_data == padding,
            "the server must have unpacked the request"
        );
    }

    async fn streams(&self) {
        let large = "煎茶 ".repeat(20_000).into_bytes();
        let definition = StreamResponseDefinition {
            response_data: vec![b"1".to_vec(), large.clone(), b"3".to_vec()],
            ..stream_with_metadata()
        };
        let (messages, stream) = self.drain(definition).await;
        assert!(
            stream.error.is_none(),
            "the stream must end well, but: {:?}",
            stream.error
        );
        let data: Vec<_> = messages.iter().map(|payload| payload.data.clone()).collect();
        assert!(
            data == [b"1".to_vec(), large, b"3".to_vec()],
            "every message must come, in order and whole"
        );
        let media = seen(&messages[0], "content-type");
        assert_eq!(media, self.stream_type(), "the protocol must be the one meant");
        let encoding = stream.headers.get(self.stream_encoding_header());
        assert_eq!(
            encoding.map(|value| value.as_bytes()),
            Some(b"gzip".as_slice()),
            "messages must be compressed"
        );
        must_have(stream.headers.get_all("x-leading").iter());
        must_have(stream.trailers.get_all("x-trailing").iter());
    }

    async fn streams_until_an_error(&self) {
        let definition = StreamResponseDefinition {
            response_data: vec![b"1".to_vec(), b"2".to_vec()],
            error: failure(8, "もうない").into(),
            ..stream_with_metadata()
        };
        let (messages, stream) = self.drain(definition).await;
        assert_eq!(messages.len(), 2, "first the messages");
        let error = stream.error.expect("then the error");
        assert_eq!(
            error.code,
            ErrorCode::ResourceExhausted,
            "with its code: {error:?}"
        );
        assert_eq!(error.message.as_deref(), Some("もうない"), "with its message");
        must_have_hint(&error);
        must_have(stream.trailers.get_all("x-trailing").iter());
    }

    async fn drain(&self, definition: StreamResponseDefinition) -> (Vec<ConformancePayload>, Ended) {
        let request = proto::ServerStreamRequest {
            response_definition: definition.into(),
            ..Default::default()
        };
        let stream = self.client.server_stream(request).await;
        let mut stream = stream.expect("the stream must begin");
        let mut messages = Vec::new();
        let error = loop {
            match stream.message().await {
                Ok(Some(message)) => messages.push(
                    message
                        .to_owned_message()
                        .payload
                        .into_option()
                        .unwrap_or_default(),
                ),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let ended = Ended {
            headers: stream.headers().clone(),
            trailers: stream.trailers().cloned().unwrap_or_default(),
            error,
        };
        (messages, ended)
    }

    async fn finds_nothing_implemented(&self) {
        let result = self
            .client
            .unimplemented(proto::UnimplementedRequest::default())
            .await;
        must_fail(result, ErrorCode::Unimplemented);
    }
}

/// An answer of one message.
#[derive(Debug)]
struct Got {
    headers: http::HeaderMap,
    trailers: http::HeaderMap,
    payload: ConformancePayload,
}

/// A stream that has ended.
struct Ended {
    headers: http::HeaderMap,
    trailers: http::HeaderMap,
    error: Option<ConnectError>,
}

fn request(definition: UnaryResponseDefinition) -> proto::UnaryRequest {
    proto::UnaryRequest {
        response_definition: definition.into(),
        ..Default::default()
    }
}

fn data(text: &str) -> UnaryResponseDefinition {
    UnaryResponseDefinition {
        response: Some(Response::ResponseData(text.into())),
        ..Default::default()
    }
}

fn failing(error: proto::Error) -> UnaryResponseDefinition {
    UnaryResponseDefinition {
        response: Some(Response::Error(Box::new(error))),
        ..Default::default()
    }
}

/// An error with this code, by its number.
fn failure(number: u32, message: &str) -> proto::Error {
    proto::Error {
        code: buffa::EnumValue::from(number as i32),
        message: Some(message.to_owned()),
        details: vec![Any {
            type_url: "type.googleapis.com/akinai.testing.v1.Hint".to_owned(),
            value: hint().encode_to_vec().into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn hint() -> Hint {
    Hint {
        text: "later".to_owned(),
        number: 9_007_199_254_740_993,
        ..Default::default()
    }
}

fn stream_with_metadata() -> StreamResponseDefinition {
    StreamResponseDefinition {
        response_headers: metadata("x-leading"),
        response_trailers: metadata("x-trailing"),
        ..Default::default()
    }
}

fn metadata(name: &str) -> Vec<Header> {
    vec![Header {
        name: name.to_owned(),
        value: vec!["one".to_owned(), "two".to_owned()],
        ..Default::default()
    }]
}

fn must_have<'a>(values: impl Iterator<Item = &'a http::HeaderValue>) {
    let values: Vec<_> = values.map(|value| value.as_bytes()).collect();
    assert_eq!(values, [b"one", b"two"], "both values must come");
}

/// Checks that the first detail is [`hint`].
fn must_have_hint(error: &ConnectError) {
    let found: Hint = detail(error, "akinai.testing.v1.Hint");
    assert_eq!(found, hint(), "the detail must come whole");
}

/// The values that the server saw of a request header, joined as HTTP joins them.
fn seen(payload: &ConformancePayload, name: &str) -> String {
    let info: &RequestInfo = &payload.request_info;
    let header = info.request_headers.iter().find(|header| header.name == name);
    header.map(|header| header.value.join(", ")).unwrap_or_default()
}
