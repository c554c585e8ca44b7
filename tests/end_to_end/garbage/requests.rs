//! Requests whose method, path, headers or body is wrong.

use bytes::Bytes;
use harness::raw;
use http::{HeaderValue, header};

use super::{LIST, OPEN, PLAIN, ROUTES, Victim};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods() {
    let victim = Victim::start().await;

    for path in ROUTES {
        for method in ["DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let mut request = victim.client().post(path, "{}");
            *request.method_mut() = method.parse().expect("a method");
            victim
                .is_refused("a wrong method", request, (405, "unknown"))
                .await;
        }
    }
    let path = "/user.v1.UserService/CreateUser";
    let query = "?connect=v1&encoding=json&message=%7B%22email%22%3A%22a%40example.com%22%7D";
    for query in ["", query] {
        let request = victim
            .client()
            .request("GET", &format!("{path}{query}"), Bytes::new());
        let answer = victim.client().send(request).await;
        assert_eq!(
            answer.status,
            405,
            "GET must not reach a method with side effects: {}",
            answer.text()
        );
        assert_eq!(
            answer.header("allow"),
            Some("POST"),
            "and the answer must name the allowed methods"
        );
        // Only a client that sends Connect's headers is answered in Connect's JSON.
        let media_type = if query.is_empty() {
            PLAIN
        } else {
            "application/json"
        };
        assert_eq!(
            answer.header("content-type"),
            Some(media_type),
            "GET {path}{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths() {
    let victim = Victim::start().await;
    let long = format!("/{}", "x".repeat(8000));
    let paths = [
        "/",
        "//",
        "/index.html",
        "/product.v1.ProductService",
        "/product.v1.ProductService/",
        "/product.v1.ProductService/Nothing",
        "/product.v1.ProductService/getproduct",
        "/product.v1.ProductService/GetProduct/",
        "/product.v1.ProductService/GetProduct/x",
        "//product.v1.ProductService/GetProduct",
        "/product.v1.productservice/GetProduct",
        "/product.v2.ProductService/GetProduct",
        "/../product.v1.ProductService/GetProduct",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%00",
        "/%ff%fe",
        "/health/",
        "/ready/x",
        &long,
    ];
    for path in paths {
        let request = victim.client().post(path, "{}");
        victim
            .is_refused("a wrong path", request, (404, "unimplemented"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_media_types() {
    let victim = Victim::start().await;

    for path in ROUTES {
        for media_type in [
            "text/plain",
            "application/xml",
            "application/jsonx",
            "multipart/form-data; boundary=x",
            "json",
            ";",
        ] {
            let mut request = victim.client().post(path, "{}");
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            let answer = victim.client().send(request).await;
            assert_eq!(
                answer.status,
                415,
                "{path}: {media_type:?} must be refused with 415, but: {}",
                answer.text()
            );
            assert_eq!(
                answer.header("content-type"),
                Some(PLAIN),
                "{path}: {media_type:?}"
            );
        }
        let answer = victim
            .client()
            .send(victim.client().request("POST", path, "{}".into()))
            .await;
        assert_eq!(
            answer.status,
            415,
            "{path}: no media type must be refused with 415, but: {}",
            answer.text()
        );
        assert_eq!(answer.header("content-type"), Some(PLAIN), "{path}");
        victim.goes_on_after("wrong media types").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_messages_are_refused() {
    let victim = Victim::start().await;
    let nested =
        |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000)).into_bytes();
    let bodies: [(&str, Vec<u8>); 18] = [
        ("an empty body", b"".to_vec()),
        ("white space", b"  \n ".to_vec()),
        ("half an object", b"{".to_vec()),
        ("half a text", b"{\"id\": \"a".to_vec()),
        ("two objects", b"{}{}".to_vec()),
        ("a trailing comma", b"{\"id\": \"a\",}".to_vec()),
        ("an array", b"[]".to_vec()),
        ("a text", b"\"id\"".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1e999999999".to_vec()),
        (
            "a field of another type",
            b"{\"id\": {}, \"email\": 1, \"query\": []}".to_vec(),
        ),
        (
            "invalid UTF-8",
            b"{\"id\": \"\xff\xfe\", \"email\": \"\xc3\x28\", \"query\": \"\xff\"}".to_vec(),
        ),
        (
            "half a surrogate pair",
            br#"{"id": "\ud800", "email": "\ud800", "query": "\ud800"}"#.to_vec(),
        ),
        ("NUL bytes", vec![0; 1000]),
        ("a NUL byte within", b"{\"id\"\0: \"a\"}".to_vec()),
        ("arrays nested 10,000 deep", nested("[", "]")),
        ("objects nested 10,000 deep", nested("{\"a\":", "}")),
        (
            "an unknown field nested 10,000 deep",
            [b"{\"unknown\":".to_vec(), nested("[", "]"), b"}".to_vec()].concat(),
        ),
    ];
    for path in OPEN {
        for (what, body) in &bodies {
            let request = victim.client().post(path, body.clone());
            victim.is_refused(what, request, (400, "invalid_argument")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_bodies_that_are_not_messages_are_refused() {
    let victim = Victim::start().await;
    let bodies: [(&str, &[u8]); 6] = [
        ("a field cut off", b"\x0a\x24abc"),
        (
            "a varint without an end",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("a wire type that does not exist", b"\x0f\x00"),
        ("the field number 0", b"\x02\x00"),
        ("a length beyond all memory", b"\x0a\xff\xff\xff\xff\x0f"),
        ("JSON", b"{\"id\": \"a\"}"),
    ];
    for path in OPEN {
        for (what, body) in bodies {
            let mut request = victim.client().post(path, body);
            request.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/proto"),
            );
            victim.is_refused(what, request, (400, "invalid_argument")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes() {
    let victim = Victim::start().await;
    let text = "x".repeat(10 << 20);

    for path in OPEN {
        let valid = victim.client().post(path, format!(r#"{{"unknown": "{text}"}}"#));
        victim
            .is_refused("a message of 10 MB", valid, (429, "resource_exhausted"))
            .await;
        let garbage = victim.client().post(path, text.clone());
        victim
            .is_refused("10 MB of garbage", garbage, (429, "resource_exhausted"))
            .await;
    }
    // This is more than the host accepts: it may answer and close before it has read everything.
    let head =
        format!("POST {LIST} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{text}{text}{text}", 30 << 20);
    let answer = raw(victim.0.address(), request.as_bytes()).await;
    assert!(
        answer.status().is_none_or(|status| [413, 429].contains(&status)),
        "30 MB must be refused: {}",
        answer.text()
    );
    victim.goes_on_after("30 MB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_protocol_headers() {
    let victim = Victim::start().await;
    let cases = [
        ("connect-protocol-version", "2", (400, "invalid_argument")),
        ("connect-protocol-version", "", (400, "invalid_argument")),
        ("connect-timeout-ms", "soon", (400, "invalid_argument")),
        ("connect-timeout-ms", "-1", (400, "invalid_argument")),
        ("connect-timeout-ms", "99999999999", (400, "invalid_argument")),
        ("content-encoding", "br", (501, "unimplemented")),
        ("content-encoding", "nonsense", (501, "unimplemented")),
    ];
    for path in OPEN {
        for (name, value, expected) in cases {
            let mut request = victim.client().post(path, "{}");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
            victim
                .is_refused(&format!("{name}: {value}"), request, expected)
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_large_are_refused() {
    let victim = Victim::start().await;
    let head =
        format!("POST {LIST} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n");
    let many: String = (0..2000).map(|number| format!("x-{number}: y\r\n")).collect();
    let cases = [
        (
            "a header of 1 MB",
            format!(
                "{head}x: {}\r\ncontent-length: 2\r\n\r\n{{}}",
                "y".repeat(1 << 20)
            ),
        ),
        (
            "2,000 headers",
            format!("{head}{many}content-length: 2\r\n\r\n{{}}"),
        ),
        (
            "a header without an end",
            format!("{head}x: {}", "y".repeat(1 << 20)),
        ),
        (
            "a path of 1 MB",
            format!("POST /{} HTTP/1.1\r\nhost: a\r\n\r\n", "y".repeat(1 << 20)),
        ),
    ];
    for (what, bytes) in cases {
        let answer = raw(victim.0.address(), bytes.as_bytes()).await;
        let status = answer.status();
        let refused = status.is_none_or(|status| [400, 414, 431].contains(&status));
        assert!(refused, "{what} must be refused, but: {}", answer.text());
        victim.goes_on_after(what).await;
    }

    // Headers within the limits reach the component, which must not fail.
    let request = format!("{head}x: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(10_000));
    let answer = raw(victim.0.address(), request.as_bytes()).await;
    assert_eq!(
        answer.status(),
        Some(200),
        "a header of 10 kB is within the limits: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_to_the_plain_pages() {
    let victim = Victim::start().await;

    for path in ["/health", "/ready"] {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = victim
                .client()
                .send(victim.client().request(method, path, vec![0xff; 1000].into()))
                .await;
            assert_eq!(
                answer.status,
                405,
                "{method} {path} must be refused, but: {}",
                answer.text()
            );
        }
        let answer = victim.client().get(&format!("{path}?x=%00%ff&&==")).await;
        assert_eq!(
            answer.status, 200,
            "a query that is not read must not matter to {path}"
        );
    }
    victim.goes_on_after("garbage to the plain pages").await;
}
