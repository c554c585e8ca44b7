//! Admission control: rate limits over all hosts, one round trip to Redis for each request, and values in Redis that cannot be
//! forged.

use std::time::{Duration, Instant};

use harness::{Answer, Issuer, Platform, Setup};
use http::{HeaderValue, header};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use xtask::process::Scratch;
use xtask::services::Redis;

const LIST: &str = "/product.v1.ProductService/ListProducts";
const CREATE_USER: &str = "/user.v1.UserService/CreateUser";
const GET_USER: &str = "/user.v1.UserService/GetUser";

/// Hosts that share one Redis.
struct World {
    hosts: Vec<Platform>,
    issuer: Issuer,
    redis: MultiplexedConnection,
    _server: Redis,
    _folder: Scratch,
}

impl World {
    async fn start(hosts: usize, variables: &[(&str, &str)]) -> Self {
        let folder = Scratch::new("limits").expect("a folder for a server");
        let server = Redis::start(folder.path()).await.expect("a Redis of our own");
        let issuer = Issuer::start().await;
        let mut started = Vec::new();
        for _ in 0..hosts {
            let mut setup = Setup::new()
                .await
                .redis(&server)
                .variable("redis_prefix", "akinai:limits")
                .variable("issuer", issuer.url())
                .variable("issuer_origin", issuer.url());
            for (name, value) in variables {
                setup = setup.variable(name, *value);
            }
            started.push(setup.start().await);
        }
        let client = redis::Client::open(server.admin_url().reveal()).expect("a URL of Redis");
        Self {
            hosts: started,
            issuer,
            redis: client
                .get_multiplexed_async_connection()
                .await
                .expect("Redis answers"),
            _server: server,
            _folder: folder,
        }
    }

    async fn call(&self, host: usize, path: &str, message: Value, token: Option<&str>) -> Answer {
        let method = path.trim_start_matches('/');
        self.hosts[host].client().call_as(token, method, message).await
    }

    async fn list(&self, host: usize) -> Answer {
        self.call(host, LIST, json!({}), None).await
    }

    async fn user(&self, name: &str) -> String {
        let request = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let answer = self.call(0, CREATE_USER, request, None).await;
        answer.message()["user"]["id"].as_str().expect("an id").to_owned()
    }

    async fn get_user(&self, id: &str, token: &str) -> Answer {
        self.call(0, GET_USER, json!({ "id": id }), Some(token)).await
    }

    /// The number of round trips from the platform to Redis: each runs a script.
    async fn round_trips(&mut self) -> u64 {
        let statistics: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut self.redis)
            .await
            .expect("Redis answers");
        let calls = |command: &str| {
            let line = statistics
                .lines()
                .find(|line| line.starts_with(&format!("cmdstat_{command}:")));
            let calls = line.and_then(|line| line.split("calls=").nth(1)?.split(',').next()?.parse().ok());
            calls.unwrap_or(0)
        };
        calls("eval") + calls("evalsha")
    }

    async fn keys(&mut self) -> Vec<String> {
        let keys = redis::cmd("KEYS").arg("*").query_async(&mut self.redis).await;
        keys.expect("Redis answers")
    }
}

/// Makes requests by 64 callers on all hosts. Returns the number that passed. The others must get `retry-after`.
async fn passed(world: &World, requests: usize) -> usize {
    let callers = (0..64).map(|caller| async move {
        let mut passed = 0;
        for request in (caller..requests).step_by(64) {
            let answer = world.list(request % world.hosts.len()).await;
            match answer.status.as_u16() {
                200 => passed += 1,
                429 => assert!(
                    answer.header("retry-after").is_some(),
                    "a refused caller must learn when to retry: {answer:?}"
                ),
                other => panic!(
                    "a request passes or is limited, but got {other}: {}",
                    answer.text()
                ),
            }
        }
        passed
    });
    futures::future::join_all(callers).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_burst_passes_over_all_hosts_without_a_refill() {
    let world = World::start(4, &[("rate_per_second", "0"), ("rate_burst", "100")]).await;
    assert_eq!(passed(&world, 400).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_burst_and_rate_pass_with_a_refill() {
    let world = World::start(4, &[("rate_per_second", "50"), ("rate_burst", "20")]).await;
    let began = Instant::now();
    let passed = passed(&world, 600).await as f64;
    let most = 20.0 + 50.0 * began.elapsed().as_secs_f64();
    assert!(passed >= 20.0, "the burst passes: {passed}");
    assert!(passed <= most.ceil(), "{passed} passed where at most {most} may");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_names_the_limit_and_what_remains() {
    let world = World::start(1, &[("rate_per_second", "0"), ("rate_burst", "2")]).await;
    for (left, status) in [("1", 200), ("0", 200), ("0", 429)] {
        let answer = world.list(0).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.header("ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("ratelimit-remaining"), Some(left));
    }
    let refused = world.list(0).await;
    assert_eq!(refused.failure().code, "resource_exhausted");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_address_in_a_header_is_ignored() {
    let world = World::start(1, &[("rate_per_second", "0"), ("rate_burst", "2")]).await;
    let mut passed = 0;
    for number in 0..6 {
        let client = world.hosts[0].client();
        let mut request = client.post(LIST, "{}");
        for name in ["spin-client-addr", "x-forwarded-for", "forwarded", "x-real-ip"] {
            let value = HeaderValue::try_from(format!("203.0.113.{number}")).expect("a header's value");
            request.headers_mut().insert(name, value);
        }
        passed += usize::from(client.send(request).await.status.as_u16() == 200);
    }
    assert_eq!(
        passed, 2,
        "six addresses were claimed, and the real one was counted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_a_malformed_token_are_counted() {
    let world = World::start(1, &[("rate_per_second", "0"), ("rate_burst", "2")]).await;
    for status in [401, 401, 429] {
        let client = world.hosts[0].client();
        let mut request = client.post(LIST, "{}");
        let value = HeaderValue::from_static("Basic bWluYTpzZWNyZXQ=");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        assert_eq!(client.send(request).await.status.as_u16(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_have_limits_apart_from_their_address() {
    let world = World::start(1, &[("rate_per_second", "0"), ("rate_burst", "8")]).await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    let (minas, kens) = (world.issuer.token(&mina), world.issuer.token(&ken));
    // The first request with a token counts for the address and for its user. The next ones count only for the user.
    for number in 0..8 {
        let answer = world.get_user(&mina, &minas).await;
        assert_eq!(answer.status.as_u16(), 200, "request {number}: {}", answer.text());
    }
    assert_eq!(
        world.get_user(&mina, &minas).await.status.as_u16(),
        429,
        "her limit is used up"
    );
    assert_eq!(
        world.get_user(&ken, &kens).await.status.as_u16(),
        200,
        "his limit is not used up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_hash_a_password_have_an_extra_limit() {
    let world = World::start(1, &[("password_per_minute", "0"), ("password_burst", "2")]).await;
    let mina = world.user("mina").await;
    world.user("ken").await;
    let request = json!({ "email": "third@example.com", "password": "correct horse" });
    let third = world.call(0, CREATE_USER, request, None).await;
    assert_eq!(third.status.as_u16(), 429, "{}", third.text());
    assert_eq!(
        world.list(0).await.status.as_u16(),
        200,
        "other methods are served"
    );
    let guess = json!({ "currentPassword": "a guess too many", "newPassword": "battery staple" });
    let token = world.issuer.token(&mina);
    let guessed = world
        .call(0, "/user.v1.UserService/ChangePassword", guess, Some(&token))
        .await;
    assert_eq!(guessed.status.as_u16(), 429, "{}", guessed.text());
}

/// An office or a server shares its address with clients whose tokens have expired, or are forged.
#[tokio::test(flavor = "multi_thread")]
async fn refused_tokens_close_no_address() {
    let world = World::start(1, &[]).await;
    let mina = world.user("mina").await;
    let mut expired = world.issuer.claims(&mina);
    expired["iat"] = 1_700_000_000.into();
    expired["exp"] = 1_700_000_300.into();
    for _ in 0..20 {
        let answer = world.get_user(&mina, &world.issuer.sign(&expired)).await;
        assert_eq!(answer.status.as_u16(), 401, "an expired token: {}", answer.text());
    }
    let forge = || world.issuer.forge(&world.issuer.claims(&mina));
    for _ in 0..10 {
        assert_eq!(world.get_user(&mina, &forge()).await.status.as_u16(), 401);
    }
    let refused = world.get_user(&mina, &forge()).await;
    assert_eq!(
        refused.status.as_u16(),
        429,
        "the eleventh forged token: {}",
        refused.text()
    );
    assert!(refused.header("retry-after").is_some());
    let unknown = world.issuer.token(&mina);
    assert_eq!(
        world.get_user(&mina, &unknown).await.status.as_u16(),
        200,
        "a genuine token that was not seen before"
    );
    assert_eq!(
        world.list(0).await.status.as_u16(),
        200,
        "a request without a token"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn known_token_costs_one_round_trip_and_an_unknown_one_two() {
    let mut world = World::start(1, &[]).await;
    let mina = world.user("mina").await;
    let token = world.issuer.token(&mina);
    // Scripts and signing keys are known after this.
    assert_eq!(world.get_user(&mina, &token).await.status.as_u16(), 200);
    let before = world.round_trips().await;
    for _ in 0..20 {
        assert_eq!(world.get_user(&mina, &token).await.status.as_u16(), 200);
    }
    assert_eq!(
        world.round_trips().await - before,
        20,
        "twenty requests with a known token"
    );

    let before = world.round_trips().await;
    for _ in 0..5 {
        let unknown = world.issuer.token(&mina);
        assert_eq!(world.get_user(&mina, &unknown).await.status.as_u16(), 200);
    }
    assert_eq!(
        world.round_trips().await - before,
        10,
        "five requests with an unknown one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_expires() {
    let mut world = World::start(1, &[]).await;
    let mina = world.user("mina").await;
    let token = world.issuer.token(&mina);
    world.get_user(&mina, &token).await;
    world
        .get_user(&mina, &world.issuer.forge(&world.issuer.claims(&mina)))
        .await;
    world
        .call(
            0,
            "/user.v1.UserService/SignOut",
            json!({ "everywhere": true }),
            Some(&token),
        )
        .await
        .message();
    let keys = world.keys().await;
    assert!(keys.len() >= 5, "there are keys of every kind: {keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut world.redis)
            .await
            .expect("Redis answers");
        // A key that has expired meanwhile has -2, a key that never expires -1.
        assert_ne!(left, -1, "{key} never expires");
    }
}

/// The token statuses in Redis, with their keys.
async fn token_statuses(world: &mut World) -> Vec<(String, Vec<u8>)> {
    let mut statuses = Vec::new();
    for key in world.keys().await {
        if key.contains(":verdict:") {
            let value = redis::cmd("GET").arg(&key).query_async(&mut world.redis).await;
            statuses.push((key, value.expect("Redis answers")));
        }
    }
    statuses
}

async fn put(world: &mut World, key: &str, value: &[u8]) {
    let mut put = redis::cmd("SET");
    put.arg(key).arg(value).arg("PX").arg(60_000);
    put.exec_async(&mut world.redis).await.expect("Redis takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_values_in_redis_are_not_trusted() {
    let mut world = World::start(1, &[]).await;
    let (mina, ken) = (world.user("mina").await, world.user("ken").await);
    let (minas, kens) = (world.issuer.token(&mina), world.issuer.token(&ken));
    world.get_user(&mina, &minas).await.message();
    world.get_user(&ken, &kens).await.message();
    let known = token_statuses(&mut world).await;
    assert_eq!(known.len(), 2, "one for each token");

    // The two values are exchanged: each has a valid seal, but the key of the other.
    for (index, (key, _)) in known.iter().enumerate() {
        put(&mut world, key, &known[1 - index].1).await;
    }
    assert_eq!(
        world.get_user(&ken, &minas).await.status.as_u16(),
        403,
        "Mina does not get Ken's status"
    );
    assert_eq!(
        world.get_user(&mina, &minas).await.status.as_u16(),
        200,
        "she keeps her own status"
    );

    // Each byte of a status, altered.
    let (key, value) = &known[0];
    for index in 0..value.len() {
        let mut altered = value.clone();
        altered[index] ^= 1;
        put(&mut world, key, &altered).await;
        let status = world.get_user(&mina, &minas).await.status.as_u16();
        assert_eq!(status, 200, "byte {index} altered: checked again, not trusted");
    }

    // The signing key of an attacker.
    let forger = Issuer::start().await;
    let forged = forger.sign(&world.issuer.claims(&mina));
    put(&mut world, "akinai:limits:jwks", br#"{"keys":[]}"#).await;
    assert_eq!(world.get_user(&mina, &forged).await.status.as_u16(), 401);
}

/// A script that failed on such a value would switch all limits of the instance off for two seconds, for all clients.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_values_in_redis_do_not_switch_the_limits_off() {
    let mut world = World::start(1, &[]).await;
    let mina = world.user("mina").await;
    let token = world.issuer.token(&mina);
    world.get_user(&mina, &token).await.message();
    assert_eq!(world.get_user(&mina, "junk").await.status.as_u16(), 401);
    let mut keys = world.keys().await;
    keys.retain(|key| !key.contains(":verdicts:"));
    assert!(
        ["rate", "verdict", "jwks"].iter().all(|kind| {
            keys.iter()
                .any(|key| key.starts_with(&format!("akinai:limits:{kind}")))
        }),
        "each kind of value is there: {keys:?}"
    );
    keys.push("akinai:limits:breaker:user".into());
    for key in &keys {
        for damaged in [&b""[..], b"\xff\xfe", b"junk", b"1 junk", b"5 99999999999999999"] {
            put(&mut world, key, damaged).await;
            let answer = world.get_user(&mina, &token).await;
            assert_eq!(answer.status.as_u16(), 200, "{key} with {damaged:?}: {answer:?}");
            assert!(
                answer.header("ratelimit-limit").is_some(),
                "the limits are applied although {key} has {damaged:?}"
            );
            let refused = world.get_user(&mina, "junk").await;
            assert_eq!(
                refused.status.as_u16(),
                401,
                "{key} with {damaged:?}: {refused:?}"
            );
            // The next damaged value starts from an address without forged tokens.
            let mut delete = redis::cmd("DEL");
            delete.arg("akinai:limits:rate:forged-token:127.0.0.1");
            delete
                .exec_async(&mut world.redis)
                .await
                .expect("Redis deletes it");
        }
    }
    put(&mut world, &format!("akinai:limits:revoked:{mina}"), b"junk").await;
    assert_eq!(
        world.get_user(&mina, &token).await.status.as_u16(),
        401,
        "an unreadable revocation mark counts as a revocation"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_token_is_refused_within_a_minute_after_a_flush_of_redis() {
    let mut world = World::start(1, &[]).await;
    let mina = world.user("mina").await;
    let token = world.issuer.token(&mina);
    world.get_user(&mina, &token).await.message();
    let gone = world
        .call(
            0,
            "/user.v1.UserService/DeleteUser",
            json!({ "id": mina }),
            Some(&token),
        )
        .await;
    gone.message();
    redis::cmd("FLUSHALL")
        .exec_async(&mut world.redis)
        .await
        .expect("Redis is emptied");
    let began = Instant::now();
    while world.get_user(&mina, &token).await.status.as_u16() != 401 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the token must be refused within a minute"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
