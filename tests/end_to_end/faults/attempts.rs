//! Attempts of a call, and the circuit breaker.

use http::HeaderValue;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn read_is_attempted_three_times() {
    let world = FaultyPlatform::start().await;
    let product = world.product().await;
    world.call(None, GET_PRODUCT, product.clone()).await.message();

    let before = world.between.calls("product");
    world.between.set("product", Fate::Lose(2));
    world.call(None, GET_PRODUCT, product.clone()).await.message();
    assert_eq!(
        world.between.calls("product") - before,
        3,
        "two calls were lost, the third was answered"
    );

    let before = world.between.calls("product");
    world.between.set("product", Fate::Lose(3));
    let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
    assert_eq!(failure.code, "unavailable", "three lost calls are one too many");
    assert_eq!(
        world.between.calls("product") - before,
        3,
        "and there is no fourth"
    );
    world.call(None, GET_PRODUCT, product).await.message();
}

#[tokio::test(flavor = "multi_thread")]
async fn write_without_a_key_is_attempted_once() {
    let world = FaultyPlatform::start().await;
    world.between.set("user", Fate::Lose(1));
    let message = json!({ "email": "mina@example.com", "password": "correct horse" });
    let failure = world.call(None, CREATE_USER, message).await.failure();
    assert_eq!(failure.code, "unavailable", "the outcome of the call is unknown");
    assert_eq!(world.between.calls("user"), 1, "so it is not done again");
}

#[tokio::test(flavor = "multi_thread")]
async fn breaker_opens_for_all_hosts_after_five_failures() {
    let reset = Duration::from_secs(3);
    let world = FaultyPlatform::with(|setup| setup.variable("breaker_reset_timeout", "3")).await;
    // Another host. It shares only Redis, and its own product service works.
    let other = Setup::new()
        .await
        .redis(&world.redis)
        .variable("redis_prefix", "akinai:faults")
        .start()
        .await;
    let product = world.product().await;
    let ask_other = async || {
        let answer = other
            .client()
            .call("product.v1.ProductService/ListProducts", json!({}))
            .await;
        answer.status.as_u16()
    };
    assert_eq!(ask_other().await, 200);

    world.between.set("product", Fate::Lose(u32::MAX));
    let opened = Instant::now();
    for _ in 0..2 {
        let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
        assert_eq!(failure.code, "unavailable");
    }
    assert_eq!(
        world.between.calls("product"),
        5,
        "three attempts and two are five failures in a row; no call follows"
    );
    for _ in 0..5 {
        let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
        assert_eq!(failure.code, "unavailable", "the breaker is open");
    }
    assert_eq!(world.between.calls("product"), 5, "the service is left alone");
    assert_eq!(ask_other().await, 503, "the other host knows, too");
    assert!(
        opened.elapsed() < reset,
        "this must take less time than the breaker is open"
    );

    tokio::time::sleep(reset).await;
    let burst = (0..20).map(|_| world.call(None, GET_PRODUCT, product.clone()));
    futures::future::join_all(burst).await;
    assert_eq!(world.between.calls("product"), 6, "of twenty callers one tries");

    tokio::time::sleep(reset).await;
    world.between.set("product", Fate::Pass);
    world.heals(None, GET_PRODUCT, &product).await;
    assert_eq!(ask_other().await, 200, "the other host knows that all is well");
    let calls = world.between.calls("product");
    for _ in 0..10 {
        world.call(None, GET_PRODUCT, product.clone()).await.message();
    }
    assert_eq!(
        world.between.calls("product") - calls,
        10,
        "all calls succeed again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn short_deadline_of_a_caller_does_not_open_the_breaker() {
    let world = FaultyPlatform::start().await;
    let product = world.product().await;
    world.between.set("product", Fate::Hang);
    for _ in 0..10 {
        let client = world.platform.client();
        let mut request = client.post(&format!("/{GET_PRODUCT}"), product.to_string());
        let short = HeaderValue::from_static("50");
        request.headers_mut().insert("connect-timeout-ms", short);
        let failure = client.send(request).await.failure();
        assert_eq!(failure.code, "deadline_exceeded", "the caller's limit is 50 ms");
    }
    world.between.set("product", Fate::Pass);
    let answer = world.call(None, GET_PRODUCT, product).await;
    assert_eq!(
        answer.status.as_u16(),
        200,
        "the breaker is closed: {}",
        answer.text()
    );
}
