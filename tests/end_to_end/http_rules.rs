//! Rules of HTTP, for every kind of path: the allowed methods, the answer to HEAD, the host of a request, and the allowed
//! bytes of a header.

use bytes::Bytes;
use harness::{Answer, Platform, Setup, raw};
use http::{HeaderValue, header};

const LIST: &str = "/product.v1.ProductService/ListProducts";

/// Paths that answer a GET, of every component with routes and of the host itself.
const READ: [&str; 14] = [
    "/health",
    "/ready",
    "/product.v1.ProductService/ListProducts?connect=v1&encoding=json&message=%7B%7D",
    "/oauth2/login",
    "/oauth2/register",
    "/oauth2/consent",
    "/oauth2/logout",
    "/oauth2/error?error=access_denied",
    "/oauth2/signed-out",
    "/oauth2/assets/style.css",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/userinfo",
    "/.well-known/spin/health",
];

async fn start() -> Platform {
    let setup = Setup::new().await.variable("issuer", "http://issuer.test");
    setup.start().await
}

async fn ask(platform: &Platform, method: &str, path: &str) -> Answer {
    let client = platform.client();
    client.send(client.request(method, path, Bytes::new())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_a_get_without_content() {
    let platform = start().await;

    for path in READ {
        let get = ask(&platform, "GET", path).await;
        let head = ask(&platform, "HEAD", path).await;
        assert_eq!(head.status, get.status, "HEAD {path}");
        assert!(
            head.body.is_empty(),
            "HEAD {path} has no content, not {:?}",
            head.text()
        );
        for name in [
            "content-type",
            "content-length",
            "cache-control",
            "content-security-policy",
        ] {
            assert_eq!(head.header(name), get.header(name), "{name} of HEAD {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_method_is_answered_with_the_allowed_methods() {
    let platform = start().await;
    let rows: [(&[&str], &[&str], &str); 7] = [
        (
            &["/health", "/ready"],
            &["POST", "PUT", "DELETE", "PATCH"],
            "GET, HEAD",
        ),
        (
            &[
                "/oauth2/login",
                "/oauth2/register",
                "/oauth2/consent",
                "/oauth2/logout",
            ],
            &["PUT", "DELETE", "OPTIONS"],
            "GET, HEAD, POST",
        ),
        (
            &["/oauth2/error", "/oauth2/signed-out", "/oauth2/assets/style.css"],
            &["POST", "PUT", "DELETE", "OPTIONS"],
            "GET, HEAD",
        ),
        (
            &["/oauth2/auth", "/oauth2/sessions/logout"],
            &["PUT", "DELETE", "OPTIONS"],
            "GET, HEAD, POST",
        ),
        (
            &["/oauth2/token", "/oauth2/revoke"],
            &["GET", "HEAD", "PUT"],
            "POST, OPTIONS",
        ),
        (
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
                "/.well-known/jwks.json",
            ],
            &["POST", "DELETE"],
            "GET, HEAD, OPTIONS",
        ),
        (
            &[
                "/oauth2/hooks/refresh",
                "/internal/reconcile",
                "/user.v1.UserService/CreateUser",
            ],
            &["GET", "HEAD", "PUT", "DELETE"],
            "POST",
        ),
    ];
    for (paths, methods, allowed) in rows {
        for path in paths {
            for method in methods {
                let answer = ask(&platform, method, path).await;
                assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
                assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
            }
        }
    }
    let preflight = ask(&platform, "OPTIONS", "/oauth2/token").await;
    assert_eq!(
        (preflight.status.as_u16(), preflight.header("allow")),
        (204, Some("POST, OPTIONS")),
        "OPTIONS has the same answer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_in_a_header_are_served() {
    let platform = start().await;

    for path in READ {
        let expected = ask(&platform, "GET", path).await.status;
        for name in ["cookie", "user-agent", "referer", "accept-language", "x-anything"] {
            let mut request = platform.client().request("GET", path, Bytes::new());
            let value = HeaderValue::from_bytes(b"other=caf\xe9").expect("a header's value");
            request
                .headers_mut()
                .insert(header::HeaderName::from_static(name), value);
            let answer = platform.client().send(request).await;
            assert_eq!(answer.status, expected, "{path} with {name}: {}", answer.text());
        }
    }
    let mut call = platform.client().post(LIST, "{}");
    let value = HeaderValue::from_bytes(b"other=caf\xe9").expect("a header's value");
    call.headers_mut().insert(header::COOKIE, value);
    assert_eq!(platform.client().send(call).await.status, 200, "and so is a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_must_name_exactly_one_valid_host() {
    let platform = start().await;
    let paths = [
        "/health",
        "/oauth2/assets/style.css",
        "/.well-known/jwks.json",
        "/.well-known/spin/health",
        "/nowhere",
    ];
    for (lines, version, expected) in [
        ("Host: a\r\nHost: b\r\n", "1.1", 400),
        ("Host: a\r\nHost: a\r\n", "1.1", 400),
        ("Host: user@127.0.0.1:3000\r\n", "1.1", 400),
        ("Host: 127.0.0.1:3000x\r\n", "1.1", 400),
        ("", "1.1", 400),
        ("Host: 127.0.0.1:\r\n", "1.1", 200),
        ("Host: my_shop\r\n", "1.1", 200),
        ("Host: [::1]:3000\r\n", "1.1", 200),
        ("", "1.0", 200),
        ("Host: a\r\nHost: b\r\n", "1.0", 400),
    ] {
        for path in paths {
            let request = format!("GET {path} HTTP/{version}\r\n{lines}Connection: close\r\n\r\n");
            let answer = raw(platform.address(), request.as_bytes()).await;
            let expected = if expected == 200 && path == "/nowhere" {
                404
            } else {
                expected
            };
            assert_eq!(answer.status(), Some(expected), "{request:?}: {}", answer.text());
        }
    }
}
