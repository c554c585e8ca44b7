//! What a component is told about a request from outside, and which requests reach it.

use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Host, MANIFEST, answer};

/// The values of one header, as the probe saw them.
pub(crate) fn values<'a>(request: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = request["headers"].as_array().expect("the probe lists headers");
    let named = headers.iter().filter(|header| header[0] == name);
    named
        .map(|header| header[1].as_str().expect("a header's value is text"))
        .collect()
}

/// The one deliberate difference to Spin's headers, and what it is for.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_client_address_is_replaced() {
    let host = Host::start().await;
    let forged = Request::get(host.url("/request"))
        .header("spin-client-addr", "1.2.3.4:5")
        .header("Spin-Client-Addr", "6.7.8.9:10");
    let seen = host.send(forged).await.json();
    let addresses = values(&seen, "spin-client-addr");
    assert_eq!(
        addresses.len(),
        1,
        "there is one address, the true one, in {addresses:?}"
    );
    assert!(
        addresses[0].starts_with("127.0.0.1:"),
        "the address is the connection's: {addresses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_told_what_spin_tells() {
    let host = Host::start().await;
    let seen = host.get("/request?a=b").await.json();
    let address = host.server.local_addr();
    for (place, name, value) in [
        (
            "headers.rs compute_default_headers",
            "spin-path-info",
            "/request".to_owned(),
        ),
        (
            "headers.rs compute_default_headers",
            "spin-full-url",
            format!("http://{address}/request?a=b"),
        ),
        (
            "headers.rs compute_default_headers",
            "spin-matched-route",
            "/...".to_owned(),
        ),
        (
            "headers.rs compute_default_headers",
            "spin-raw-component-route",
            "/...".to_owned(),
        ),
        (
            "headers.rs compute_default_headers",
            "spin-component-route",
            String::new(),
        ),
        (
            "headers.rs compute_default_headers",
            "spin-base-path",
            "/".to_owned(),
        ),
    ] {
        assert_eq!(
            values(&seen, name),
            [value],
            "Spin: crates/trigger-http/src/{place}: {name}"
        );
    }
}

/// The guest learns the host from the request's authority. wasmtime-wasi-http drops the header itself, under Spin too.
#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_connection_do_not_reach_the_component() {
    let host = Host::start().await;
    let request = Request::get(host.url("/request"))
        .header("keep-alive", "x")
        .header("proxy-authorization", "x");
    let seen = host.send(request).await.json();
    for name in ["host", "connection", "keep-alive", "proxy-authorization"] {
        assert_eq!(values(&seen, name), [""; 0], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_with_prior_knowledge_is_served() {
    let host = Host::start().await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let request = Request::get(host.url("/request"))
        .body(Full::default())
        .expect("a valid request");
    let seen = answer(&client, request).await.json();
    // There is no Host header in HTTP/2; Spin: crates/trigger-http/src/headers.rs prepare_request_headers.
    assert_eq!(values(&seen, "spin-full-url"), ["http://localhost/request"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_component_is_not_reached_from_outside() {
    let only_front = MANIFEST.replace("route = \"/...\"", "route = \"/request\"");
    let host = Host::with(&only_front, host::Limits::default()).await;
    for path in ["/", "/back", "/back/request", "/.well-known/spin/back"] {
        assert_eq!(
            host.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path} leads nowhere"
        );
    }
    let by_host = Request::get(host.url("/back")).header("host", "back.spin.internal");
    assert_eq!(
        host.send(by_host).await.status,
        StatusCode::NOT_FOUND,
        "a Host header chooses no component"
    );
    assert_eq!(
        host.get("/request").await.status,
        StatusCode::OK,
        "the public route is served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_spin_keeps_are_answered_by_the_host() {
    let host = Host::start().await;
    assert_eq!(
        host.get("/.well-known/spin/health").await.body,
        "OK",
        "Spin: crates/trigger-http/src/server.rs handle"
    );
    assert_eq!(host.get("/.well-known/spin/info").await.json()["name"], "probes");
    assert_eq!(
        host.get("/.well-known/spin/other").await.status,
        StatusCode::NOT_FOUND
    );
}

/// Sends raw bytes and reads what comes back before the host closes the connection.
async fn raw(host: &Host, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(host.server.local_addr())
        .await
        .expect("the host listens");
    stream.write_all(request).await.expect("the request is sent");
    let mut response = Vec::new();
    stream
        .read_to_end(&mut response)
        .await
        .expect("the host closes the connection");
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_none_are_refused() {
    let host = Host::start().await;
    for (what, request) in [
        (
            "no Host header",
            &b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..],
        ),
        (
            "a Host header that is none",
            b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        ),
        (
            "two hosts",
            b"GET http://a/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
        ),
        (
            "a header that is not UTF-8",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\r\nConnection: close\r\n\r\n",
        ),
        ("no HTTP at all", b"\x16\x03\x01 hello\r\n\r\n"),
    ] {
        let response = raw(&host, request).await;
        assert!(
            response.starts_with("HTTP/1.1 400"),
            "{what} gets a 400, not {response:?}"
        );
    }
    assert_eq!(
        host.get("/request").await.status,
        StatusCode::OK,
        "and the host goes on"
    );
}
