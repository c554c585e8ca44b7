//! Watching orders: many streams do not slow other requests, and they show the changes that another host makes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use harness::{Client, Setup};
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;
use xtask::services::free_port;

use crate::shop::{Api, Outcome, Shop, User, order};

/// A change that is made within this time must come through the first streams, and not through later ones. A stream lasts 25
/// s.
const MIN_STREAM_DURATION: Duration = Duration::from_secs(20);

/// The maximum time from a change until all open streams have sent it, even on a slow machine. A stream polls about once a
/// second.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// How long a client repeats a call of WatchOrder that is refused with 503.
const RETRY_DURATION: Duration = Duration::from_secs(30);

/// The number of orders to watch.
const ORDERS: usize = 20;

/// The states of an order that a client watched until the final one.
struct Seen {
    /// The states of each stream. If a stream ends before the final state, the client opens another stream.
    streams: Vec<Vec<String>>,
    /// When the final state came.
    ended: Instant,
}

/// Watches an order until its final state. The error says why that failed.
async fn watch(client: Client, user: User, order: Uuid) -> Result<Seen, String> {
    let mut streams = Vec::new();
    let began = Instant::now();
    loop {
        let answer = client.try_send(request(&client, &user, order)).await?;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < RETRY_DURATION {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        if answer.status != StatusCode::OK {
            return Err(format!(
                "a stream must begin: {} {}",
                answer.status,
                answer.text()
            ));
        }
        let mut messages = messages(&answer.body);
        if messages.pop() != Some(json!({})) {
            return Err(format!(
                "a stream must end without an error: {} {messages:?}",
                answer.text()
            ));
        }
        let states: Vec<_> = messages
            .iter()
            .map(|message| message["order"]["status"].as_str().unwrap_or_default().to_owned())
            .collect();
        let is_over = states.last().is_some_and(|last| last == "ORDER_STATUS_CANCELLED");
        streams.push(states);
        if is_over {
            let ended = Instant::now();
            return Ok(Seen { streams, ended });
        }
    }
}

fn request(client: &Client, user: &User, order: Uuid) -> Request<Bytes> {
    let message = json!({ "id": order }).to_string();
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message.as_bytes());
    let mut request = client.as_caller(Some(&user.token), "order.v1.OrderService/WatchOrder", json!({}));
    *request.body_mut() = body.into();
    let streaming = HeaderValue::from_static("application/connect+json");
    request.headers_mut().insert(header::CONTENT_TYPE, streaming);
    request
}

/// The messages in the body of a stream, including the one that ends it.
fn messages(mut rest: &[u8]) -> Vec<Value> {
    let mut messages = Vec::new();
    while let [_, a, b, c, d, after @ ..] = rest {
        let (one, left) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        messages.push(serde_json::from_slice(one).expect("each message is JSON"));
        rest = left;
    }
    messages
}

/// The 99th percentile of the time of GetOrder, repeats included. Every call must be answered.
async fn slowest(api: &Api, orders: &[(User, Uuid)]) -> Duration {
    let calls = (0..600).map(|number| async move {
        let (user, order) = &orders[number % orders.len()];
        let began = Instant::now();
        read(api, user, *order).await;
        began.elapsed()
    });
    let mut times: Vec<_> = stream::iter(calls).buffer_unordered(8).collect().await;
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Reads an order. If the platform is overloaded, prints that and repeats the call.
async fn read(api: &Api, user: &User, order: Uuid) {
    for _ in 0..100 {
        let method = "order.v1.OrderService/GetOrder";
        let answer = api
            .0
            .call_as(Some(&user.token), method, json!({ "id": order }))
            .await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            let read = answer.message()["order"]["id"].clone();
            return assert_eq!(read, json!(order), "the order that was asked for");
        }
        println!("GetOrder was refused: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("GetOrder must be answered after some repeats");
}

/// Opens streams on one host, and cancels the orders on another.
async fn watch_orders(watchers: usize, change: impl Fn(Setup) -> Setup) {
    let shop = Shop::with_whole_machine(&change).await;
    let product = shop.product("抹茶", 999).await;
    let api = shop.api();
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        let user = shop.user();
        let outcome = api
            .call_until_answered(&user, "CreateOrder", &order("k", product, 1))
            .await;
        orders.push((user, outcome.order().expect("an order")));
    }
    let other = change(shop.another_host().await).start().await;
    slowest(&api, &orders).await;
    let alone = slowest(&api, &orders).await;

    let began = Instant::now();
    let watching = (0..watchers).map(|number| {
        let (user, order) = orders[number % orders.len()].clone();
        tokio::spawn(watch(shop.platform.client().clone(), user, order))
    });
    let watching: Vec<_> = watching.collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let watched = slowest(&api, &orders).await;
    println!(
        "p99 of GetOrder: {alone:?} alone, {watched:?} with {watchers} streams open: {:.2} times",
        watched.as_secs_f64() / alone.as_secs_f64()
    );

    let there = Api(other.client().clone());
    let cancelled = orders.iter().map(|(user, order)| {
        let there = &there;
        async move {
            there
                .call_until_answered(user, "CancelOrder", &json!({ "id": order }))
                .await
        }
    });
    for outcome in join_all(cancelled).await {
        assert!(
            matches!(outcome, Outcome::Done(_)),
            "the order is cancelled on another host: {outcome:?}"
        );
    }
    let changed = Instant::now();
    let is_in_time = changed - began < MIN_STREAM_DURATION;
    let mut latest = Duration::ZERO;
    for watching in watching {
        let seen = watching.await.expect("a watcher does not panic");
        let Seen { streams, ended } = seen.expect("a stream is answered");
        latest = latest.max(ended.saturating_duration_since(changed));
        let mut states = streams.concat();
        states.dedup();
        assert_eq!(
            states,
            ["ORDER_STATUS_CONFIRMED", "ORDER_STATUS_CANCELLED"],
            "a client that watches an order sees each state: {streams:?}"
        );
        assert!(
            streams.len() == 1 || !is_in_time,
            "an open stream shows a change by another host: {streams:?}"
        );
    }
    println!("all clients saw the changes by another host within {latest:?}");
    assert!(
        latest < MAX_DELAY || !is_in_time,
        "open streams must show a change by another host within {MAX_DELAY:?}, but the last took {latest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_do_not_slow_other_requests() {
    watch_orders(200, |setup| setup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_can_be_watched_without_redis() {
    let closed_port = free_port().expect("a port without a listener").to_string();
    watch_orders(20, |setup| setup.variable("redis_port", closed_port.clone())).await;
}
