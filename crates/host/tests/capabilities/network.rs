//! `allowed_outbound_hosts` from the view of a component: an address without a grant is refused before any data is
//! sent.

use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{Database, Probe, redis};

/// A component with a grant for another address tries many addresses.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_without_a_grant_are_refused() {
    let database = Database::create().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let probe = Probe::allowed(&[
        "postgres://127.0.0.1:1",
        "redis://db.example",
        "https://example.com",
    ])
    .await;

    let refused = probe
        .post("/postgres", json!({ "address": database.address() }))
        .await;
    let expected = format!("address {} is not permitted", database.grant());
    assert_eq!(
        refused,
        json!({ "error": { "connection-failed": expected } }),
        "Spin: factor-outbound-pg/src/allowed_hosts.rs"
    );

    // Spin does not check here; see the module's notes.
    for sync in [true, false] {
        let refused = probe
            .post(
                "/postgres",
                json!({ "address": database.address(), "builder": true, "sync": sync }),
            )
            .await;
        assert_eq!(
            refused,
            json!({ "error": { "connection-failed": expected } }),
            "through the builder, sync: {sync}"
        );
    }

    let refused = probe.post("/redis", json!({ "address": redis() })).await;
    assert_eq!(
        refused,
        json!({ "error": "invalid-address" }),
        "Spin: factor-outbound-redis/src/host.rs open"
    );

    let refused = probe.post("/http", json!({ "url": url })).await;
    assert_eq!(
        refused["status"],
        json!(null),
        "{url} is not granted, but answered {refused}"
    );
    let knocked = tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
    assert!(knocked.is_err(), "{url} is not granted, but was connected to");
}

/// Spin: factor-outbound-networking/src/lib.rs: a component without grants reaches nothing.
#[tokio::test(flavor = "multi_thread")]
async fn component_without_grants_reaches_no_host() {
    let probe = Probe::with("").await;
    let refused = probe.post("/redis", json!({ "address": redis() })).await;
    assert_eq!(refused, json!({ "error": "invalid-address" }));
    let refused = probe
        .post("/postgres", json!({ "address": "postgres://u@127.0.0.1/d" }))
        .await;
    let expected =
        json!({ "error": { "connection-failed": "address postgres://127.0.0.1:5432 is not permitted" } });
    assert_eq!(refused, expected);
}
