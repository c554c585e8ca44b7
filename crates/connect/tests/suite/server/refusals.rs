//! Refused requests, and errors of handlers.

use super::{ECHO, FAIL, JSON, LOOK, answer_of, request, up_to};
use crate::support;

/// HTTP method, path, headers, body.
type Sent<'a> = (&'a str, String, &'a str, &'a [u8]);

/// HTTP status, code, start of the message.
type Refusal<'a> = (u16, &'a str, &'a str);

#[tokio::test]
async fn invalid_requests_are_refused_with_a_connect_error() {
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

/// Clients of gRPC, gRPC-Web and Connect's streams do not read JSON here, and other clients are unknown: all of them
/// use the status.
#[tokio::test]
async fn invalid_call_is_refused_without_json_in_other_protocols() {
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
async fn refusals_name_the_allowed_methods_and_media_types() {
    let router = support::router();
    let answer = answer_of(&router, request("DELETE", LOOK, "", "")).await;
    assert_eq!(
        answer.headers["allow"], "GET, HEAD, POST",
        "the answer to a wrong method names the allowed ones"
    );
    let answer = answer_of(&router, request("POST", LOOK, "content-type: text/html", "")).await;
    assert_eq!(
        answer.headers["accept-post"],
        "application/json, application/proto, application/grpc+json, application/grpc+proto, \
         application/grpc-web+json, application/grpc-web+proto, application/grpc-web-text+json, \
         application/grpc-web-text+proto",
        "the answer to a wrong media type names the accepted ones"
    );
}

#[tokio::test]
async fn every_code_has_its_status_and_json_form() {
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
