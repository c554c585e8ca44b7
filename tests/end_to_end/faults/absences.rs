//! Requests while the user service, the issuer or Redis is unavailable.

use std::collections::BTreeMap;

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::*;

const LIST_USERS: &str = "user.v1.UserService/ListUsers";

/// After this time every instance uses Redis again: after an error, an instance works without Redis for two seconds.
const NOTICED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn users_get_the_last_copy_of_their_own_account_while_the_service_is_unavailable() {
    let world = FaultyPlatform::start().await;
    let (mina, hana, admin) = (
        world.user("mina").await,
        world.user("hana").await,
        world.admin().await,
    );
    let tokens = [
        world.issuer.token(&mina),
        world.issuer.token(&hana),
        world.issuer.admin_token(&admin),
    ];
    let [minas, hanas, admins] = tokens.each_ref().map(String::as_str);
    let fresh = world.get_user(&mina, minas).await;
    assert_eq!(fresh.header("cache-status"), None, "a fresh answer has no age");
    // This user's token is known, but she has never read her own account.
    world
        .call(Some(hanas), GET_PRODUCT, world.product().await)
        .await
        .message();
    world.get_user(&hana, admins).await.message();

    world.between.set("user", Fate::Lose(u32::MAX));
    let copy = world.get_user(&mina, minas).await;
    assert_eq!(
        copy.message(),
        fresh.message(),
        "the copy is the last answer of the service"
    );
    let status = copy.header("cache-status").unwrap_or_default();
    assert!(
        status.starts_with("bff; hit; ttl=-") && copy.header("age").is_some(),
        "the answer's headers show that it is a copy: {:?}",
        copy.headers
    );
    for (id, token, why) in [
        (&mina, admins, "an admin is shown nothing old of others"),
        (&hana, hanas, "what an admin was shown is no copy for its owner"),
    ] {
        let failure = world.get_user(id, token).await.failure();
        assert_eq!(failure.code, "unavailable", "{why}");
    }

    // An attacker with access to Redis stores mina's copy under hana's key.
    let client = redis::Client::open(world.redis.admin_url().reveal()).expect("a URL of Redis");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers");
    let place = |id: &str| format!("akinai:faults:copy:user:{id}");
    let copied: Vec<u8> = redis::cmd("GET")
        .arg(place(&mina))
        .query_async(&mut connection)
        .await
        .expect("mina's copy is there");
    let put = redis::cmd("SET").arg(place(&hana)).arg(copied).clone();
    let () = put.query_async(&mut connection).await.expect("it is put there");
    let failure = world.get_user(&hana, hanas).await.failure();
    assert_eq!(failure.code, "unavailable", "another's copy is not believed");

    world.between.set("user", Fate::Pass);
    world.heals(Some(minas), GET_USER, &json!({ "id": mina })).await;
}

/// The number of answers in a period, by call and answer.
#[derive(Debug, Default)]
struct Seen {
    answers: BTreeMap<(&'static str, String), u32>,
    slowest: BTreeMap<&'static str, Duration>,
}

impl Seen {
    fn note(&mut self, name: &'static str, answer: &Answer, took: Duration) {
        let kind = match (answer.status.as_u16(), answer.header("cache-status")) {
            (200, None) => "ok".to_owned(),
            (200, Some(_)) => "copy".to_owned(),
            _ => answer.failure().code,
        };
        *self.answers.entry((name, kind)).or_default() += 1;
        let slowest = self.slowest.entry(name).or_default();
        *slowest = took.max(*slowest);
    }

    /// The answers to this call: each kind once.
    fn kinds(&self, call: &str) -> Vec<&str> {
        let of_call = self.answers.keys().filter(|(name, _)| *name == call);
        of_call.map(|(_, answer)| answer.as_str()).collect()
    }
}

/// A call that is made repeatedly.
struct Call {
    name: &'static str,
    token: Option<String>,
    method: &'static str,
    message: Value,
}

/// Makes a hundred requests a second, without waiting for earlier answers.
async fn flow(world: &FaultyPlatform, calls: &[Call], time: Duration) -> Seen {
    let began = Instant::now();
    let mut under_way = FuturesUnordered::new();
    let mut seen = Seen::default();
    let mut clock = tokio::time::interval(Duration::from_millis(10));
    let mut next = calls.iter().cycle();
    while began.elapsed() < time {
        tokio::select! {
            _ = clock.tick() => under_way.extend(next.next().map(|call| timed(world, call))),
            Some((name, answer, took)) = under_way.next() => seen.note(name, &answer, took),
        }
    }
    while let Some((name, answer, took)) = under_way.next().await {
        seen.note(name, &answer, took);
    }
    seen
}

async fn timed(world: &FaultyPlatform, call: &Call) -> (&'static str, Answer, Duration) {
    let began = Instant::now();
    let answer = world
        .call(call.token.as_deref(), call.method, call.message.clone())
        .await;
    (call.name, answer, began.elapsed())
}

/// The calls while a server or component is unavailable.
struct Callers {
    world: FaultyPlatform,
    mina: String,
    admin: String,
    product: Value,
}

const NAMES: [&str; 4] = ["anonymous", "mina", "admin", "unseen"];

impl Callers {
    async fn new(world: FaultyPlatform) -> Self {
        let (mina, admin) = (world.user("mina").await, world.admin().await);
        Self {
            product: world.product().await,
            mina,
            admin,
            world,
        }
    }

    /// The calls. The edge has seen all tokens except the last one's.
    async fn calls(&self) -> Vec<Call> {
        let issuer = &self.world.issuer;
        let known = [issuer.token(&self.mina), issuer.admin_token(&self.admin)];
        let [mina, admin] = known.map(Some);
        let call = |name, token, method, message: &Value| Call {
            name,
            token,
            method,
            message: message.clone(),
        };
        let calls = vec![
            call("anonymous", None, GET_PRODUCT, &self.product),
            call("mina", mina, GET_USER, &json!({ "id": self.mina })),
            call("admin", admin, LIST_USERS, &json!({})),
            call(
                "unseen",
                Some(issuer.token(&self.mina)),
                GET_PRODUCT,
                &self.product,
            ),
        ];
        for known in &calls[..3] {
            self.world
                .heals(known.token.as_deref(), known.method, &known.message)
                .await;
        }
        calls
    }

    /// Makes calls for three seconds during a fault. Every answer to these callers must be of the given kind.
    async fn see(&self, fault: &str, calls: &[Call], expected: [&str; 4], limit: Duration) {
        let seen = flow(&self.world, calls, Duration::from_secs(3)).await;
        for (name, expected) in NAMES.iter().zip(expected) {
            assert_eq!(
                seen.kinds(name),
                [expected],
                "{fault}: the answers to {name}: {seen:?}"
            );
        }
        for (name, slowest) in &seen.slowest {
            assert!(
                *slowest < limit,
                "{fault}: {name} must be answered within {limit:?}: {seen:?}"
            );
        }
    }

    /// Checks that all callers are served again.
    async fn are_well(&self, after: &str) {
        let calls = self.calls().await;
        let unseen = &calls[3];
        self.world
            .heals(unseen.token.as_deref(), unseen.method, &unseen.message)
            .await;
        let seen = flow(&self.world, &calls, Duration::from_secs(1)).await;
        for name in NAMES {
            assert_eq!(
                seen.kinds(name),
                ["ok"],
                "after {after} all calls of {name} succeed: {seen:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_served_while_the_issuer_is_unavailable() {
    let callers = Callers::new(FaultyPlatform::start().await).await;
    callers.are_well("the start").await;
    let calls = callers.calls().await;
    callers.world.issuer.set_away(true);
    let soon = Duration::from_secs(5);
    callers.see("the issuer is away", &calls, ["ok"; 4], soon).await;
    callers.world.issuer.set_away(false);
    callers.are_well("the issuer's absence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_user_service_delays_no_other_service() {
    let world = FaultyPlatform::with(|setup| setup.variable("user_timeout", "2")).await;
    let callers = Callers::new(world).await;
    let calls = callers.calls().await;
    callers.world.between.set("user", Fate::Hang);
    // Products do not depend on the user service. Mina's account has a copy, lists have no copy, and an unseen token cannot be
    // checked.
    let expected = ["ok", "copy", "unavailable", "unavailable"];
    let soon = Duration::from_secs(5);
    callers
        .see("the user service hangs", &calls, expected, soon)
        .await;
    callers.world.between.set("user", Fate::Pass);
    callers.are_well("a hanging user service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_only_methods_for_admins_are_unavailable() {
    let mut callers = Callers::new(FaultyPlatform::start().await).await;
    // Admins are refused until revocations can be read at once again.
    let expected = ["ok", "ok", "unavailable", "ok"];
    let soon = Duration::from_secs(5);

    let calls = callers.calls().await;
    callers.world.redis.freeze().expect("Redis hangs");
    callers.see("Redis hangs", &calls, expected, soon).await;
    callers.world.redis.thaw().expect("Redis continues");
    tokio::time::sleep(NOTICED).await;
    callers.are_well("a hanging Redis").await;

    let calls = callers.calls().await;
    callers.world.redis.stop().await.expect("Redis stops");
    callers.see("Redis is down", &calls, expected, soon).await;
    callers
        .world
        .redis
        .start_again()
        .await
        .expect("Redis starts again");
    tokio::time::sleep(NOTICED).await;
    callers.are_well("Redis's absence").await;
}
