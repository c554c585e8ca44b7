//! The requests of a client by each protocol.

use std::rc::Rc;
use std::time::{Duration, Instant};

use akinai_connect::{CallOptions, Client, Code, MethodDescriptor, Response};
use akinai_connect_test_schema::testing::v1::{LookRequest, LookResponse};
use futures::stream;
use prost::Message as _;

use super::{CHANGE, CONNECT, Canned, Change, GRPC, GRPC_WEB, LOOK, SUM, Sent, Server, headers};
use crate::support::envelopes::envelope;

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
        assert_eq!(&body[..], envelope(0, request.encode_to_vec()));
    }
}

#[tokio::test]
async fn client_that_compresses_from_0_bytes_compresses_all_messages() {
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
async fn call_that_cannot_be_a_get_is_a_post() {
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
