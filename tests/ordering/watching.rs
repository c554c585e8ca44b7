//! Watching orders: many clients watch, other requests do not wait for them, and changes by another host are seen.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use harness::{Client, Setup};
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;
use xtask::services::free_port;

use crate::shop::{Counter, Said, Shop, User, order};

/// How long after the streams began a change must come through them, and not through those that follow: they last 25 s.
const SURELY_OPEN: Duration = Duration::from_secs(20);

/// When a change must have been seen that was made while the streams were open, however slow the machine is: they look about
/// once a second.
const SOON: Duration = Duration::from_secs(10);

/// The time for which a client asks for a stream that is refused.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many orders there are to follow.
const ORDERS: usize = 20;

/// The states of an order that a client watched to its end.
struct Seen {
    /// Its states, stream by stream: whose stream ends before the order does asks for another.
    streams: Vec<Vec<String>>,
    /// When the last one came.
    ended: Instant,
}

/// Follows an order to its end, or tells why that failed.
async fn watch(client: Client, user: User, order: Uuid) -> Result<Seen, String> {
    let mut streams = Vec::new();
    let began = Instant::now();
    loop {
        let answer = client.try_send(request(&client, &user, order)).await?;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < PATIENCE {
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
            return Err(format!("a stream must end well: {} {messages:?}", answer.text()));
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

/// The messages of a stream's body, the one that ends it included.
fn messages(mut rest: &[u8]) -> Vec<Value> {
    let mut messages = Vec::new();
    while let [_, a, b, c, d, after @ ..] = rest {
        let (one, left) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        messages.push(serde_json::from_slice(one).expect("each message is JSON"));
        rest = left;
    }
    messages
}

/// The time that the slowest hundredth of GetOrder takes at least, repeats included. All of them must be answered.
async fn slowest(counter: &Counter, orders: &[(User, Uuid)]) -> Duration {
    let calls = (0..600).map(|number| async move {
        let (user, order) = &orders[number % orders.len()];
        let began = Instant::now();
        read(counter, user, *order).await;
        began.elapsed()
    });
    let mut times: Vec<_> = stream::iter(calls).buffer_unordered(8).collect().await;
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Reads an order, and again if the platform is too busy for the moment: which is told.
async fn read(counter: &Counter, user: &User, order: Uuid) {
    for _ in 0..100 {
        let method = "order.v1.OrderService/GetOrder";
        let answer = counter
            .0
            .call_as(Some(&user.token), method, json!({ "id": order }))
            .await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            let read = answer.message()["order"]["id"].clone();
            return assert_eq!(read, json!(order), "the order that was asked for");
        }
        println!("GetOrder was turned away: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("GetOrder must be answered, if not at once");
}

/// Streams on one host, the change on another.
async fn follow(watchers: usize, change: impl Fn(Setup) -> Setup) {
    let shop = Shop::alone(&change).await;
    let product = shop.product("抹茶", 999).await;
    let counter = shop.counter();
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        let user = shop.user();
        let said = counter
            .insist(&user, "CreateOrder", &order("k", product, 1))
            .await;
        orders.push((user, said.order().expect("an order")));
    }
    let other = change(shop.another().await).start().await;
    slowest(&counter, &orders).await;
    let alone = slowest(&counter, &orders).await;

    let began = Instant::now();
    let watching = (0..watchers).map(|number| {
        let (user, order) = orders[number % orders.len()].clone();
        tokio::spawn(watch(shop.platform.client().clone(), user, order))
    });
    let watching: Vec<_> = watching.collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let watched = slowest(&counter, &orders).await;
    println!(
        "p99 of GetOrder: {alone:?} alone, {watched:?} with {watchers} streams open: {:.2} times",
        watched.as_secs_f64() / alone.as_secs_f64()
    );

    let there = Counter(other.client().clone());
    let cancelled = orders.iter().map(|(user, order)| {
        let there = &there;
        async move { there.insist(user, "CancelOrder", &json!({ "id": order })).await }
    });
    for said in join_all(cancelled).await {
        assert!(
            matches!(said, Said::Done(_)),
            "it is cancelled on another host: {said:?}"
        );
    }
    let changed = Instant::now();
    let is_in_time = changed - began < SURELY_OPEN;
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
            "who follows sees each state: {streams:?}"
        );
        assert!(
            streams.len() == 1 || !is_in_time,
            "an open stream tells what another host did: {streams:?}"
        );
    }
    println!("what another host did was seen by all within {latest:?}");
    assert!(
        latest < SOON || !is_in_time,
        "open streams must tell soon what another host did, but the last took {latest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_do_not_slow_other_requests() {
    follow(200, |setup| setup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_an_order_needs_no_redis() {
    let closed_port = free_port().expect("a port without a listener").to_string();
    follow(20, |setup| setup.variable("redis_port", closed_port.clone())).await;
}
