//! What the bff does with every request, on every path.

use harness::{Answer, Platform, Setup};
use http::{HeaderValue, header};
use serde_json::json;
use uuid::Uuid;

const LIST: &str = "/product.v1.ProductService/ListProducts";

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_are_plain_text() {
    let platform = Platform::start().await;

    for (path, body) in [("/health", "OK"), ("/ready", "Ready")] {
        let answer = platform.client().get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (200, body),
            "GET {path} with all servers running"
        );
    }
}

/// The answers of the bff to one request of each kind, with these request ids.
async fn answers(platform: &Platform, ids: &[&[u8]]) -> Vec<(String, Answer)> {
    let client = platform.client();
    let requests = [
        client.request("GET", "/health", Default::default()),
        client.request("GET", "/ready", Default::default()),
        client.request("GET", "/nowhere", Default::default()),
        client.request("DELETE", LIST, Default::default()),
        client.post(LIST, "{}"),
        client.post(LIST, "{"),
        client.post(
            "/product.v1.ProductService/GetProduct",
            json!({ "id": Uuid::nil() }).to_string(),
        ),
        client.post("/product.v1.ProductService/DeleteProduct", "{}"),
        client.post("/user.v1.UserService/GetUser", "{}"),
    ];
    let mut answers = Vec::new();
    for mut request in requests {
        for id in ids {
            request.headers_mut().append(
                "x-request-id",
                HeaderValue::from_bytes(id).expect("bytes that a header can hold"),
            );
        }
        let what = format!("{} {}", request.method(), request.uri().path());
        answers.push((what, client.send(request).await));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_request_id_is_on_every_response() {
    let platform = Platform::start().await;

    for id in ["a", "Trace_1.2-3", &Uuid::now_v7().to_string(), &"x".repeat(128)] {
        for (what, answer) in answers(&platform, &[id.as_bytes()]).await {
            assert_eq!(
                answer.header("x-request-id"),
                Some(id),
                "{what} must keep the caller's request id"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_request_id_is_replaced_on_every_response() {
    let platform = Platform::start().await;
    let long = "x".repeat(129);
    let cases: [&[&[u8]]; 6] = [
        &[],
        &[b"two words"],
        &["日本".as_bytes()],
        &[b"<script>"],
        &[long.as_bytes()],
        &[b"one", b"two"],
    ];

    for ids in cases {
        for (what, answer) in answers(&platform, ids).await {
            let id = answer
                .header("x-request-id")
                .unwrap_or_else(|| panic!("{what} must have one request id"));
            assert!(
                Uuid::parse_str(id).is_ok(),
                "{what} must replace the request id {ids:?} by a UUID, but has {id:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_headers_from_clients_are_ignored() {
    let platform = Platform::start().await;
    let user_id = Uuid::now_v7().to_string();
    let internal = [
        ("x-akinai-user", user_id.as_str()),
        ("x-akinai-caller", "admin"),
        ("x-akinai-scopes", "admin"),
        ("x-akinai-client-address", "203.0.113.9"),
        ("spin-client-addr", "203.0.113.9:443"),
        ("spin-full-url", "http://user.spin.internal/"),
        ("spin-path-info", "/user.v1.UserService/GetUser"),
        ("spin-component-route", "/..."),
        ("x-forwarded-host", "user.spin.internal"),
    ];
    for (name, value) in internal {
        let mut request = platform.client().post(
            "/user.v1.UserService/GetUser",
            json!({ "id": user_id }).to_string(),
        );
        request
            .headers_mut()
            .insert(name, HeaderValue::from_str(value).expect("a header's value"));
        let answer = platform.client().send(request).await;
        assert_eq!(
            answer.failure().code,
            "unauthenticated",
            "{name}: {value} from a client must not make the caller a user"
        );
        for returned in answer.headers.keys() {
            let internal =
                returned.as_str().starts_with("x-akinai-") || returned.as_str().starts_with("spin-");
            assert!(
                !internal,
                "the answer must not show the internal header {returned}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_is_not_reachable_by_its_internal_name() {
    let platform = Platform::start().await;

    let mut request = platform.client().request("GET", "/ready", Default::default());
    request
        .headers_mut()
        .insert(header::HOST, HeaderValue::from_static("user.spin.internal"));
    let answer = platform.client().send(request).await;

    assert_eq!(
        answer.status,
        400,
        "internal names are for components, but: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_for_services_are_not_reachable_by_clients() {
    let platform = Platform::start().await;

    for path in [
        "/product.v1.InventoryService/ReserveStock",
        "/product.v1.InventoryService/Restock",
        "/user.v1.SessionService/CheckSession",
        "/user.v1.UserEventService/ListUserEvents",
        "/user.v1.UserEventService/AcknowledgeUserEvents",
    ] {
        let answer = platform.client().send(platform.client().post(path, "{}")).await;
        assert_eq!(
            answer.status,
            404,
            "{path} is for services and must not exist for clients, but: {}",
            answer.text()
        );
        assert_eq!(
            answer.failure().code,
            "unimplemented",
            "the error must be the same as for any unknown path"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_only_may_call() {
    let setup = Setup::new()
        .await
        .variable("allowed_origins", "https://shop.example, http://localhost:5173");
    let platform = setup.start().await;
    let from = |method: &str, origin: &'static str| {
        let mut request = platform.client().request(method, LIST, "{}".into());
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
            .headers_mut()
            .insert(header::ORIGIN, HeaderValue::from_static(origin));
        request
    };

    for origin in ["https://shop.example", "http://localhost:5173"] {
        let answer = platform.client().send(from("POST", origin)).await;
        assert_eq!(
            answer.status,
            200,
            "a call from {origin} must be served: {}",
            answer.text()
        );
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(
            allowed,
            Some(origin),
            "{origin} is listed: its pages may read the answer"
        );
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            None,
            "clients send tokens in headers, not in cookies"
        );

        let mut preflight = from("OPTIONS", origin);
        let wanted = HeaderValue::from_static("content-type,connect-protocol-version,authorization");
        preflight.headers_mut().insert(
            header::ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("POST"),
        );
        preflight
            .headers_mut()
            .insert(header::ACCESS_CONTROL_REQUEST_HEADERS, wanted);
        let answer = platform.client().send(preflight).await;
        assert!(
            answer.status.is_success(),
            "a preflight from {origin} must succeed, but was {}",
            answer.status
        );
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(origin),
            "and allow the origin"
        );
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        assert!(
            methods.contains("POST"),
            "and the method, but allowed {methods:?}"
        );
        let headers = answer
            .header("access-control-allow-headers")
            .unwrap_or_default()
            .to_lowercase();
        for name in ["content-type", "connect-protocol-version", "authorization"] {
            assert!(
                headers.contains(name),
                "and the header {name}, but allowed {headers:?}"
            );
        }
    }
    for origin in [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "null",
    ] {
        for method in ["POST", "OPTIONS"] {
            let mut request = from(method, origin);
            request.headers_mut().insert(
                header::ACCESS_CONTROL_REQUEST_METHOD,
                HeaderValue::from_static("POST"),
            );
            let answer = platform.client().send(request).await;
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(
                allowed, None,
                "{origin} is not listed: its pages must not read the answer to {method}"
            );
        }
    }
}
