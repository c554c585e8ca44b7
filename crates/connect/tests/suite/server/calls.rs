//! Successful calls: encodings, metadata, deadlines, bodies in pieces.

use akinai_connect::json::TextFields;
use akinai_connect_test_schema::testing::v1::{LookRequest, Optionals};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

use super::{ECHO, JSON, LOOK, answer_of, request, up_to};
use crate::support;

#[tokio::test]
async fn interceptor_gets_the_message_in_every_encoding() {
    let forbidden = LookRequest {
        text: "forbidden".into(),
    };
    for (media, body) in [
        ("application/json", br#"{"text":"forbidden"}"#.to_vec()),
        ("application/proto", forbidden.encode_to_vec()),
    ] {
        let request = request("POST", LOOK, &format!("content-type: {media}"), body);
        let answer = answer_of(&support::router(), request).await;
        assert_eq!(answer.status, 403, "{media}");
        assert!(
            answer.body.contains("Look takes no such text"),
            "{media}: {}",
            answer.body
        );
    }
}

#[test]
fn message_returns_its_text_fields_by_name() {
    let message = LookRequest { text: "a".into() };
    for (name, value) in [("text", Some("a")), ("texts", None), ("", None)] {
        assert_eq!(
            TextFields::text_field(&message, name),
            value,
            "the field {name:?}"
        );
    }
    let optionals = Optionals::default();
    assert_eq!(TextFields::text_field(&optionals, "a_string"), None, "absent");
}

#[tokio::test]
async fn valid_requests_are_answered() {
    let router = support::router();
    let cases = [
        ("POST", ECHO, JSON, "{}", "{}"),
        ("POST", ECHO, JSON, r#"{"everything":{}}"#, r#"{"everything":{}}"#),
        (
            "POST",
            ECHO,
            "content-type: application/json; charset=utf-8",
            "{}",
            "{}",
        ),
        (
            "POST",
            ECHO,
            "Content-Type: Application/JSON;charset=UTF-8",
            "{}",
            "{}",
        ),
        (
            "POST",
            ECHO,
            "content-type: application/json|connect-protocol-version: 1",
            "{}",
            "{}",
        ),
        (
            "POST",
            ECHO,
            "content-type: application/json|content-encoding: identity",
            "{}",
            "{}",
        ),
        (
            "POST",
            ECHO,
            "content-type: application/json|accept-encoding: gzip, br",
            "{}",
            "{}",
        ),
        ("POST", ECHO, "content-type: application/json;", "{}", "{}"),
        (
            "POST",
            ECHO,
            "content-type: application/json; x=y; charset=utf-8",
            "{}",
            "{}",
        ),
        (
            "POST",
            ECHO,
            "content-type: application/proto; charset=utf-8",
            "",
            "",
        ),
        (
            "POST",
            ECHO,
            "content-type: application/json|content-encoding: Identity",
            "{}",
            "{}",
        ),
        ("POST", "/testing.v1.EchoService/Echo?x=y", JSON, "{}", "{}"),
        ("POST", LOOK, JSON, r#"{"text":"商"}"#, r#"{"text":"商"}"#),
        (
            "GET",
            "/testing.v1.EchoService/Look?encoding=json&message=%7B%22text%22%3A%22a+b%22%7D",
            "",
            "",
            r#"{"text":"a b"}"#,
        ),
        (
            "GET",
            "/testing.v1.EchoService/Look?connect=v1&base64=1&encoding=json&message=eyJ0ZXh0IjoiYSJ9",
            "",
            "",
            r#"{"text":"a"}"#,
        ),
        (
            "HEAD",
            "/testing.v1.EchoService/Look?encoding=json&message=%7B%7D",
            "",
            "",
            "{}",
        ),
        (
            "GET",
            "/testing.v1.EchoService/Look?message=%7B%7D&encoding=json&compression=identity&more=x",
            "",
            "",
            "{}",
        ),
    ];
    for (method, path, headers, body, expected) in cases {
        let answer = answer_of(&router, request(method, path, headers, body)).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, expected),
            "{method} {path} {headers} {body}"
        );
        let is_binary = headers.starts_with("content-type: application/proto");
        let content_type = if is_binary {
            "application/proto"
        } else {
            "application/json"
        };
        assert_eq!(
            answer.headers["content-type"], content_type,
            "{method} {path} {headers} {body}"
        );
    }
}

#[tokio::test]
async fn binary_is_answered_in_binary() {
    let router = support::router();
    let binary = "content-type: application/proto";
    let answer = answer_of(&router, request("POST", LOOK, binary, &b"\x0a\x03abc"[..])).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, "\n\u{3}abc"),
        "a text in a field with the number 1"
    );
    assert_eq!(answer.headers["content-type"], "application/proto");

    let path = "/testing.v1.EchoService/Look?encoding=proto&base64=1&message=CgNhYmM";
    let answer = answer_of(&router, request("GET", path, "", "")).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, "\n\u{3}abc"),
        "the same by GET"
    );

    let answer = answer_of(&router, request("POST", LOOK, binary, "")).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, ""),
        "no bytes are an empty message"
    );
}

#[tokio::test]
async fn metadata_goes_both_ways() {
    let router = support::router();
    let headers = "content-type: application/json|x-echo: a|x-echo: b|x-echo-bin: AAE|x-silent: c";
    let answer = answer_of(&router, request("POST", ECHO, headers, "{}")).await;
    let values = |name: &str| {
        answer
            .headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(values("x-echo"), ["a", "b"], "leading metadata");
    assert_eq!(values("trailer-x-echo"), ["a", "b"], "trailing metadata");
    assert_eq!(values("trailer-x-echo-bin"), ["AAE"], "binary metadata");
    assert_eq!(values("x-silent"), [""; 0], "what no handler sets is not sent");
}

#[tokio::test]
async fn handlers_cannot_contradict_the_framing() {
    let headers = "content-type: application/json|x-echo: a";
    struct Liar;
    impl akinai_connect::Interceptor for Liar {
        async fn before(
            &self,
            context: &mut akinai_connect::Context,
            _: &'static akinai_connect::MethodDescriptor,
        ) -> Result<(), akinai_connect::ConnectError> {
            for (name, value) in [
                ("content-length", "1"),
                ("content-type", "text/html"),
                ("connection", "close"),
            ] {
                context.response_headers.insert(name, value.parse().unwrap());
            }
            Ok(())
        }
    }
    let answer = answer_of(
        &support::router().intercept(Liar),
        request("POST", ECHO, headers, "{}"),
    )
    .await;
    assert_eq!(
        answer.headers["content-type"], "application/json",
        "the router's own content type"
    );
    assert_eq!(
        answer.headers["content-length"], "2",
        "the length of what the router sends"
    );
    assert!(
        !answer.headers.contains_key("connection"),
        "the connection is the HTTP server's"
    );
}

#[tokio::test]
async fn the_timeout_becomes_a_deadline() {
    let router = support::router();
    let headers = "content-type: application/json|connect-timeout-ms: 9999999999";
    let answer = answer_of(&router, request("POST", ECHO, headers, "{}")).await;
    let left: u64 = answer.headers["x-milliseconds-left"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (9_999_000_000..=9_999_999_999).contains(&left),
        "115 days should be left, not {left} ms"
    );
    let answer = answer_of(&router, request("POST", ECHO, JSON, "{}")).await;
    assert!(
        !answer.headers.contains_key("x-milliseconds-left"),
        "no timeout, no deadline"
    );
}

#[tokio::test]
async fn bodies_may_come_in_pieces_or_break_off() {
    type Piece = Result<http_body::Frame<Bytes>, &'static str>;
    async fn status_of(pieces: Vec<Piece>, limit: usize) -> (u16, String) {
        let router = support::router().limits(up_to(limit));
        let body = StreamBody::new(futures::stream::iter(pieces));
        let request = Request::post(LOOK)
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let response: Response<_> = router.handle(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.into()).unwrap())
    }
    let data = |text: &'static str| Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes())));

    let whole = status_of(
        vec![
            data(""),
            data(r#"{"te"#),
            data(""),
            data(r#"xt":"#),
            data(r#""a"}"#),
        ],
        100,
    )
    .await;
    assert_eq!(whole, (200, r#"{"text":"a"}"#.to_owned()), "a body in pieces");
    let exact = status_of(vec![data(r#"{"text":"#), data(r#""a"}"#)], 12).await;
    assert_eq!(exact.0, 200, "a body of exactly the limit");
    let large = status_of(vec![data(r#"{"text":"#), data(r#""ab"}"#)], 12).await;
    assert_eq!(large.0, 429, "a body one byte over the limit, in pieces");
    let broken = status_of(vec![data(r#"{"text":"#), Err("connection reset")], 100).await;
    assert_eq!(broken.0, 400, "a body that breaks off: {}", broken.1);
}

#[tokio::test]
async fn concurrent_calls_in_one_router_do_not_mix() {
    let router = support::router();
    let calls = (0..16).map(|index| {
        let router = &router;
        async move {
            let headers = format!("content-type: application/json|x-echo: {index}");
            let body = format!(r#"{{"text":"{index}"}}"#);
            let looked = answer_of(router, request("POST", LOOK, JSON, body)).await;
            tokio::task::yield_now().await;
            let echoed = answer_of(router, request("POST", ECHO, &headers, "{}")).await;
            assert_eq!(
                looked.body,
                format!(r#"{{"text":"{index}"}}"#),
                "the message of call {index}"
            );
            assert_eq!(
                echoed.headers["x-echo"],
                index.to_string(),
                "the metadata of call {index}"
            );
        }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn call_by_get_has_query_parameters() {
    struct Tell;
    impl akinai_connect::Interceptor for Tell {
        async fn before(
            &self,
            context: &mut akinai_connect::Context,
            _: &'static akinai_connect::MethodDescriptor,
        ) -> Result<(), akinai_connect::ConnectError> {
            let Some(parameters) = context.query_parameters() else {
                return Ok(());
            };
            let told: Vec<String> = parameters
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            context
                .response_headers
                .insert("x-query", told.join(" ").parse().unwrap());
            Ok(())
        }
    }
    let router = support::router().intercept(Tell);
    let path = format!("{LOOK}?connect=v1&encoding=json&message=%7B%7D&x=1&x=2");
    let answer = answer_of(&router, request("GET", &path, "", "")).await;
    assert_eq!(
        answer.headers["x-query"],
        "connect=v1 encoding=json message={} x=1 x=2"
    );
    let answer = answer_of(&router, request("POST", &path, JSON, "{}")).await;
    assert!(
        !answer.headers.contains_key("x-query"),
        "a POST has its message in its body"
    );
}
