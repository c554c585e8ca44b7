//! Calls between components, in process.

use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Host, MANIFEST};
use crate::requests::values;

#[tokio::test(flavor = "multi_thread")]
async fn component_reaches_a_private_component() {
    let host = Host::start().await;
    let fetched = host.fetch("http://back.spin.internal/request?a=b").await;
    assert_eq!(fetched["status"], 200, "{fetched}");
    let seen: Value =
        serde_json::from_str(fetched["body"].as_str().expect("a body")).expect("the probe's JSON");
    for (place, name, value) in [
        (
            "outbound_http.rs CHAINED_CLIENT_ADDR",
            "spin-client-addr",
            &["0.0.0.0:0"][..],
        ),
        (
            "outbound_http.rs RouteMatch::synthetic",
            "spin-matched-route",
            &["/..."],
        ),
        (
            "outbound_http.rs RouteMatch::synthetic",
            "spin-path-info",
            &["/request"],
        ),
        (
            "headers.rs prepare_request_headers",
            "spin-full-url",
            &["http://localhost/request?a=b"],
        ),
        (
            "../../factor-outbound-http/src/wasi.rs prepare_request",
            "host",
            &[],
        ),
    ] {
        assert_eq!(
            values(&seen, name),
            value,
            "Spin: crates/trigger-http/src/{place}: {name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn component_reaches_its_own_application_if_granted() {
    let host = Host::start().await;
    let fetched = host.fetch("http://self.alt/request").await;
    assert_eq!(
        fetched["status"], 200,
        "`http://self` grants self.alt, as in Spin: {fetched}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn component_without_a_grant_is_not_reached() {
    let ungranted = MANIFEST
        .replace("\"http://back.spin.internal\", ", "")
        .replace(", \"http://self\"", "");
    let host = Host::with(&ungranted, host::Limits::default()).await;
    for url in [
        "http://back.spin.internal/request",
        "http://self.alt/request",
        "http://127.0.0.1:1/",
    ] {
        let fetched = host.fetch(url).await;
        let error = fetched["error"].as_str().unwrap_or_default();
        assert!(
            error.contains("HttpRequestDenied"),
            "Spin: factor-outbound-http/src/wasi.rs prepare_request: {url}: {fetched}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calling_an_absent_component_fails_only_the_call() {
    let everyone = MANIFEST.replace("\"http://back.spin.internal\"", "\"*://*:*\"");
    let host = Host::with(&everyone, host::Limits::default()).await;
    let fetched = host.fetch("http://absent.spin.internal/").await;
    assert!(
        fetched["error"]
            .as_str()
            .is_some_and(|error| error.contains("absent")),
        "names the component: {fetched}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_of_the_called_component_is_a_response() {
    let host = Host::start().await;
    let fetched = host.fetch("http://back.spin.internal/trap").await;
    assert_eq!(
        fetched,
        json!({ "status": 500, "body": "" }),
        "Spin: trigger-http/src/server.rs respond_wasm_component"
    );
}

/// Clients that fill a component must not keep other components from it. A component that calls itself waits for no place either.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_components_have_places_of_their_own() {
    let host = Host::limited(|limits| limits.in_flight = 1).await;
    let fetched = host.fetch("http://front.spin.internal/request").await;
    assert_eq!(
        fetched["status"], 200,
        "the one place for clients is taken, and the one for components is free: {fetched}"
    );
    assert_eq!(
        host.get("/request").await.status,
        StatusCode::OK,
        "afterwards there is room again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_outside_is_reached_if_granted() {
    let everyone = MANIFEST.replace("\"http://back.spin.internal\"", "\"*://*:*\"");
    let host = Host::with(&everyone, host::Limits::default()).await;
    let other = Host::start().await;
    let fetched = host.fetch(&other.url("/request")).await;
    assert_eq!(
        fetched["status"], 200,
        "another server is reached over a socket: {fetched}"
    );

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    for (place, url, code) in [
        (
            "connect_tcp: the server refuses",
            format!("http://{closed}/"),
            "ConnectionRefused",
        ),
        (
            "connect_tcp: the name has no address",
            "http://nowhere.invalid/".to_owned(),
            "DnsError",
        ),
    ] {
        let error = host.fetch(&url).await;
        assert!(
            error["error"].as_str().is_some_and(|error| error.contains(code)),
            "Spin: factor-outbound-http/src/wasi.rs {place}: {error}"
        );
    }
}
