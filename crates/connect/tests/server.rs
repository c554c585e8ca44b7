//! What the router answers to HTTP requests, right ones and wrong ones.

mod support;

use akinai_connect::json::TextFields;
use akinai_connect::{Limits, Router};
use akinai_connect_test_schema::testing::v1::{LookRequest, Optionals};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::Message as _;

const ECHO: &str = "/testing.v1.EchoService/Echo";
const LOOK: &str = "/testing.v1.EchoService/Look";
const FAIL: &str = "/testing.v1.EchoService/Fail";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn answer_of(router: &Router, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = router.handle(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let length = &head.headers["content-length"];
    assert_eq!(length, &body.len().to_string(), "each answer says how long it is");
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.into()).expect("the answer is text"),
    }
}

/// A request written as in a specification: method, path, headers separated by `|`, body.
fn request(method: &str, path: &str, headers: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers.split('|').filter_map(|header| header.split_once(": ")) {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(body.into())).expect("a request")
}

fn up_to(request_bytes: usize) -> Limits {
    Limits {
        request_bytes,
        ..Limits::default()
    }
}

const JSON: &str = "content-type: application/json";

#[tokio::test]
async fn an_interceptor_sees_the_message_in_every_encoding() {
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
fn a_message_gives_its_texts_by_name() {
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
async fn right_requests_are_answered() {
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

/// HTTP method, path, headers, body.
type Sent<'a> = (&'a str, String, &'a str, &'a [u8]);
/// HTTP status, code, beginning of the message.
type Refusal<'a> = (u16, &'a str, &'a str);

#[tokio::test]
async fn wrong_requests_are_refused_in_connects_shape() {
    let router = support::router().limits(up_to(1000));
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1000));
    let deep = "[".repeat(900);
    let get = |query: &str| format!("{LOOK}?{query}");
    #[rustfmt::skip]
    let cases: Vec<(Sent, Refusal)> = vec![
        (("POST", "/testing.v1.EchoService/Nope".into(), JSON, b"{}"), (404, "unimplemented", "there is no method at /testing.v1.EchoService/Nope")),
        (("POST", "/".into(), JSON, b"{}"), (404, "unimplemented", "there is no method at /")),
        (("POST", "/testing.v1.EchoService/echo".into(), JSON, b"{}"), (404, "unimplemented", "there is no method")),
        (("POST", "/testing.v1.EchoService/Nothing".into(), JSON, b"{}"), (501, "unimplemented", "testing.v1.EchoService/Nothing is not implemented")),
        (("GET", format!("{ECHO}?connect=v1"), "", b""), (405, "unknown", "testing.v1.EchoService/Echo is called by POST")),
        (("PUT", LOOK.into(), JSON, b"{}"), (405, "unknown", "testing.v1.EchoService/Look is called by GET, HEAD, POST")),
        (("POST", ECHO.into(), "connect-protocol-version: 1|content-type: text/plain", b"{}"), (415, "unknown", "unknown media type")),
        (("POST", ECHO.into(), "content-type: application/json; charset=latin1", b"{}"), (415, "unknown", "unknown media type")),
        (("POST", ECHO.into(), "content-type: application/json|connect-protocol-version: 2", b"{}"), (400, "invalid_argument", "Connect-Protocol-Version must be \"1\"")),
        (("POST", ECHO.into(), "content-type: application/json|content-encoding: br", b"{}"), (501, "unimplemented", "unknown compression: supported encodings are gzip, identity")),
        (("POST", ECHO.into(), "content-type: application/json|content-encoding: gzip", b"{}"), (400, "invalid_argument", "the message is not valid gzip")),
        (("POST", ECHO.into(), "content-type: application/json|connect-timeout-ms: 12345678901", b"{}"), (400, "invalid_argument", "Connect-Timeout-Ms must be")),
        (("POST", ECHO.into(), "content-type: application/json|connect-timeout-ms: -1", b"{}"), (400, "invalid_argument", "Connect-Timeout-Ms must be")),
        (("POST", ECHO.into(), "content-type: application/json|connect-timeout-ms: +1", b"{}"), (400, "invalid_argument", "Connect-Timeout-Ms must be")),
        (("POST", ECHO.into(), "content-type: application/json|connect-timeout-ms: 1.5", b"{}"), (400, "invalid_argument", "Connect-Timeout-Ms must be")),
        (("POST", ECHO.into(), "content-type: application/json|connect-timeout-ms: 0", b"{}"), (504, "deadline_exceeded", "the time for this request is over")),
        (("POST", ECHO.into(), "content-type: application/json|x-forbidden: 1", b"not even JSON"), (403, "permission_denied", "Echo is not for you")),
        (("POST", ECHO.into(), JSON, b""), (400, "invalid_argument", "the request message is wrong: expected an object, found the end of the text")),
        (("POST", ECHO.into(), JSON, b"{"), (400, "invalid_argument", "the request message is wrong: expected a name")),
        (("POST", ECHO.into(), JSON, b"{\"everything\":7}"), (400, "invalid_argument", "the request message is wrong: everything: expected an object, found a number (line 1, column 15)")),
        (("POST", ECHO.into(), JSON, b"\xff\xfe"), (400, "invalid_argument", "the request message is wrong: the JSON text is not valid UTF-8")),
        (("POST", ECHO.into(), JSON, deep.as_bytes()), (400, "invalid_argument", "the request message is wrong: expected an object")),
        (("POST", ECHO.into(), "content-type: application/proto", b"\xff\xff\xff"), (400, "invalid_argument", "the request message is wrong:")),
        (("POST", LOOK.into(), "content-type: application/proto", b"\x0a\x02\xff\xff"), (400, "invalid_argument", "the request message is wrong:")),
        (("POST", LOOK.into(), JSON, long.as_bytes()), (429, "resource_exhausted", "the message is larger than 1000 bytes")),
        (("GET", get("connect=v1&message=%7B%7D"), "", b""), (415, "unknown", "unknown media type")),
        (("GET", get("connect=v1&encoding=xml&message=%7B%7D"), "", b""), (415, "unknown", "unknown media type")),
        (("GET", get("encoding=json"), "", b""), (400, "invalid_argument", "the query has no \"message\"")),
        (("GET", get("encoding=json&message=%7B%7D&connect=v2"), "", b""), (400, "invalid_argument", "connect must be \"v1\"")),
        (("GET", get("encoding=json&message=%7B%7D&compression=zstd"), "", b""), (501, "unimplemented", "unknown compression")),
        (("GET", get("encoding=json&message=!&base64=1"), "", b""), (400, "invalid_argument", "the \"message\" in the query is not base64")),
        (("GET", get("encoding=json&message=x"), "", b""), (400, "invalid_argument", "the request message is wrong")),
        (("GET", get(&format!("encoding=json&message={long}").replace('"', "%22").replace(['{', '}'], "")), "", b""), (429, "resource_exhausted", "the message is larger than 1000 bytes")),
    ];
    for ((method, path, headers, body), (status, code, message)) in cases {
        let what = format!("{method} {path} {headers} {}", String::from_utf8_lossy(body));
        let answer = answer_of(&router, request(method, &path, headers, body.to_vec())).await;
        let start = format!("{{\"code\":\"{code}\",\"message\":{:?}", message)
            .trim_end_matches('"')
            .to_owned();
        assert_eq!(answer.status, status, "status of {what}: {}", answer.body);
        assert!(
            answer.body.starts_with(&start),
            "answer to {what} should begin with {start}, not {}",
            answer.body
        );
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "answer to {what}"
        );
    }
}

/// Clients of gRPC, gRPC-Web and Connect's streams read no JSON there, and of others we know nothing: they go by the status.
#[tokio::test]
async fn what_is_no_call_is_refused_without_json_in_other_protocols() {
    let router = support::router();
    let grpc = "content-type: application/grpc+xml";
    let cases = [
        (
            ("POST", "/testing.v1.EchoService/Nope", ""),
            (404, "there is no method at /testing.v1.EchoService/Nope\n"),
        ),
        (
            ("POST", "/a.B/C", "content-type: application/connect+proto"),
            (404, "there is no method at /a.B/C\n"),
        ),
        (
            ("GET", ECHO, ""),
            (405, "testing.v1.EchoService/Echo is called by POST\n"),
        ),
        (
            ("OPTIONS", ECHO, ""),
            (405, "testing.v1.EchoService/Echo is called by POST\n"),
        ),
        (
            ("DELETE", ECHO, "content-type: application/grpc"),
            (405, "testing.v1.EchoService/Echo is called by POST\n"),
        ),
        (
            ("POST", ECHO, ""),
            (
                415,
                "unknown media type: send application/json or application/proto\n",
            ),
        ),
        (
            ("POST", ECHO, "content-type: image/jpeg"),
            (
                415,
                "unknown media type: send application/json or application/proto\n",
            ),
        ),
        (
            ("POST", ECHO, grpc),
            (
                415,
                "unknown media type: send application/json or application/proto\n",
            ),
        ),
        (
            ("POST", ECHO, "content-type: application/connect+json"),
            (
                415,
                "unknown media type: send application/json or application/proto\n",
            ),
        ),
        (
            ("GET", LOOK, ""),
            (
                415,
                "unknown media type: send application/json or application/proto\n",
            ),
        ),
    ];
    for ((method, path, headers), (status, text)) in cases {
        let what = format!("{method} {path} {headers}");
        let answer = answer_of(&router, request(method, path, headers, "{}")).await;
        assert_eq!((answer.status, &*answer.body), (status, text), "{what}");
        assert_eq!(
            answer.headers["content-type"], "text/plain; charset=utf-8",
            "{what}"
        );
    }
}

#[tokio::test]
async fn refusals_say_what_would_work() {
    let router = support::router();
    let answer = answer_of(&router, request("DELETE", LOOK, "", "")).await;
    assert_eq!(
        answer.headers["allow"], "GET, HEAD, POST",
        "a wrong method is told the right ones"
    );
    let answer = answer_of(&router, request("POST", LOOK, "content-type: text/html", "")).await;
    assert_eq!(
        answer.headers["accept-post"],
        "application/json, application/proto, application/grpc+json, application/grpc+proto, \
         application/grpc-web+json, application/grpc-web+proto, application/grpc-web-text+json, \
         application/grpc-web-text+proto",
        "a wrong media type is told the right ones"
    );
}

#[tokio::test]
async fn every_code_has_its_status_and_shape() {
    let router = support::router();
    let codes = [
        ("canceled", 499),
        ("unknown", 500),
        ("invalid_argument", 400),
        ("deadline_exceeded", 504),
        ("not_found", 404),
        ("already_exists", 409),
        ("permission_denied", 403),
        ("resource_exhausted", 429),
        ("failed_precondition", 400),
        ("aborted", 409),
        ("out_of_range", 400),
        ("unimplemented", 501),
        ("internal", 500),
        ("unavailable", 503),
        ("data_loss", 500),
        ("unauthenticated", 401),
    ];
    for (code, status) in codes {
        let answer = answer_of(
            &router,
            request("POST", FAIL, JSON, format!(r#"{{"code":"{code}"}}"#)),
        )
        .await;
        assert_eq!(
            (answer.status, &*answer.body),
            (status, &*format!(r#"{{"code":"{code}"}}"#)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn errors_carry_details_and_metadata() {
    let router = support::router();
    let body = r#"{"code":"not_found","message":"no \"such\" thing","detail":{"anInt32":1,"aString":"商"}}"#;
    let answer = answer_of(&router, request("POST", FAIL, JSON, body)).await;
    assert_eq!(
        answer.body,
        r#"{"code":"not_found","message":"no \"such\" thing","details":[{"type":"testing.v1.Scalars","value":"GAFyA+WVhg","debug":{"anInt32":1,"aString":"商"}}]}"#,
        "value is unpadded base64, debug its JSON form"
    );
    for (name, value) in [("x-failed", "yes"), ("trailer-x-cost", "7"), ("retry-after", "3")] {
        assert_eq!(
            answer.headers.get(name).map(|value| value.to_str().unwrap()),
            Some(value),
            "header {name}"
        );
    }
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
async fn bodies_come_in_pieces_and_break_off() {
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
async fn calls_in_one_router_do_not_meet() {
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
async fn a_call_by_get_tells_its_query() {
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
