//! Clients that hold connections, requests or responses: they must not take the places of others.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::Host;

/// A connection from an address of the machine itself: each of 127.0.0.0/8 is one.
async fn connect_from(host: &Host, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    socket.bind(address).expect("an address of this machine");
    socket
        .connect(host.server.local_addr())
        .await
        .expect("the host listens")
}

/// Sends this, and returns what comes until the connection is closed, for at most 5 s.
async fn exchange(mut stream: TcpStream, request: &str) -> String {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the host reads");
    rest(stream).await
}

async fn rest(mut stream: TcpStream) -> String {
    let mut response = Vec::new();
    _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut response)).await;
    String::from_utf8_lossy(&response).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// An HTTP/2 connection that requests `/sleep?ms=1` many times, and whose window for the responses is empty.
async fn unread(host: &Host, requests: u32) -> TcpStream {
    let path = b"/sleep?ms=1";
    // :method GET and :scheme http from the static table, :path and :authority as literals (RFC 7541, section 6).
    let path = [&[0x82, 0x86, 0x04, path.len() as u8], &path[..], b"\x01\x01x"].concat();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for request in 0..requests {
        bytes.extend(frame(1, 5, 2 * request + 1, &path));
    }
    let mut stream = TcpStream::connect(host.server.local_addr())
        .await
        .expect("the host listens");
    stream.write_all(&bytes).await.expect("the host reads");
    stream
}

/// The client reads no response, over as many streams as there are places, and three times more.
#[tokio::test(flavor = "multi_thread")]
async fn responses_that_are_not_read_take_no_place() {
    let host = Host::limited(|limits| {
        limits.in_flight = 32;
        limits.requests_per_address = usize::MAX;
    })
    .await;
    let mut attackers = Vec::new();
    for _ in 0..3 {
        attackers.push(unread(&host, 32).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(host.get("/sleep?ms=1").await.status, StatusCode::OK);
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "another client's request took {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_arrive_slowly_take_no_place_of_other_requests() {
    let host = Host::limited(|limits| {
        limits.in_flight = 4;
        limits.long_uploads = 1;
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from(&host, 1).await;
        stream
            .write_all(b"POST /request HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            .await
            .expect("the host reads");
        slow.push(stream);
    }
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "while the host reads the beginnings of the bodies"
    );
    // One second for the beginning, and one until an upload counts as long.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(
        host.get("/sleep?ms=1").await.status,
        StatusCode::OK,
        "while one long upload goes on"
    );
    let mut refused = 0;
    for stream in slow {
        let mut status = [0; 12];
        let mut stream = stream;
        let read = tokio::time::timeout(Duration::from_millis(500), stream.read_exact(&mut status)).await;
        refused += usize::from(read.is_ok() && status == *b"HTTP/1.1 503");
    }
    assert_eq!(refused, 3, "of four long uploads, one has a place");
}

#[tokio::test(flavor = "multi_thread")]
async fn address_has_a_share_of_the_requests_in_flight() {
    let host = Host::limited(|limits| limits.requests_per_address = 1).await;
    let mut sleeping = connect_from(&host, 2).await;
    sleeping
        .write_all(get("/sleep?ms=1500").as_bytes())
        .await
        .expect("the host reads");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = exchange(connect_from(&host, 2).await, &get("/sleep?ms=1")).await;
    assert!(
        refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: 1"),
        "a second request of the address: {refused}"
    );
    let other = exchange(connect_from(&host, 3).await, &get("/sleep?ms=1")).await;
    assert!(other.starts_with("HTTP/1.1 200"), "another address: {other}");
    let first = rest(sleeping).await;
    assert!(first.starts_with("HTTP/1.1 200"), "the first request: {first}");
    let again = exchange(connect_from(&host, 2).await, &get("/sleep?ms=1")).await;
    assert!(again.starts_with("HTTP/1.1 200"), "afterwards: {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn address_has_a_share_of_the_connections() {
    let host = Host::limited(|limits| limits.connections_per_address = 2).await;
    let idle = [connect_from(&host, 4).await, connect_from(&host, 4).await];
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut third = connect_from(&host, 4).await;
    _ = third.write_all(get("/sleep?ms=1").as_bytes()).await;
    assert_eq!(
        rest(third).await,
        "",
        "a third connection is closed without an answer"
    );
    let other = exchange(connect_from(&host, 5).await, &get("/sleep?ms=1")).await;
    assert!(other.starts_with("HTTP/1.1 200"), "another address: {other}");
    drop(idle);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let again = exchange(connect_from(&host, 4).await, &get("/sleep?ms=1")).await;
    assert!(again.starts_with("HTTP/1.1 200"), "afterwards: {again}");
}

/// A client that sends nothing, and one that sends only the beginning of a request or of HTTP/2.
#[tokio::test(flavor = "multi_thread")]
async fn connection_without_a_request_is_closed_after_ten_seconds() {
    let host = Host::start().await;
    let mut silent = Vec::new();
    for beginning in ["", "P", "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = connect_from(&host, 1).await;
        stream
            .write_all(beginning.as_bytes())
            .await
            .expect("the host reads");
        silent.push((beginning, stream));
    }
    let start = Instant::now();
    let latest = tokio::time::Instant::now() + Duration::from_secs(17);
    for (beginning, mut stream) in silent {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout_at(latest, stream.read_to_end(&mut bytes)).await;
        assert!(
            read.is_ok(),
            "the connection that sent {beginning:?} is still open"
        );
        assert!(
            start.elapsed() > Duration::from_secs(8),
            "the connection that sent {beginning:?} was closed after {:?}",
            start.elapsed()
        );
    }
}

/// Numbers that look random, the same in each run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// An HTTP/2 frame of any kind, often with a payload that does not fit.
    fn frame(&mut self) -> Vec<u8> {
        let (kind, flags) = (self.below(11) as u8, self.next() as u8);
        let stream = self.below(8) as u32;
        let length = [0, 4, 5, 6, 8, 30][self.below(6)];
        let payload = self.bytes(length);
        frame(kind, flags, stream, &payload)
    }
}

/// Random bytes, beginnings of HTTP/1.1 requests with random bytes, and HTTP/2 frames in random order.
async fn send_garbage(address: SocketAddr, seed: u64, until: Instant) {
    let mut random = Random(seed);
    while Instant::now() < until {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        let bytes = match random.below(3) {
            0 => random.bytes(200),
            1 => [
                b"POST /request HTTP/1.1\r\nHost: a\r\n".to_vec(),
                random.bytes(200),
            ]
            .concat(),
            _ => {
                let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
                bytes.extend(frame(4, 0, 0, &[]));
                for _ in 0..random.below(40) {
                    bytes.extend(random.frame());
                }
                bytes
            }
        };
        _ = stream.write_all(&bytes).await;
        let mut answer = [0; 512];
        _ = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut answer)).await;
    }
}

async fn nothing_is_left(host: &Host) {
    for _ in 0..150 {
        if host.server.connections() + host.server.requests_in_flight() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "{} connections and {} requests are left after 15 s",
        host.server.connections(),
        host.server.requests_in_flight()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_leaves_nothing_behind() {
    let host = Host::start().await;
    let (address, until) = (host.server.local_addr(), Instant::now() + Duration::from_secs(10));
    let senders = (1..=8).map(|seed| tokio::spawn(send_garbage(address, seed, until)));
    let senders: Vec<_> = senders.collect();
    for sender in senders {
        sender.await.expect("no sender fails");
    }
    nothing_is_left(&host).await;
    assert_eq!(host.get("/sleep?ms=1").await.status, StatusCode::OK);
}

/// Streams that are opened and reset at once (CVE-2023-44487).
#[tokio::test(flavor = "multi_thread")]
async fn reset_flood_leaves_nothing_behind() {
    let host = Host::limited(|limits| limits.in_flight = 32).await;
    let path = b"/sleep?ms=3600000";
    let path = [&[0x82, 0x86, 0x04, path.len() as u8], &path[..], b"\x01\x01x"].concat();
    let mut floods = Vec::new();
    for _ in 0..4 {
        let (address, path) = (host.server.local_addr(), path.clone());
        floods.push(tokio::spawn(async move {
            let Ok(mut stream) = TcpStream::connect(address).await else {
                return;
            };
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            bytes.extend(frame(4, 0, 0, &[]));
            for request in 0..5_000 {
                bytes.extend(frame(1, 5, 2 * request + 1, &path));
                bytes.extend(frame(3, 0, 2 * request + 1, &[0, 0, 0, 8]));
            }
            _ = stream.write_all(&bytes).await;
            _ = tokio::time::timeout(Duration::from_secs(2), rest(stream)).await;
        }));
    }
    for flood in floods {
        flood.await.expect("no flood fails");
    }
    nothing_is_left(&host).await;
    assert_eq!(host.get("/sleep?ms=1").await.status, StatusCode::OK);
}
