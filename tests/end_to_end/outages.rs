//! Servers that stop and start again.

use std::time::{Duration, Instant};

use harness::{Answer, OwnPostgres, Platform, Product, Setup};
use serde_json::{Value, json};
use xtask::process::Scratch;
use xtask::services::{Redis, free_port};

/// The maximum time until an RPC answers `unavailable`.
const SOON: Duration = Duration::from_secs(5);

/// The maximum time until an RPC is served again after the server is back.
const HEALED: Duration = Duration::from_secs(10);

fn calls(product: &Product) -> [(&'static str, Value); 3] {
    [
        (
            "product.v1.ProductService/GetProduct",
            json!({ "id": product.id }),
        ),
        ("product.v1.ProductService/ListProducts", json!({})),
        (
            "user.v1.UserService/CreateUser",
            json!({ "email": "a@example.com", "password": "correct horse" }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_unavailable_without_postgres_and_served_when_it_is_back() {
    let mut postgres = OwnPostgres::start().await;
    let database = postgres.database().await;
    let product = Product::named("tea");
    database.insert(std::slice::from_ref(&product)).await;
    let platform = Setup::over(database).start().await;
    let [get, list, create] = calls(&product);
    for (method, message) in [&get, &list] {
        platform.client().call(method, message.clone()).await.message();
    }
    assert_eq!(
        platform.client().get("/ready").await.text(),
        "Ready",
        "with Postgres running, the platform is ready"
    );

    // Twice: after the first outage all instances have replaced a broken connection.
    for outage in 1..=2 {
        postgres.server.stop().await.expect("the server stops");
        for (method, message) in [&get, &list, &create, &get] {
            let (answer, took) = timed(platform.client().call(method, message.clone())).await;
            let failure = answer.failure();
            assert_eq!(
                failure.code, "unavailable",
                "outage {outage}: {method} without Postgres: {failure:?}"
            );
            assert!(
                took < SOON,
                "outage {outage}: {method} must answer within {SOON:?}, but took {took:?}"
            );
            for secret in ["password", "127.0.0.1", "product_service", "user_service"] {
                assert!(
                    !answer.text().contains(secret),
                    "the answer must not show {secret:?}: {}",
                    answer.text()
                );
            }
        }
        let ready = platform.client().get("/ready").await;
        assert_eq!(
            ready.status,
            503,
            "outage {outage}: without Postgres the platform is not ready: {}",
            ready.text()
        );
        assert!(
            ready.text().contains("postgres"),
            "/ready must name postgres, but says {:?}",
            ready.text()
        );
        let health = platform.client().get("/health").await;
        assert_eq!(
            (health.status.as_u16(), health.text().as_str()),
            (200, "OK"),
            "the process itself is healthy"
        );

        postgres
            .server
            .start_again()
            .await
            .expect("the server starts again");
        is_served_again(&platform, &list).await;
        let got = platform.client().call(get.0, get.1.clone()).await.message();
        assert_eq!(
            got["product"]["name"], "tea",
            "outage {outage}: GetProduct must be served again"
        );
        let ready = platform.client().get("/ready").await;
        assert_eq!(
            (ready.status.as_u16(), ready.text().as_str()),
            (200, "Ready"),
            "outage {outage}: ready again"
        );
    }
    platform.client().call(create.0, create.1).await.message();
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_postgres_does_not_block_the_platform() {
    // Accepts connections and sends nothing, as a frozen server or a silent firewall does.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = silent.local_addr().expect("its address").port();
    let platform = Setup::new()
        .await
        .variable("db_port", port.to_string())
        .start()
        .await;

    let (answer, took) = timed(
        platform
            .client()
            .call("product.v1.ProductService/ListProducts", json!({})),
    )
    .await;
    assert_eq!(
        answer.failure().code,
        "unavailable",
        "a silent Postgres is unavailable: {}",
        answer.text()
    );
    assert!(
        took < SOON,
        "ListProducts must answer within {SOON:?}, but took {took:?}"
    );

    let (ready, took) = timed(platform.client().get("/ready")).await;
    assert_eq!(
        ready.status,
        503,
        "with a silent Postgres the platform is not ready: {}",
        ready.text()
    );
    assert!(
        took < Duration::from_secs(4),
        "/ready must answer after about 2 s, but took {took:?}"
    );
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_catalogue_is_served() {
    let closed = free_port().expect("a port without a listener").to_string();
    let platform = Setup::new()
        .await
        .variable("redis_host", "127.0.0.1")
        .variable("redis_port", closed)
        .start()
        .await;
    let product = Product::named("tea");
    platform.database().insert(std::slice::from_ref(&product)).await;

    for (method, message) in calls(&product) {
        let (answer, took) = timed(platform.client().call(method, message)).await;
        answer.message();
        assert!(took < SOON, "{method} must not wait for Redis, but took {took:?}");
    }
    let ready = platform.client().get("/ready").await;
    let expected = (200, "Ready, degraded: redis");
    assert_eq!(
        (ready.status.as_u16(), ready.text().as_str()),
        expected,
        "the platform is also ready without Redis"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_names_redis_while_it_is_stopped() {
    let folder = Scratch::new("outage").expect("a folder for a server");
    let mut redis = Redis::start(folder.path()).await.expect("a Redis of our own");
    let platform = Setup::new().await.redis(&redis).start().await;

    let ready = async || platform.client().get("/ready").await.text();
    assert_eq!(ready().await, "Ready", "with Redis running, nothing is degraded");
    redis.stop().await.expect("Redis stops");
    assert_eq!(
        ready().await,
        "Ready, degraded: redis",
        "a stopped Redis must be named"
    );
    redis.start_again().await.expect("Redis starts again");
    assert_eq!(
        ready().await,
        "Ready",
        "with Redis running again, nothing is degraded any more"
    );
}

/// Repeats a call until it is served. Every refusal before that must be `unavailable`.
async fn is_served_again(platform: &Platform, (method, message): &(&str, Value)) {
    let began = Instant::now();
    loop {
        let answer = platform.client().call(method, message.clone()).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(
            answer.failure().code,
            "unavailable",
            "until {method} is served again"
        );
        assert!(
            began.elapsed() < HEALED,
            "{method} must be served again within {HEALED:?}: {}",
            answer.text()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn timed(answer: impl Future<Output = Answer>) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = answer.await;
    (answer, began.elapsed())
}
