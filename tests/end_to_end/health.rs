//! `grpc.health.v1.Health`, with which gRPC's clients and load balancers check whether the platform can serve.

use std::time::Duration;

use harness::{OwnPostgres, Platform, Setup};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::orders::{messages, streaming};

const CHECK: &str = "grpc.health.v1.Health/Check";

/// The platform as a whole, and the public services.
const NAMES: [&str; 4] = [
    "",
    "user.v1.UserService",
    "product.v1.ProductService",
    "order.v1.OrderService",
];

async fn must_be(platform: &Platform, expected: &str) {
    for name in NAMES {
        let answer = platform
            .client()
            .call(CHECK, json!({ "service": name }))
            .await
            .message();
        assert_eq!(answer, json!({ "status": expected }), "the health of {name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_postgres_and_watchers_get_each_change() {
    let mut postgres = OwnPostgres::start().await;
    let platform = Setup::over(postgres.database().await).start().await;
    must_be(&platform, "SERVING").await;
    let client = platform.client();
    let mut watching = streaming(client, "/grpc.health.v1.Health/Watch", &json!({}));
    let time = HeaderValue::from_static("12000");
    watching.headers_mut().insert("connect-timeout-ms", time);

    let outage = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        postgres.server.stop().await.expect("the server stops");
        must_be(&platform, "NOT_SERVING").await;
    };
    let (told, ()) = tokio::join!(client.send(watching), outage);

    let told = messages(&told);
    let statuses: Vec<&Value> = told.iter().filter_map(|message| message.get("status")).collect();
    assert_eq!(
        statuses,
        ["SERVING", "NOT_SERVING"],
        "the first status, and each change: {told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_of_a_service_that_is_not_public_is_not_found() {
    let platform = Platform::start().await;
    for name in [
        "product.v1.InventoryService",
        "user.v1.SessionService",
        "user",
        "no.such.Service",
    ] {
        let answer = platform.client().call(CHECK, json!({ "service": name })).await;
        assert_eq!(answer.failure().code, "not_found", "the health of {name:?}");
    }
}
