//! Revocations in Redis.

use std::time::Duration;

use harness::{Setup, environment};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Service, admin, token};

/// A connection to the shared Redis as its administrator, who may see everything.
struct Redis(BufReader<TcpStream>);

impl Redis {
    async fn connect() -> Self {
        let (host, port) = &environment().redis;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let mut redis = Self(BufReader::new(stream.expect("Redis listens")));
        redis
            .send(&format!("AUTH admin {}", environment().password("redis.admin")))
            .await;
        assert_eq!(redis.line().await, "+OK", "the administrator is let in");
        redis
    }

    async fn send(&mut self, command: &str) {
        let sent = self.0.write_all(format!("{command}\r\n").as_bytes()).await;
        sent.expect("Redis takes commands");
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let reading = tokio::time::timeout(Duration::from_secs(5), self.0.read_line(&mut line));
        reading
            .await
            .expect("Redis answers within 5 s")
            .expect("Redis answers");
        line.trim_end().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_sets_a_mark_and_is_published() {
    let setup = Setup::new().await.variable("redis_prefix", "akinai:marked");
    let mut service = Service::of(setup).await;
    let hana = service.open("hana@example.com").await;
    let mut subscriber = Redis::connect().await;
    subscriber.send("SUBSCRIBE user.logout").await;
    while subscriber.line().await != ":1" {}

    service.revoke(admin(), &hana.id).await.expect("an admin may");

    // Other tests publish on the same channel.
    let start = format!(r#"{{"user_id":"{}","timestamp":"2"#, hana.id);
    while !subscriber.line().await.starts_with(&start) {}
    let mut redis = Redis::connect().await;
    redis
        .send(&format!("TTL akinai:marked:revoked:{}", hana.id))
        .await;
    let ttl = redis.line().await;
    let seconds: i64 = ttl.trim_start_matches(':').parse().expect("a number of seconds");
    assert!(
        (500..=600).contains(&seconds),
        "the mark must stay for ten minutes, but stays {seconds} s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_works_without_redis() {
    let closed = xtask::services::free_port().expect("a port without a listener");
    let setup = Setup::new().await.variable("redis_port", closed.to_string());
    let mut service = Service::of(setup).await;
    let hana = service.open("hana@example.com").await;

    let revoked = service.revoke(admin(), &hana.id).await;

    assert!(revoked.is_ok(), "Redis is a cache, but: {revoked:?}");
    assert!(
        !service.check(token(&hana.id, 0)).await.0,
        "an earlier token must not be valid"
    );
}
