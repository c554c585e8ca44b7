//! The requests of a client, and its handling of valid and invalid answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use akinai_connect::{
    Body, CallOptions, Client, Code, ConnectError, Context, Deadline, Encoding, InMemory, Router, Transport,
    TransportError,
};
use akinai_connect_test_schema::testing::v1::{
    EchoRequest, EchoService, EchoServiceClient, EchoServiceServer, Everything, FailRequest, GatherRequest,
    LookRequest, Scalars, TYPES, TalkRequest,
};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};

use crate::support;

fn in_memory(encoding: Encoding) -> EchoServiceClient<InMemory> {
    let transport = InMemory::new(Rc::new(support::router()));
    EchoServiceClient::with(Client::new(transport).encoding(encoding).types(TYPES))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                name.parse().expect("a header name"),
                value.parse().expect("a header value"),
            )
        })
        .collect()
}

#[tokio::test]
async fn client_calls_a_router_in_both_encodings() {
    for encoding in [Encoding::Json, Encoding::Proto] {
        let client = in_memory(encoding);
        let scalars = Scalars {
            an_int64: i64::MIN,
            a_string: "商".into(),
            ..Scalars::default()
        };
        let everything = Everything {
            scalars: Some(scalars),
            ..Everything::default()
        };
        let request = EchoRequest {
            everything: Some(everything),
        };
        let options = CallOptions {
            headers: headers(&[("x-echo", "a")]),
            ..CallOptions::default()
        };
        let response = client.echo(options, request.clone()).await.unwrap();
        assert_eq!(
            response.message.everything, request.everything,
            "the message by {encoding:?}"
        );
        assert_eq!(
            response.headers,
            headers(&[("x-echo", "a")]),
            "leading metadata by {encoding:?}"
        );
        assert_eq!(
            response.trailers,
            headers(&[("x-echo", "a")]),
            "trailing metadata by {encoding:?}"
        );
    }
}

#[tokio::test]
async fn errors_arrive_whole() {
    for encoding in [Encoding::Json, Encoding::Proto] {
        let detail = Scalars {
            an_int32: 7,
            ..Scalars::default()
        };
        let request = FailRequest {
            code: "aborted".into(),
            message: "try again".into(),
            detail: Some(detail.clone()),
        };
        let error = in_memory(encoding)
            .fail(CallOptions::default(), request)
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::Aborted, "try again"),
            "by {encoding:?}"
        );
        assert_eq!(
            error.detail::<Scalars>(),
            Some(detail),
            "the detail by {encoding:?}"
        );
        assert_eq!(
            error.metadata(),
            &headers(&[("x-failed", "yes"), ("retry-after", "3"), ("x-cost", "7")]),
            "the metadata by {encoding:?}"
        );
    }
}

#[tokio::test]
async fn client_in_a_router_is_a_proxy() {
    let inner = EchoServiceClient::new(InMemory::new(Rc::new(support::router())));
    let proxy = Router::new()
        .service(EchoServiceServer::new(inner))
        .intercept(support::Gate);
    let client = EchoServiceClient::new(InMemory::new(Rc::new(proxy)));

    let options = CallOptions {
        headers: headers(&[("x-pass-on", "me"), ("x-echo-not", "passed on by itself")]),
        deadline: Some(Instant::now() + Duration::from_secs(60)),
    };
    let response = client.echo(options, EchoRequest::default()).await.unwrap();
    assert_eq!(
        response.trailers,
        headers(&[("x-echo-passed", "me")]),
        "only what the interceptor chose travels on"
    );
    let left: Vec<u64> = response
        .headers
        .get_all("x-milliseconds-left")
        .iter()
        .map(|value| value.to_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        left.len() == 2 && left.iter().all(|left| (50_000..=60_000).contains(left)),
        "the deadline travels on: {left:?}"
    );

    let detail = Scalars {
        an_int32: 7,
        ..Scalars::default()
    };
    let request = FailRequest {
        code: "not_found".into(),
        message: "gone".into(),
        detail: Some(detail.clone()),
    };
    let error = client.fail(CallOptions::default(), request).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::NotFound, "gone"),
        "the error comes through"
    );
    assert_eq!(
        error.detail::<Scalars>(),
        Some(detail),
        "its detail comes through"
    );
    assert_eq!(
        error.metadata().get("retry-after"),
        Some(&HeaderValue::from_static("3")),
        "its metadata too"
    );
}

/// Calls of a router, directly and through a client in another router, by each protocol.
fn ways_to_a_router() -> Vec<EchoServiceClient<InMemory>> {
    let direct = || Client::new(InMemory::new(Rc::new(support::router()))).encoding(Encoding::Proto);
    let relayed = || {
        let relay = Router::new().service(EchoServiceServer::new(EchoServiceClient::with(direct().grpc())));
        Client::new(InMemory::new(Rc::new(relay)))
    };
    let ways = [
        direct(),
        direct().gzip_from(0),
        direct().grpc(),
        direct().grpc_web(),
        relayed(),
        relayed().grpc(),
    ];
    ways.map(EchoServiceClient::with).into()
}

#[tokio::test]
async fn streams_of_requests_reach_a_router_directly_and_through_a_proxy() {
    for client in ways_to_a_router() {
        let texts = ["a", "b", "c"].map(|text| Ok(GatherRequest { text: text.into() }));
        let gathered = client
            .gather(CallOptions::default(), stream::iter(texts).boxed_local())
            .await;
        let gathered = gathered.unwrap();
        assert_eq!(gathered.message.texts, ["a", "b", "c"]);
        assert_eq!(gathered.trailers, headers(&[("x-gathered", "3")]));

        let none = client
            .gather(CallOptions::default(), stream::empty().boxed_local())
            .await;
        assert!(none.unwrap().message.texts.is_empty(), "a stream may be empty");
    }
}

#[tokio::test]
async fn router_answers_each_request_before_the_next_one() {
    for client in ways_to_a_router() {
        let (mut send, sent) = mpsc::channel(0);
        let talk = |text: &str, error_code: &str| {
            Ok(TalkRequest {
                text: text.into(),
                error_code: error_code.into(),
            })
        };
        let mut answers = client
            .talk(CallOptions::default(), sent.boxed_local())
            .await
            .unwrap();
        assert_eq!(answers.headers()["x-talking"], "yes");
        for text in ["a", "b"] {
            let (sent, answer) = tokio::join!(send.send(talk(text, "")), answers.next());
            sent.expect("the call continues");
            assert_eq!(answer.unwrap().unwrap().text, text);
        }
        let (_, answer) = tokio::join!(send.send(talk("enough", "aborted")), answers.next());
        let error = answer.unwrap().unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Aborted, "enough"));
        assert!(answers.next().await.is_none(), "nothing follows an error");
    }
}

#[tokio::test]
async fn proxy_passes_on_an_error_in_the_stream_of_requests() {
    let requests = || stream::iter([Ok(GatherRequest::default()), Err(ConnectError::data_loss("torn"))]);
    for client in ways_to_a_router() {
        let error = client
            .gather(CallOptions::default(), requests().boxed_local())
            .await;
        assert_eq!(error.unwrap_err().message(), "torn");
    }
}

#[tokio::test]
async fn client_implements_the_trait_of_its_service() {
    async fn look(service: &impl EchoService) -> Result<String, ConnectError> {
        let mut context = Context::default();
        Ok(service
            .look(&mut context, LookRequest { text: "x".into() })
            .await?
            .text)
    }
    assert_eq!(look(&support::Echo).await.unwrap(), "x", "called directly");
    assert_eq!(
        look(&in_memory(Encoding::Json)).await.unwrap(),
        "x",
        "called by a client"
    );
}

type Headers = &'static [(&'static str, &'static str)];

/// Answers every request with the same response, and stores the request.
#[derive(Default)]
struct Canned {
    status: u16,
    headers: Headers,
    body: &'static str,
    failure: Option<TransportError>,
    seen: RefCell<Option<http::Request<Body>>>,
}

impl Transport for Canned {
    type ResponseBody = Full<Bytes>;

    async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Full<Bytes>>, TransportError> {
        self.seen.replace(Some(request));
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut response = http::Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(*name, *value);
        }
        Ok(response
            .body(Full::new(Bytes::from_static(self.body.as_bytes())))
            .expect("a response"))
    }
}

const JSON: Headers = &[("content-type", "application/json")];
const HTML: Headers = &[("content-type", "text/html")];

#[tokio::test]
async fn requests_follow_the_protocol() {
    let transport = Rc::new(Canned {
        status: 200,
        headers: JSON,
        body: "{}",
        ..Canned::default()
    });
    let client = EchoServiceClient::new(Rc::clone(&transport));
    let deadline = Instant::now() + Duration::from_secs(5);
    let options = CallOptions {
        headers: headers(&[
            ("authorization", "Bearer x"),
            ("content-length", "999"),
            ("connect-timeout-ms", "1"),
        ]),
        deadline: Some(deadline),
    };
    client
        .look(options, LookRequest { text: "商".into() })
        .await
        .unwrap();

    let request = transport.seen.take().unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(
        request.uri(),
        "/testing.v1.EchoService/Look",
        "the transport adds where that is"
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["connect-protocol-version"], "1");
    assert_eq!(
        request.headers()["authorization"],
        "Bearer x",
        "the caller's headers are sent"
    );
    assert!(
        !request.headers().contains_key("content-length"),
        "the length is the HTTP client's to say"
    );
    let timeout: u64 = request.headers()["connect-timeout-ms"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (4000..=5000).contains(&timeout),
        "what is left of the time, not {timeout} ms"
    );
    assert_eq!(
        request.extensions().get::<Deadline>(),
        Some(&Deadline(deadline)),
        "the deadline for the transport"
    );
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"text":"商"}"#);
}

#[tokio::test]
async fn no_deadline_no_timeout() {
    for deadline in [None, Some(Instant::now() + Duration::from_secs(20_000_000))] {
        let transport = Rc::new(Canned {
            status: 200,
            headers: JSON,
            body: "{}",
            ..Canned::default()
        });
        let client = EchoServiceClient::new(Rc::clone(&transport));
        let options = CallOptions {
            deadline,
            ..CallOptions::default()
        };
        client.look(options, LookRequest::default()).await.unwrap();
        let request = transport.seen.take().unwrap();
        assert!(
            !request.headers().contains_key("connect-timeout-ms"),
            "none, or more than 10 digits: {deadline:?}"
        );
    }
}

#[tokio::test]
async fn no_request_is_sent_after_the_deadline() {
    let transport = Rc::new(Canned::default());
    let options = CallOptions {
        deadline: Some(Instant::now()),
        ..CallOptions::default()
    };
    let client = EchoServiceClient::new(Rc::clone(&transport));
    let error = client.look(options, LookRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(transport.seen.take().is_none(), "no request should be sent");
}

/// HTTP status, headers, body.
type Reply = (u16, Headers, &'static str);

#[tokio::test]
async fn answers_that_are_not_from_connect_have_a_code_too() {
    let large: &str = Box::leak(format!(r#"{{"text":"{}"}}"#, "x".repeat(200)).into_boxed_str());
    const BROTLI: Headers = &[("content-type", "application/json"), ("content-encoding", "br")];
    const GZIP: Headers = &[("content-type", "application/json"), ("content-encoding", "gzip")];
    const PROTO: Headers = &[("content-type", "application/proto")];
    #[rustfmt::skip]
    let cases: &[(Reply, (Code, &str))] = &[
        ((400, HTML, "<h1>Bad Request</h1>"), (Code::Internal, "HTTP status 400 Bad Request")),
        ((401, HTML, ""), (Code::Unauthenticated, "HTTP status 401 Unauthorized")),
        ((403, HTML, ""), (Code::PermissionDenied, "HTTP status 403 Forbidden")),
        ((404, HTML, ""), (Code::Unimplemented, "HTTP status 404 Not Found")),
        ((429, HTML, ""), (Code::Unavailable, "HTTP status 429 Too Many Requests")),
        ((502, HTML, "<h1>Bad Gateway</h1>"), (Code::Unavailable, "HTTP status 502 Bad Gateway")),
        ((503, HTML, ""), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((504, HTML, ""), (Code::Unavailable, "HTTP status 504 Gateway Timeout")),
        ((500, HTML, ""), (Code::Unknown, "HTTP status 500 Internal Server Error")),
        ((302, HTML, ""), (Code::Unknown, "HTTP status 302 Found")),
        ((201, JSON, "{}"), (Code::Unknown, "HTTP status 201 Created")),
        ((503, JSON, ""), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((503, JSON, "{}"), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((503, JSON, r#"{"code":null}"#), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((503, JSON, r#"{"code":"nonsense","message":"x"}"#), (Code::Unavailable, "x")),
        ((503, JSON, r#"["not an error"]"#), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((503, HTML, r#"{"code":"not_found"}"#), (Code::Unavailable, "HTTP status 503 Service Unavailable")),
        ((503, JSON, r#"{"code":"not_found"}"#), (Code::NotFound, "")),
        ((503, JSON, r#"{"code":"not_found","message":null,"details":null,"more":[1]}"#), (Code::NotFound, "")),
        ((404, JSON, r#"{"code":"not_found","message":"x","details":[{"type":"a.B","value":"AA=="}]}"#), (Code::NotFound, "x")),
        ((200, HTML, "<h1>Hello</h1>"), (Code::Unknown, "the response is not a Connect response: wrong content type")),
        ((200, &[], "{}"), (Code::Unknown, "the response is not a Connect response: wrong content type")),
        ((200, PROTO, ""), (Code::Internal, "the response message is in another encoding than the request")),
        ((401, JSON, r#"{"code":null,"message":"oops"}"#), (Code::Unauthenticated, "oops")),
        ((200, BROTLI, ""), (Code::Internal, "the response is compressed in a way that was not asked for")),
        ((200, GZIP, "no gzip"), (Code::Internal, "the response message is not valid gzip")),
        ((200, JSON, "{"), (Code::Internal, "the response message is wrong: expected a name in double quotes")),
        ((200, JSON, large), (Code::ResourceExhausted, "the response message is larger than 100 bytes")),
        ((500, HTML, large), (Code::Unknown, "HTTP status 500 Internal Server Error")),
    ];
    for ((status, headers, body), (code, message)) in cases {
        let transport = Canned {
            status: *status,
            headers,
            body,
            ..Canned::default()
        };
        let client = EchoServiceClient::with(Client::new(transport).response_limit(100));
        let error = client
            .look(CallOptions::default(), LookRequest::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), *code, "{status} {headers:?} {body}");
        assert!(
            error.message().starts_with(message),
            "{status} {headers:?} {body} gave {:?}",
            error.message()
        );
    }
}

#[tokio::test]
async fn transport_failures_have_a_code() {
    let cases = [
        (
            TransportError::Unavailable("the server does not answer".into()),
            Code::Unavailable,
            "the server does not answer",
        ),
        (
            TransportError::DeadlineExceeded("too slow".into()),
            Code::DeadlineExceeded,
            "too slow",
        ),
    ];
    for (failure, code, message) in cases {
        let client = EchoServiceClient::new(Canned {
            failure: Some(failure),
            ..Canned::default()
        });
        let error = client
            .look(CallOptions::default(), LookRequest::default())
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.message()), (code, message));
    }
}
