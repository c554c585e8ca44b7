//! The limits of one request, one instance and one component, and the isolation of requests in one instance.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Host, answer};

const CALLERS: usize = 16;

/// Sends sixteen requests into the application, each while the earlier ones wait. Returns their answers.
async fn sixteen_together(host: &Host) -> Vec<Value> {
    let mut asked = Vec::new();
    for caller in 0..CALLERS {
        let (client, url) = (
            host.client.clone(),
            host.url(&format!("/together?ms=1500&caller=caller-{caller}")),
        );
        let request = Request::get(url).body(Full::default()).expect("a valid request");
        asked.push(tokio::spawn(async move { answer(&client, request).await.json() }));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.expect("the caller is answered"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_callers_in_one_instance_are_isolated() {
    let host = Host::start().await;
    // The host may use a second instance if the first is busy at that moment. Then the test tries again.
    for _ in 0..5 {
        let answers = sixteen_together(&host).await;
        for (caller, answer) in answers.iter().enumerate() {
            assert_eq!(
                answer["caller"],
                format!("caller-{caller}"),
                "each caller is answered with what is its own"
            );
        }
        let instances: BTreeSet<&str> = answers
            .iter()
            .filter_map(|answer| answer["instance"].as_str())
            .collect();
        if instances.len() == 1 {
            let most = answers.iter().filter_map(|answer| answer["most"].as_u64()).max();
            assert_eq!(
                most,
                Some(CALLERS as u64),
                "all of them were in the instance at the same time"
            );
            return;
        }
    }
    panic!("sixteen requests that wait should share an instance, as in Spin; five times they did not");
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_gets_no_memory_beyond_the_limit() {
    let host = Host::limited(|limits| limits.instance_memory = 32 << 20).await;
    assert_eq!(
        host.get("/allocate?mib=8").await.status,
        StatusCode::OK,
        "what fits is given"
    );
    let refused = host.get("/allocate?mib=64").await;
    assert_eq!(
        refused.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "what does not fit ends the instance: {refused:?}"
    );
    assert_eq!(refused.body, "", "the client is not told why");
    assert_eq!(
        host.get("/allocate?mib=8").await.status,
        StatusCode::OK,
        "and the next request has a new one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_that_computes_forever_is_stopped() {
    let host = Host::limited(|limits| limits.request_deadline = Duration::from_secs(2)).await;
    let start = Instant::now();
    let computing = host.start_get("/compute").await;
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "others are served meanwhile"
    );
    assert!(!computing.is_finished(), "the guest still computes");
    assert_eq!(
        computing.await.expect("the host answers").status,
        StatusCode::GATEWAY_TIMEOUT
    );
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "about as soon as the deadline passes, not after {:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_that_waits_forever_is_cut_off() {
    let host = Host::limited(|limits| {
        limits.request_deadline = Duration::from_secs(1);
        limits.in_flight = 1;
    })
    .await;
    assert_eq!(
        host.get("/sleep?ms=3600000").await.status,
        StatusCode::GATEWAY_TIMEOUT
    );
    eventually_served(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_in_flight_the_answer_is_503() {
    let host = Host::limited(|limits| limits.in_flight = 2).await;
    let first = host.start_get("/sleep?ms=1500").await;
    let second = host.start_get("/sleep?ms=1500").await;
    let third = host.get("/sleep?ms=1").await;
    assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE, "two are in flight");
    assert!(
        third.headers.contains_key("retry-after"),
        "the answer says when to retry: {third:?}"
    );
    for started in [first, second] {
        assert_eq!(
            started.await.expect("the host answers").status,
            StatusCode::OK,
            "those before are not disturbed"
        );
    }
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "then there is room"
    );
}

/// When a client disconnects, its work is dropped and its place is free.
#[tokio::test(flavor = "multi_thread")]
async fn request_of_a_client_that_disconnects_is_cancelled() {
    let host = Host::limited(|limits| limits.in_flight = 1).await;
    let mut stream = TcpStream::connect(host.server.local_addr())
        .await
        .expect("the host listens");
    stream
        .write_all(b"GET /sleep?ms=3600000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("the request is sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "the place is taken"
    );
    drop(stream);
    eventually_served(&host).await;
}

/// A client that disconnects does not affect other requests in the same instance.
#[tokio::test(flavor = "multi_thread")]
async fn client_that_disconnects_does_not_disturb_other_requests_of_its_instance() {
    let host = Host::start().await;
    let neighbour = host.start_get("/together?ms=1500&caller=stays").await;
    let mut stream = TcpStream::connect(host.server.local_addr())
        .await
        .expect("the host listens");
    stream
        .write_all(b"GET /together?ms=3600000&caller=leaves HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("the request is sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(stream);
    assert_eq!(
        neighbour.await.expect("the host answers").json()["caller"],
        "stays"
    );
}

async fn eventually_served(host: &Host) {
    for _ in 0..50 {
        if host.get("/sleep?ms=1").await.status == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a request whose caller has left should make room within 5 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_is_a_500_without_details() {
    let host = Host::start().await;
    let trapped = host.get("/trap").await;
    assert_eq!(
        (trapped.status, &trapped.body[..]),
        (StatusCode::INTERNAL_SERVER_ERROR, &b""[..]),
        "{trapped:?}"
    );
    assert_eq!(
        host.get("/request").await.status,
        StatusCode::OK,
        "and the next request has a new instance"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_the_limit_are_refused() {
    let host = Host::limited(|limits| limits.request_body = 1_000).await;
    for (length, status) in [(1_000, StatusCode::OK), (1_001, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = Bytes::from(vec![b'x'; length]);
        let announced = Request::post(host.url("/request"))
            .body(Full::new(body.clone()))
            .expect("a valid request");
        assert_eq!(
            answer(&host.client, announced).await.status,
            status,
            "{length} bytes, announced"
        );

        let frames = body
            .chunks(100)
            .map(|chunk| Ok::<_, std::io::Error>(Frame::data(Bytes::copy_from_slice(chunk))));
        let chunked = StreamBody::new(futures::stream::iter(frames.collect::<Vec<_>>()));
        let request = Request::post(host.url("/request"))
            .body(chunked)
            .expect("a valid request");
        let response = Client::builder(TokioExecutor::new())
            .build_http()
            .request(request)
            .await
            .expect("the host answers");
        assert_eq!(response.status(), status, "{length} bytes, in chunks");
    }
}

/// A script in a browser can distinguish a refusal from a network error, on pages of every origin.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_origin_can_read_refusals_of_the_host() {
    let host = Host::limited(|limits| {
        limits.request_body = 10;
        limits.in_flight = 1;
        limits.request_deadline = Duration::from_secs(2);
    })
    .await;
    let too_large = Request::post(host.url("/request")).body(Full::from("a body of 20 bytes.."));
    let too_large = answer(&host.client, too_large.expect("a valid request")).await;
    let sleeping = host.start_get("/sleep?ms=3600000").await;
    let busy = host.get("/sleep?ms=1").await;
    let too_late = sleeping.await.expect("the host answers");
    // This uses a separate host, because a place becomes free a moment after its answer.
    let trapped = Host::start().await.get("/trap").await;
    for (refusal, status) in [
        (too_large, StatusCode::PAYLOAD_TOO_LARGE),
        (busy, StatusCode::SERVICE_UNAVAILABLE),
        (too_late, StatusCode::GATEWAY_TIMEOUT),
        (trapped, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        assert_eq!(refusal.status, status);
        let header = |name| refusal.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("access-control-allow-origin"), Some("*"), "{refusal:?}");
        assert_eq!(
            header("access-control-expose-headers"),
            Some("retry-after"),
            "{refusal:?}"
        );
    }
}

/// An application of one component, because a second one would add its own stacks.
const ALONE: &str =
    "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"alone\"\n[component.alone]\nsource = \"probe.wasm\"\n";

/// A read that is dropped is cancelled on a separate stack. With only as many stacks as instances, such a request would
/// wait for a stack until its deadline.
#[tokio::test(flavor = "multi_thread")]
async fn guest_that_drops_reads_is_served_with_one_request_in_flight() {
    let limits = host::Limits {
        in_flight: 1,
        request_deadline: Duration::from_secs(10),
        ..Default::default()
    };
    let host = Host::with(ALONE, limits).await;
    let frames = futures::stream::iter(0..5).then(|_| async {
        // Longer than the host reads ahead.
        tokio::time::sleep(Duration::from_millis(400)).await;
        Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"12345")))
    });
    let request = Request::post(host.url("/race?ms=20")).body(StreamBody::new(Box::pin(frames)));
    let response = Client::builder(TokioExecutor::new())
        .build_http()
        .request(request.expect("a valid request"))
        .await
        .expect("the host answers");
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("the answer arrives whole");
    assert_eq!(status, StatusCode::OK, "{body:?}");
    let done: Value = serde_json::from_slice(&body.to_bytes()).expect("the answer is JSON");
    assert_eq!(done["read"], 25, "{done}");
    assert!(
        done["restarts"].as_u64() > Some(0),
        "reads were given up meanwhile: {done}"
    );
}

/// A request whose announced body of ten bytes never arrives completely.
async fn half_a_request(host: &Host) -> TcpStream {
    let mut stream = TcpStream::connect(host.server.local_addr())
        .await
        .expect("the host listens");
    stream
        .write_all(b"POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        .await
        .expect("the head and half of the body are sent");
    stream
}

async fn status_line(mut stream: TcpStream) -> String {
    let mut answer = [0; 12];
    let read = stream.read_exact(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .expect("an answer within 10 s")
        .expect("an answer before the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_does_not_arrive_delays_no_other_request() {
    let host = Host::limited(|limits| {
        limits.request_deadline = Duration::from_secs(2);
        limits.in_flight = 1;
    })
    .await;
    let slow = half_a_request(&host).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "the component's one place is free: it was not asked yet"
    );
    assert_eq!(status_line(slow).await, "HTTP/1.1 408", "time is up");
}

/// The number of bodies that are read ahead is limited. A further request is refused, and takes no place of the component.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_arrive_are_counted() {
    let host = Host::limited(|limits| {
        limits.request_deadline = Duration::from_secs(2);
        limits.bodies_read_ahead = 1;
        limits.in_flight = 1;
    })
    .await;
    let read_ahead = half_a_request(&host).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = half_a_request(&host).await;
    assert_eq!(status_line(refused).await, "HTTP/1.1 503");
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "the component's one place is free"
    );
    assert_eq!(status_line(read_ahead).await, "HTTP/1.1 408");
    eventually_served(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn place_of_an_incomplete_body_becomes_free() {
    let host = Host::limited(|limits| limits.in_flight = 1).await;
    for _ in 0..3 {
        drop(half_a_request(&host).await);
    }
    eventually_served(&host).await;
}

/// The unit test of `output.rs` shows that the text is limited. This one shows that the guest is not affected.
#[tokio::test(flavor = "multi_thread")]
async fn guest_may_print_without_line_breaks() {
    let host = Host::start().await;
    assert_eq!(
        host.get("/print?bytes=1000000").await.json()["printed"],
        1_000_000
    );
}
