//! The end of a server: requests in flight finish, within a time limit.

use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::net::TcpStream;

use crate::harness::Host;

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_finish() {
    let host = Host::start().await;
    let started = host.start_get("/sleep?ms=1000").await;
    let address = host.server.local_addr();
    host.server.shutdown(Duration::from_secs(10)).await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing new is accepted"
    );
    assert_eq!(
        started.await.expect("the request was not cut off").status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_does_not_finish_in_time_is_cut_off() {
    let host = Host::start().await;
    let started = host.start_get("/sleep?ms=3600000").await;
    let start = Instant::now();
    host.server.shutdown(Duration::from_millis(300)).await;
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "shutting down takes no longer than the grace period"
    );
    assert!(started.await.is_err(), "the client sees its connection closed");
}
