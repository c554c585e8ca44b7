//! Many requests: none is lost, and the memory of the host does not grow.
//!
//! These tests have their own process and run one after the other, because they measure the process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use harness::{Client, Platform, Product, Setup};
use host::{App, Config, Limits, Server};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioExecutor;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use xtask::workspace::Workspace;

/// The number of requests at the same time.
const CONCURRENCY: usize = 64;

/// The maximum growth of memory between two rounds of ten thousand requests. A leak of 7 kB per request, which is far less than
/// any message or instance, exceeds it. The memory that the allocator keeps for later (some MB) does not.
const ALLOWANCE: u64 = 64 << 20;

/// The lock of the test that measures.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The memory for hashing one password: 19 MiB (Argon2id), and the instance around it. The admitted sign-ups may run at the
/// same time. For all thousand it would be 24 GB.
const HASH: u64 = 24 << 20;

/// The number of sign-ups of one address at the same time.
const SIGN_UPS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ups_at_once_delay_no_other_caller_and_take_no_memory() {
    let _alone = ALONE.lock().await;
    // The real limits, for an address that the test's proxy names.
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
    // Ten at the same time, and one more every six seconds.
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

/// How long a reader repeats a request that the host refuses.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a product so many times, one after the other; the time that one of a hundred exceeded. A request that the
/// busy host refuses is repeated after the time in `Retry-After` until it is answered: that time counts.
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
            "GetProduct is still served: {}",
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

    // The first round makes all instances and connections that this load needs.
    round(platform.client(), &products, 4_000).await;
    let before = resident();
    round(platform.client(), &products, 10_000).await;
    let after = resident();

    assert!(
        after < before + ALLOWANCE,
        "the memory must not grow by ten thousand requests, but it went from {} to {} MB",
        before >> 20,
        after >> 20
    );
    // Instances without work end after a second. Their memory must be freed.
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

/// Makes `count` requests of all kinds to the catalogue. Each must get its own answer.
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

/// The maximum memory that a stream may add to the process, including the client.
const STREAMING: u64 = 100 << 20;

/// The size of each message of a long stream, and the number of messages: a gigabyte in each direction.
const MESSAGE: usize = 1 << 20;
const MESSAGES: usize = 1 << 10;

/// The needed part of `connectrpc.conformance.v1.BidiStreamRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct BidiStreamRequest {
    #[prost(message, optional, tag = "1")]
    response_definition: Option<StreamResponseDefinition>,
    #[prost(bool, tag = "2")]
    full_duplex: bool,
    #[prost(bytes = "bytes", tag = "3")]
    request_data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StreamResponseDefinition {
    #[prost(bytes = "vec", repeated, tag = "2")]
    response_data: Vec<Vec<u8>>,
}

/// The test service, on a host with these limits.
async fn test_service(limits: Limits) -> Server {
    let root = Workspace::here().root().to_owned();
    let app = App::load(Config {
        limits,
        cache_dir: Some(root.join("target/compiled-components")),
        ..Config::new(root.join("tests/conformance/spin.toml"))
    });
    let app = app.await.expect("the test service loads");
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    app.serve(address).await.expect("a free port to listen on")
}

/// A message in an envelope.
fn envelope(message: &BidiStreamRequest) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0][..], &length.to_be_bytes(), &message].concat().into()
}

/// Opens a full-duplex stream of that many answers, each with the request that it answers: with these requests, and then as
/// many large ones. Counts the requests that were taken.
async fn converse(
    server: &Server,
    answers: usize,
    requests: usize,
    taken: Arc<AtomicUsize>,
) -> Response<Incoming> {
    let first = envelope(&BidiStreamRequest {
        response_definition: Some(StreamResponseDefinition {
            response_data: vec![Vec::new(); answers],
        }),
        full_duplex: true,
        request_data: Bytes::new(),
    });
    let next = envelope(&BidiStreamRequest {
        response_definition: None,
        full_duplex: false,
        request_data: Bytes::from(vec![7; MESSAGE]),
    });
    let messages = std::iter::once(first).chain(std::iter::repeat_n(next, requests));
    let frames = messages.map(move |message| {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Frame::data(message))
    });
    let request = Request::post(format!(
        "http://{}/connectrpc.conformance.v1.ConformanceService/BidiStream",
        server.local_addr()
    ));
    let request = request
        .header("content-type", "application/grpc+proto")
        .body(StreamBody::new(stream::iter(frames)))
        .expect("a request");
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    client.request(request).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_gigabyte_in_both_directions_takes_little_memory() {
    let _alone = ALONE.lock().await;
    let server = test_service(Limits {
        request_body: 2 << 30,
        request_deadline: Duration::from_secs(600),
        ..Limits::default()
    })
    .await;
    // The instance, and the connection.
    let warm = converse(&server, 9, 8, Arc::default()).await;
    warm.into_body().collect().await.expect("a whole answer");
    let (before, began) = (resident(), Instant::now());

    let response = converse(&server, MESSAGES + 1, MESSAGES, Arc::default()).await;
    assert_eq!(response.status(), 200, "the stream begins");
    let mut body = response.into_body();
    let (mut received, mut most) = (0, before);
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.expect("the stream continues");
        received += frame.data_ref().map_or(0, Bytes::len);
        most = most.max(resident());
        trailers = frame.into_trailers().ok().or(trailers);
    }
    let status = trailers.and_then(|trailers| trailers.get("grpc-status").cloned());
    assert_eq!(
        status.as_ref().map(HeaderValue::as_bytes),
        Some(&b"0"[..]),
        "it ends well"
    );
    assert!(
        received > MESSAGES * MESSAGE,
        "every message comes back, but {received} bytes did"
    );
    let grown = most.saturating_sub(before);
    println!(
        "{MESSAGES} messages of {MESSAGE} bytes in each direction: {:?}, {} MB more than idle ({} MB)",
        began.elapsed(),
        grown >> 20,
        before >> 20
    );
    assert!(
        grown < STREAMING,
        "a stream is not kept, but took {} MB",
        grown >> 20
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_read_nothing_are_slowed_down_and_cut_off() {
    const PEERS: usize = 4;
    let _alone = ALONE.lock().await;
    let deadline = Duration::from_secs(4);
    let server = test_service(Limits {
        request_body: 2 << 30,
        request_deadline: deadline,
        in_flight: PEERS,
        ..Limits::default()
    })
    .await;
    let (before, began) = (resident(), Instant::now());
    let taken = Arc::new(AtomicUsize::new(0));
    let mut stalled = Vec::new();
    for _ in 0..PEERS {
        let response = converse(&server, MESSAGES + 1, MESSAGES, taken.clone()).await;
        assert_eq!(response.status(), 200, "the stream begins");
        stalled.push(response);
    }
    tokio::time::sleep(deadline / 2).await;
    let sent = taken.load(Ordering::Relaxed);
    assert!(
        sent < 64 * PEERS,
        "peers that do not read cannot write, but {sent} MB were taken"
    );
    assert_eq!(
        status_of(&server).await,
        200,
        "the streams have places of their own, and other requests are served"
    );

    while began.elapsed() < deadline + Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status_of(&server).await, 200, "after the deadline of the streams");
    let stream = stalled.pop().expect("a stalled stream");
    let rest = tokio::time::timeout(deadline, stream.into_body().collect()).await;
    assert!(
        rest.expect("the stream ends").is_err(),
        "a stream is cut off at its deadline, though its client did not read"
    );
    let grown = resident().saturating_sub(before);
    assert!(
        grown < STREAMING,
        "what was sent is not kept, but took {} MB",
        grown >> 20
    );
    drop(stalled);
}

/// The status of a short call of the test service.
async fn status_of(server: &Server) -> u16 {
    let client = Client::new(format!("http://{}", server.local_addr()));
    let answer = client.call("connectrpc.conformance.v1.ConformanceService/Unary", json!({}));
    answer.await.status.as_u16()
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
