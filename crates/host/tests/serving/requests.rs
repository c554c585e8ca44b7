//! The headers of a request from outside for a component, and the requests that reach a component.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
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

/// The only deliberate difference to Spin's headers, and its purpose.
#[tokio::test(flavor = "multi_thread")]
async fn forged_client_address_is_replaced() {
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
async fn component_gets_the_same_headers_as_from_spin() {
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

/// The guest gets the host from the request's authority. wasmtime-wasi-http removes the header itself, also in Spin.
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
    let request = Request::get(host.url("/request"))
        .body(Full::default())
        .expect("a valid request");
    let seen = answer(&http2(), request).await.json();
    // There is no Host header in HTTP/2; Spin: crates/trigger-http/src/headers.rs prepare_request_headers.
    assert_eq!(values(&seen, "spin-full-url"), ["http://localhost/request"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_component_is_not_reached_from_outside() {
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
        StatusCode::BAD_REQUEST,
        "a Host header chooses no component"
    );
    assert_eq!(
        host.get("/request").await.status,
        StatusCode::OK,
        "the public route is served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_paths_of_spin_are_answered_by_the_host() {
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

/// Sends raw bytes, and reads the answer until the host closes the connection.
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
async fn malformed_requests_are_refused() {
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
            "two Host headers",
            b"GET /request HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n",
        ),
        (
            "two Host headers, where there is nothing",
            b"GET /.well-known/spin/nothing HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        ),
        (
            "a Host header with a user",
            b"GET /request HTTP/1.1\r\nHost: user@a\r\nConnection: close\r\n\r\n",
        ),
        (
            "a Host header with a port that is no number",
            b"GET /request HTTP/1.1\r\nHost: a:3000x\r\nConnection: close\r\n\r\n",
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
        "the host still serves"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_transfer_coding_is_refused() {
    let host = Host::start().await;
    for coding in ["gzip, chunked", "chunked, chunked"] {
        let request = format!(
            "POST /request HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n0\r\n\r\n"
        );
        let response = raw(&host, request.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 501"), "{coding}: {response:?}");
    }
}

/// Each row: the request's first lines, and the URL that the component gets.
#[tokio::test(flavor = "multi_thread")]
async fn valid_host_header_is_served_and_passed_to_the_component() {
    let host = Host::start().await;
    for (lines, url) in [
        ("GET /request HTTP/1.0\r\n", "http://localhost/request"),
        ("GET /request HTTP/1.1\r\nHost:\r\n", "http://localhost/request"),
        (
            "GET /request HTTP/1.1\r\nHost: 127.0.0.1:\r\n",
            "http://127.0.0.1/request",
        ),
        (
            "GET /request HTTP/1.1\r\nHost: my_shop:80\r\n",
            "http://my_shop:80/request",
        ),
        (
            "GET /request HTTP/1.1\r\nHost: [::1]:3000\r\n",
            "http://[::1]:3000/request",
        ),
        ("GET http://a/request HTTP/1.1\r\nHost: b\r\n", "http://a/request"),
    ] {
        let response = raw(&host, format!("{lines}Connection: close\r\n\r\n").as_bytes()).await;
        assert!(response.contains(" 200 OK\r\n"), "{lines:?}: {response:?}");
        let told = format!(r#"["spin-full-url","{url}"]"#);
        assert!(
            response.contains(&told),
            "{lines:?}: {response:?} should tell {url}"
        );
    }
}

fn http2() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http()
}

#[tokio::test(flavor = "multi_thread")]
async fn different_authority_and_host_are_refused() {
    let host = Host::start().await;
    let address = host.server.local_addr().to_string();
    for (name, status) in [
        (address.as_str(), 200),
        ("other.example", 400),
        ("user@other.example", 400),
    ] {
        let request = Request::get(host.url("/request")).header("host", name);
        let request = request.body(Full::default()).expect("a valid request");
        let answered = answer(&http2(), request).await;
        assert_eq!(
            answered.status, status,
            "Host: {name} beside :authority {address}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_values_reach_the_component_unchanged() {
    let host = Host::start().await;
    for name in ["cookie", "user-agent", "referer", "x-anything"] {
        let value = HeaderValue::from_bytes(b"caf\xe9 \xff\x80").expect("a header's value");
        let seen = host
            .send(Request::get(host.url("/request")).header(name, value))
            .await;
        assert_eq!(values(&seen.json(), name), ["caf\u{e9} \u{ff}\u{80}"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_without_content() {
    let host = Host::start().await;
    for path in ["/request", "/.well-known/spin/health", "/.well-known/spin/info"] {
        for (protocol, client) in [("HTTP/1.1", host.client.clone()), ("HTTP/2", http2())] {
            let request = Request::head(host.url(path)).body(Full::default());
            let answered = answer(&client, request.expect("a valid request")).await;
            assert_eq!(answered.status, StatusCode::OK, "HEAD {path} over {protocol}");
            assert_eq!(answered.body, "", "HEAD {path} over {protocol} has no content");
        }
    }
    let head = host
        .send(Request::head(host.url("/.well-known/spin/health")))
        .await;
    assert_eq!(
        head.headers["content-length"], "2",
        "the length of what a GET would get"
    );
}
