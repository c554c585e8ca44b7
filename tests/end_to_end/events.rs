//! The subscriber: what Redis remembers of a user goes when their tokens are revoked, and nothing depends on that.

use std::time::{Duration, Instant};

use harness::{Issuer, Platform, Setup};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use xtask::process::Scratch;
use xtask::services::Redis;
use xtask::workspace::Workspace;

const GET_USER: &str = "user.v1.UserService/GetUser";

/// How soon a subscriber must have done what it is there for, also when it has to come back first.
const SOON: Duration = Duration::from_secs(15);

/// The platform and the subscriber, over a Redis of their own.
struct World {
    platform: Platform,
    _subscribers: host::Subscribers,
    issuer: Issuer,
    redis: Redis,
    _folder: Scratch,
}

impl World {
    async fn start() -> Self {
        let folder = Scratch::new("events").expect("a folder for a server");
        let redis = Redis::start(folder.path()).await.expect("a Redis of our own");
        let issuer = Issuer::start().await;
        let setup = Setup::new()
            .await
            .redis(&redis)
            .variable("redis_prefix", "akinai:events")
            .variable("issuer", issuer.url())
            .variable("issuer_origin", issuer.url());
        let events = setup.of(Workspace::here().events_manifest()).load().await;
        assert!(!events.answers_http(), "the subscriber has no HTTP endpoint");
        Self {
            platform: setup.start().await,
            _subscribers: events.subscribe().expect("it has a Redis trigger"),
            issuer,
            redis,
            _folder: folder,
        }
    }

    async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis.admin_url().reveal()).expect("a URL of Redis");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers")
    }

    async fn keys(&self, part: &str) -> Vec<String> {
        let mut connection = self.connection().await;
        let keys = redis::cmd("KEYS").arg(format!("akinai:events:{part}:*")).clone();
        keys.query_async(&mut connection).await.expect("Redis tells")
    }

    async fn user(&self, name: &str) -> String {
        let message = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let client = self.platform.client();
        let answer = client.call("user.v1.UserService/CreateUser", message).await;
        answer.message()["user"]["id"].as_str().expect("an id").to_owned()
    }

    /// Has the edge remember a token of the user; the token.
    async fn remembered(&self, id: &str) -> String {
        let token = self.issuer.token(id);
        let client = self.platform.client();
        client
            .call_as(Some(&token), GET_USER, json!({ "id": id }))
            .await
            .message();
        token
    }

    async fn sign_out_everywhere(&self, token: &str) {
        let client = self.platform.client();
        client
            .call_as(
                Some(token),
                "user.v1.UserService/SignOut",
                json!({ "everywhere": true }),
            )
            .await
            .message();
    }

    async fn subscribers(&self) -> usize {
        let mut connection = self.connection().await;
        let asked = redis::cmd("PUBSUB").arg("NUMSUB").arg("user.logout").clone();
        let (_, count): (String, usize) = asked.query_async(&mut connection).await.expect("Redis tells");
        count
    }

    async fn subscribed(&self) {
        until("the subscriber listens", async || self.subscribers().await == 1).await;
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < SOON, "{what}: must be so within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_of_a_user_goes_with_their_tokens() {
    let world = World::start().await;
    world.subscribed().await;
    let (mina, hana) = (world.user("mina").await, world.user("hana").await);
    let minas = world.remembered(&mina).await;
    world.remembered(&mina).await;
    world.remembered(&hana).await;
    assert_eq!(world.keys("verdict").await.len(), 3, "each token has its verdict");
    assert_eq!(world.keys("copy:user").await.len(), 2, "each user has a copy");

    // Nonsense on the channel must not keep it from its work.
    let mut connection = world.connection().await;
    for nonsense in ["", "{}", "{\"user_id\": \"*\"}", &"x".repeat(100_000)] {
        let publish = redis::cmd("PUBLISH").arg("user.logout").arg(nonsense).clone();
        let () = publish
            .query_async(&mut connection)
            .await
            .expect("Redis publishes");
    }
    world.sign_out_everywhere(&minas).await;
    until("only hana's verdict and copy are left", async || {
        world.keys("verdict").await.len() == 1
            && world.keys("copy:user").await == [format!("akinai:events:copy:user:{hana}")]
            && world.keys("verdicts").await == [format!("akinai:events:verdicts:{hana}")]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_comes_back_when_redis_does() {
    let mut world = World::start().await;
    world.subscribed().await;
    world.redis.stop().await.expect("Redis stops");
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.redis.start_again().await.expect("Redis starts again");
    world.subscribed().await;

    let mina = world.user("mina").await;
    let token = world.remembered(&mina).await;
    // An instance that has just met a dead Redis asks it again after a moment; then there is a verdict to clear away.
    until("the edge remembers the token", async || {
        world.remembered(&mina).await;
        !world.keys("verdict").await.is_empty()
    })
    .await;
    world.sign_out_everywhere(&token).await;
    until("nothing is remembered of mina", async || {
        world.keys("verdict").await.is_empty()
    })
    .await;
}
