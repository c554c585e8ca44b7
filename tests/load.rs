//! Ten thousand requests: none is lost, and the memory of the host stays where it is.
//!
//! The only test of its process, because it measures the process.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use harness::{Client, Platform, Product};
use serde_json::{Value, json};

/// How many requests are under way at the same time.
const CONCURRENCY: usize = 64;

/// What memory may grow by between two rounds of ten thousand requests. A leak of 7 kB a request, far less than any
/// message or instance is, would show; what the allocator keeps for later (some MB) does not.
const ALLOWANCE: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_lose_none_and_leave_memory_as_it_is() {
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
