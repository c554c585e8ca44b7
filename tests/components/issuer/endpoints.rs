//! Paths, their methods, and the origins whose pages may read the answers.

use bytes::Bytes;
use harness::{Answer, Setup};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{ISSUER, KEYS, ORIGIN, World, link, parsed, with};

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_registered_origins_may_read_answers() {
    let world = World::start().await;
    let preflight = async |path: &str, origin: &str| {
        let request = world.http().request("OPTIONS", path, Bytes::new());
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        world.http().send(with(request, &headers)).await
    };
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    for path in ["/oauth2/token", "/oauth2/revoke", "/userinfo"] {
        let answer = preflight(path, ORIGIN).await;
        assert_eq!(
            (answer.status.as_u16(), allowed(&answer).as_deref()),
            (204, Some(ORIGIN)),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        for other in [
            "https://evil.example",
            "null",
            "https://shop.example.evil",
            "http://shop.example",
        ] {
            assert_eq!(allowed(&preflight(path, other).await), None, "{path} and {other}");
        }
    }
    // Pages can also read early errors: for a body that is too large or not a form, and for a wrong method.
    for path in ["/oauth2/token", "/oauth2/revoke", "/userinfo"] {
        for (method, body, kind, status) in [
            (
                "POST",
                "a".repeat(2 << 20),
                "application/x-www-form-urlencoded",
                413,
            ),
            (
                "POST",
                "a=%00".to_owned(),
                "application/x-www-form-urlencoded",
                400,
            ),
            ("POST", "{}".to_owned(), "application/json", 400),
            ("DELETE", String::new(), "", 405),
        ] {
            let request = world.http().request(method, path, body.into());
            let headers = [("origin", ORIGIN), ("content-type", kind)];
            let answer = world.http().send(with(request, &headers)).await;
            // This body is not a form, so it contains no token.
            let status = if (path, kind) == ("/userinfo", "application/json") {
                401
            } else {
                status
            };
            assert_eq!(answer.status.as_u16(), status, "{method} {path} {kind}");
            assert_eq!(
                allowed(&answer).as_deref(),
                Some(ORIGIN),
                "{method} {path}: {status}"
            );
            let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
            assert!(exposed.contains("www-authenticate"), "{method} {path}: {exposed}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{method} {path}: {status}");
        }
    }
    for public in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        assert_eq!(
            allowed(&world.get(public, &[("origin", "https://any.example")]).await).as_deref(),
            Some("*")
        );
    }
    let page = world.get(&link(""), &[("origin", ORIGIN)]).await;
    assert_eq!(allowed(&page), None, "browsers go there, scripts do not");

    // If the database cannot list the origins, a page can read a failure, and no other answer.
    world.sql("alter table clients rename to hidden").await;
    let form = [("client_id", "shop"), ("grant_type", "refresh_token")];
    let failed = world.form("/oauth2/token", &form, &[("origin", ORIGIN)]).await;
    assert_eq!(
        (failed.status.as_u16(), allowed(&failed).as_deref()),
        (500, Some(ORIGIN))
    );
    let refused = world
        .form("/oauth2/token", &[("a", "b")], &[("origin", ORIGIN)])
        .await;
    assert_eq!((refused.status.as_u16(), allowed(&refused)), (400, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_lists_the_endpoints() {
    let world = World::start().await;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let found = parsed(&world.http().get(path).await);
        assert_eq!(found["issuer"], ISSUER);
        assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(found["authorization_response_iss_parameter_supported"], true);
        for (name, path) in [
            ("token_endpoint", "/oauth2/token"),
            ("jwks_uri", "/.well-known/jwks.json"),
        ] {
            assert_eq!(found[name], format!("{ISSUER}{path}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_api_names_the_allowed_methods_of_a_path() {
    let world = World::start().await;
    for (method, path, allowed) in [
        ("PUT", "/admin/clients", "GET, HEAD, POST"),
        ("POST", "/admin/clients/shop", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/admin/clients/shop/secrets/rotate", "POST"),
        ("DELETE", KEYS, "GET, HEAD, POST, PUT"),
        ("POST", &format!("{KEYS}/k"), "GET, HEAD, PUT, DELETE"),
        ("GET", "/admin/oauth2/introspect", "POST"),
        ("GET", "/admin/oauth2/tokens", "DELETE"),
        ("GET", "/admin/oauth2/auth/sessions/login", "DELETE"),
        ("PUT", "/admin/oauth2/auth/sessions/consent", "GET, HEAD, DELETE"),
    ] {
        let answer = world.admin(method, path, Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some(allowed)),
            "{method} {path}: {}",
            answer.text()
        );
    }
    let head = world.admin("HEAD", "/admin/clients/shop", Value::Null).await;
    assert_eq!(
        (head.status.as_u16(), head.body.len()),
        (200, 0),
        "HEAD is answered as GET"
    );
}

/// The real manifest: a path without a route is not found, in any spelling.
#[tokio::test(flavor = "multi_thread")]
async fn no_public_path_reaches_the_admin_api() {
    let platform = Setup::new().await.variable("issuer", ISSUER).start().await;
    let client = platform.client();
    assert_eq!(
        client.get("/.well-known/openid-configuration").await.status,
        200,
        "the issuer answers"
    );
    for path in [
        "/admin/clients",
        "//admin/clients",
        "/oauth2/../admin/clients",
        "/oauth2/auth/../../admin/clients",
        "/oauth2/auth/%2e%2e/%2e%2e/admin/clients",
        "/oauth2/token/admin/clients",
        "/oauth2/token%2f..%2fadmin/clients",
        "/userinfo/admin/clients",
        "/.well-known/../admin/clients",
        "/.well-known/jwks.json/admin/clients",
        "/admin/oauth2/auth/requests/login?login_challenge=x",
        "/oauth2/auth/admin/clients",
    ] {
        for (name, value) in [
            ("x-nothing", "1"),
            ("spin-path-info", "/admin/clients"),
            ("spin-client-addr", "0.0.0.0:0"),
            ("host", "issuer-admin.spin.internal"),
        ] {
            let mut request = client.request("GET", path, Bytes::new());
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            let answer = client.send(request).await;
            let refused = matches!(answer.status.as_u16(), 400 | 404);
            assert!(refused, "{path} with {name}: {} {}", answer.status, answer.text());
        }
    }
}
