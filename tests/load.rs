//! Many requests: none is lost, and the memory of the host stays where it is.
//!
//! Alone in their process, and one after the other, because they measure the process.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use harness::{Client, Platform, Product, Setup};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How many requests are under way at the same time.
const CONCURRENCY: usize = 64;

/// What memory may grow by between two rounds of ten thousand requests. A leak of 7 kB a request, far less than any
/// message or instance is, would show; what the allocator keeps for later (some MB) does not.
const ALLOWANCE: u64 = 64 << 20;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What hashing one password takes: 19 MiB (Argon2id), and the instance around it. Those that may sign up may do so at once; if all
/// thousand did, it would be 24 GB.
const HASH: u64 = 24 << 20;

/// Sign-ups of one address, at once.
const SIGN_UPS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ups_at_once_stall_nobody_and_take_no_memory() {
    let _alone = ALONE.lock().await;
    // The limits as they are, for an address that the test's proxy names.
    let platform = Setup::new()
        .await
        .variable("trusted_proxies", "127.0.0.1/32")
        .variable("password_per_minute", "10")
        .variable("password_burst", "10")
        .start()
        .await;
    let product = Product::named("tea");
    platform.database().insert(std::slice::from_ref(&product)).await;
    let client = platform.client();
    reads(client, &product, 200).await;
    let idle = reads(client, &product, 500).await;
    let before = resident();

    let sign_ups = (0..SIGN_UPS).map(|number| async move {
        let message = json!({ "email": format!("u{number}@example.com"), "password": "correct horse" });
        let mut request = client.post("/user.v1.UserService/CreateUser", message.to_string());
        let address = HeaderValue::from_static("203.0.113.7");
        request.headers_mut().insert("x-forwarded-for", address);
        client.send(request).await.status.as_u16()
    });
    let (statuses, busy) = futures::join!(futures::future::join_all(sign_ups), reads(client, &product, 500));
    let count = |status| statuses.iter().filter(|answer| **answer == status).count();
    let (done, refused) = (count(200), count(429));
    // Ten at once, and one more each six seconds.
    assert!(
        (10..=20).contains(&done) && done + refused + count(503) == SIGN_UPS,
        "ten may sign up, all others are refused: {done} were done, {refused} refused, {} turned away",
        count(503)
    );
    let after = resident();
    assert!(
        after < before + 2 * ALLOWANCE + done as u64 * HASH,
        "sign-ups that are refused must not take memory, but it went from {} to {} MB",
        before >> 20,
        after >> 20
    );
    let ratio = busy.as_secs_f64() / idle.as_secs_f64();
    println!(
        "GetProduct, p99: {idle:?} idle, {busy:?} during {SIGN_UPS} sign-ups ({ratio:.1} times); resident: {} MB before, {} MB after",
        before >> 20,
        after >> 20
    );
}

/// For how long a reader comes again when it is told to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a product so many times, one after the other; the time that one of a hundred exceeded. Whoever comes while the host has
/// its hands full is told when to come again, does so, and is answered: that time counts.
async fn reads(client: &Client, product: &Product, count: usize) -> Duration {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        let message = json!({ "id": product.id });
        let method = "product.v1.ProductService/GetProduct";
        let mut answer = client.call(method, message.clone()).await;
        while answer.status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < PATIENCE {
            let seconds = answer
                .header("retry-after")
                .and_then(|seconds| seconds.parse().ok());
            tokio::time::sleep(Duration::from_secs(seconds.expect("it says when to come again"))).await;
            answer = client.call(method, message.clone()).await;
        }
        assert_eq!(
            answer.status.as_u16(),
            200,
            "GetProduct goes on: {}",
            answer.text()
        );
        times.push(began.elapsed());
    }
    times.sort();
    times[count - 1 - count / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_lose_none_and_leave_memory_as_it_is() {
    let _alone = ALONE.lock().await;
    let platform = Platform::start().await;
    let products: Vec<Product> = (0..100)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    platform.database().insert(&products).await;

    // As many instances and connections as this load ever takes.
    round(platform.client(), &products, 4_000).await;
    let before = resident();
    round(platform.client(), &products, 10_000).await;
    let after = resident();

    assert!(
        after < before + ALLOWANCE,
        "ten thousand requests must leave memory as it is, but it went from {} to {} MB",
        before >> 20,
        after >> 20
    );
    // Instances without work go after a second: what they held must not stay.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = resident();
    assert!(
        idle < before + ALLOWANCE,
        "an idle host must not grow, but it went from {} to {} MB",
        before >> 20,
        idle >> 20
    );
    println!(
        "resident: {} MB after the warm-up, {} MB after 10,000 more, {} MB idle",
        before >> 20,
        after >> 20,
        idle >> 20
    );
}

/// `count` requests, of each kind the catalogue knows; each must be answered with what it asked for.
async fn round(client: &Client, products: &[Product], count: usize) {
    let requests = (0..count).map(|number| async move {
        let product = &products[number % products.len()];
        if number % 4 == 0 {
            let page = client
                .call(
                    "product.v1.ProductService/ListProducts",
                    json!({ "pageSize": 10 }),
                )
                .await
                .message();
            assert_eq!(
                page["products"].as_array().map(Vec::len),
                Some(10),
                "request {number} must get its page"
            );
        } else {
            let message = client
                .call(
                    "product.v1.ProductService/GetProduct",
                    json!({ "id": product.id }),
                )
                .await
                .message();
            assert_eq!(
                message["product"]["name"],
                Value::from(product.name.as_str()),
                "request {number} must get its product"
            );
        }
    });
    let answered = stream::iter(requests).buffer_unordered(CONCURRENCY).count().await;
    assert_eq!(answered, count, "every request must be answered");
}

/// The physical memory of this process, in bytes: `VmRSS` in proc(5).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("the kernel counts resident memory");
    let kilobytes = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    kilobytes.expect("VmRSS is a number of kB") << 10
}
