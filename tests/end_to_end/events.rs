//! The events component. It deletes cached data in Redis of a user whose tokens were revoked. No rule depends on it.

use std::time::{Duration, Instant};

use harness::{Issuer, Platform, Setup};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use xtask::process::Scratch;
use xtask::services::Redis;
use xtask::workspace::Workspace;

const GET_USER: &str = "user.v1.UserService/GetUser";

/// The time limit of the subscriber, even if it has to subscribe again first.
const SOON: Duration = Duration::from_secs(15);

/// The platform and the subscriber, with a Redis of their own.
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

    /// Makes the edge store the status of a token of the user. Returns the token.
    async fn known_token(&self, id: &str) -> String {
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
        assert!(began.elapsed() < SOON, "{what}: must be true within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_data_of_a_revoked_user_is_deleted() {
    let world = World::start().await;
    world.subscribed().await;
    let (mina, hana) = (world.user("mina").await, world.user("hana").await);
    let minas = world.known_token(&mina).await;
    world.known_token(&mina).await;
    world.known_token(&hana).await;
    assert_eq!(world.keys("verdict").await.len(), 3, "each token has a status");
    assert_eq!(world.keys("copy:user").await.len(), 2, "each account has a copy");

    // Malformed messages on the channel must not stop the subscriber.
    let mut connection = world.connection().await;
    for malformed in ["", "{}", "{\"user_id\": \"*\"}", &"x".repeat(100_000)] {
        let publish = redis::cmd("PUBLISH").arg("user.logout").arg(malformed).clone();
        let () = publish
            .query_async(&mut connection)
            .await
            .expect("Redis publishes");
    }
    world.sign_out_everywhere(&minas).await;
    until("only hana's token status and copy are left", async || {
        world.keys("verdict").await.len() == 1
            && world.keys("copy:user").await == [format!("akinai:events:copy:user:{hana}")]
            && world.keys("verdicts").await == [format!("akinai:events:verdicts:{hana}")]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriber_subscribes_again_after_a_restart_of_redis() {
    let mut world = World::start().await;
    world.subscribed().await;
    world.redis.stop().await.expect("Redis stops");
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.redis.start_again().await.expect("Redis starts again");
    world.subscribed().await;

    let mina = world.user("mina").await;
    let token = world.known_token(&mina).await;
    // After an error an instance uses Redis again after two seconds. Then there is a status to delete.
    until("the edge stores the status of the token", async || {
        world.known_token(&mina).await;
        !world.keys("verdict").await.is_empty()
    })
    .await;
    world.sign_out_everywhere(&token).await;
    until("no status of mina's tokens is left", async || {
        world.keys("verdict").await.is_empty()
    })
    .await;
}
