//! Calls that fail: which are made again, when a service is left alone, and what goes on while something is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use harness::{Answer, Between, Fate, Issuer, Platform, Product, Setup};
use http::HeaderValue;
use serde_json::{Value, json};
use xtask::process::Scratch;
use xtask::services::Redis;

const GET_PRODUCT: &str = "product.v1.ProductService/GetProduct";
const CREATE_USER: &str = "user.v1.UserService/CreateUser";
const GET_USER: &str = "user.v1.UserService/GetUser";
const LIST_USERS: &str = "user.v1.UserService/ListUsers";

/// How soon all must be well again once nothing is wrong any more.
const HEALED: Duration = Duration::from_secs(15);

/// After this every instance has noticed that Redis is back: one that met it dead goes without it for two seconds.
const NOTICED: Duration = Duration::from_secs(3);

/// A platform with a proxy between its components, over a Redis of its own.
struct World {
    platform: Platform,
    between: Between,
    issuer: Issuer,
    redis: Redis,
    _folder: Scratch,
}

impl World {
    async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = Scratch::new("faults").expect("a folder for a server");
        let redis = Redis::start(folder.path()).await.expect("a Redis of our own");
        let issuer = Issuer::start().await;
        let between = Between::new();
        let setup = Setup::new()
            .await
            .redis(&redis)
            .chaining(Arc::new(between.clone()))
            .variable("redis_prefix", "akinai:faults")
            .variable("issuer", issuer.url())
            .variable("issuer_origin", issuer.url());
        Self {
            platform: change(setup).start().await,
            between,
            issuer,
            redis,
            _folder: folder,
        }
    }

    async fn call(&self, token: Option<&str>, method: &str, message: Value) -> Answer {
        self.platform.client().call_as(token, method, message).await
    }

    async fn product(&self) -> Value {
        let product = Product::named("tea");
        self.platform
            .database()
            .insert(std::slice::from_ref(&product))
            .await;
        json!({ "id": product.id })
    }

    /// Opens an account; its id.
    async fn user(&self, name: &str) -> String {
        let message = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let answer = self.call(None, CREATE_USER, message).await;
        let id = answer.message()["user"]["id"].clone();
        id.as_str().expect("a new account has an id").to_owned()
    }

    async fn admin(&self) -> String {
        let id = self.user("admin").await;
        let statement = format!("update user_service.users set roles = '{{admin}}' where id = '{id}'");
        let sql = self.platform.database().sql();
        sql.batch_execute(&statement).await.expect("the role is given");
        id
    }

    async fn get_user(&self, id: &str, token: &str) -> Answer {
        self.call(Some(token), GET_USER, json!({ "id": id })).await
    }

    /// Waits until a call is answered as it should be.
    async fn heals(&self, token: Option<&str>, method: &str, message: &Value) {
        let began = Instant::now();
        loop {
            let answer = self.call(token, method, message.clone()).await;
            if answer.status == 200 && answer.header("cache-status").is_none() {
                return;
            }
            assert!(
                began.elapsed() < HEALED,
                "{method} must be served again within {HEALED:?}: {}",
                answer.text()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_tried_three_times() {
    let world = World::start().await;
    let product = world.product().await;
    world.call(None, GET_PRODUCT, product.clone()).await.message();

    let before = world.between.calls("product");
    world.between.set("product", Fate::Lose(2));
    world.call(None, GET_PRODUCT, product.clone()).await.message();
    assert_eq!(
        world.between.calls("product") - before,
        3,
        "two calls got lost, the third was answered"
    );

    let before = world.between.calls("product");
    world.between.set("product", Fate::Lose(3));
    let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
    assert_eq!(failure.code, "unavailable", "three lost calls are one too many");
    assert_eq!(
        world.between.calls("product") - before,
        3,
        "and there is no fourth"
    );
    world.call(None, GET_PRODUCT, product).await.message();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_key_is_tried_once() {
    let world = World::start().await;
    world.between.set("user", Fate::Lose(1));
    let message = json!({ "email": "mina@example.com", "password": "correct horse" });
    let failure = world.call(None, CREATE_USER, message).await.failure();
    assert_eq!(failure.code, "unavailable", "the outcome of the call is unknown");
    assert_eq!(world.between.calls("user"), 1, "so it is not done again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_five_times_in_a_row_is_left_alone_by_all_hosts() {
    let reset = Duration::from_secs(3);
    let world = World::with(|setup| setup.variable("breaker_reset_timeout", "3")).await;
    // Another host that shares nothing but Redis, and whose own product service is well.
    let other = Setup::new()
        .await
        .redis(&world.redis)
        .variable("redis_prefix", "akinai:faults")
        .start()
        .await;
    let product = world.product().await;
    let ask_other = async || {
        let answer = other
            .client()
            .call("product.v1.ProductService/ListProducts", json!({}))
            .await;
        answer.status.as_u16()
    };
    assert_eq!(ask_other().await, 200);

    world.between.set("product", Fate::Lose(u32::MAX));
    let opened = Instant::now();
    for _ in 0..2 {
        let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
        assert_eq!(failure.code, "unavailable");
    }
    assert_eq!(
        world.between.calls("product"),
        5,
        "three attempts and two are five failures in a row; no call follows"
    );
    for _ in 0..5 {
        let failure = world.call(None, GET_PRODUCT, product.clone()).await.failure();
        assert_eq!(failure.code, "unavailable", "the breaker is open");
    }
    assert_eq!(world.between.calls("product"), 5, "the service is left alone");
    assert_eq!(ask_other().await, 503, "the other host knows, too");
    assert!(
        opened.elapsed() < reset,
        "this must not take longer than the breaker is open"
    );

    tokio::time::sleep(reset).await;
    let burst = (0..20).map(|_| world.call(None, GET_PRODUCT, product.clone()));
    futures::future::join_all(burst).await;
    assert_eq!(world.between.calls("product"), 6, "of twenty callers one tries");

    tokio::time::sleep(reset).await;
    world.between.set("product", Fate::Pass);
    world.heals(None, GET_PRODUCT, &product).await;
    assert_eq!(ask_other().await, 200, "the other host knows that all is well");
    let calls = world.between.calls("product");
    for _ in 0..10 {
        world.call(None, GET_PRODUCT, product.clone()).await.message();
    }
    assert_eq!(
        world.between.calls("product") - calls,
        10,
        "all get through again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_s_short_time_is_no_failure_of_the_service() {
    let world = World::start().await;
    let product = world.product().await;
    world.between.set("product", Fate::Hang);
    for _ in 0..10 {
        let client = world.platform.client();
        let mut request = client.post(&format!("/{GET_PRODUCT}"), product.to_string());
        let short = HeaderValue::from_static("50");
        request.headers_mut().insert("connect-timeout-ms", short);
        let failure = client.send(request).await.failure();
        assert_eq!(
            failure.code, "deadline_exceeded",
            "50 ms is all that the caller gave"
        );
    }
    world.between.set("product", Fate::Pass);
    let answer = world.call(None, GET_PRODUCT, product).await;
    assert_eq!(
        answer.status.as_u16(),
        200,
        "the breaker is closed: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_the_last_copy_of_their_own_account_while_the_service_is_away() {
    let world = World::start().await;
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
    assert_eq!(
        fresh.header("cache-status"),
        None,
        "a fresh answer says nothing of age"
    );
    // Known, but never asked for her own account.
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
        "the copy is what the service said last"
    );
    let status = copy.header("cache-status").unwrap_or_default();
    assert!(
        status.starts_with("bff; hit; ttl=-") && copy.header("age").is_some(),
        "the answer says that it is a copy: {:?}",
        copy.headers
    );
    for (id, token, why) in [
        (&mina, admins, "an admin is shown nothing old of others"),
        (&hana, hanas, "what an admin was shown is no copy for its owner"),
    ] {
        let failure = world.get_user(id, token).await.failure();
        assert_eq!(failure.code, "unavailable", "{why}");
    }

    // An attacker with access to Redis puts hana's name on mina's copy.
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

/// What callers saw in a while, counted by call and answer.
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

/// A call that is made again and again.
struct Call {
    name: &'static str,
    token: Option<String>,
    method: &'static str,
    message: Value,
}

/// A hundred requests a second, whether those before them were answered or not.
async fn flow(world: &World, calls: &[Call], time: Duration) -> Seen {
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

async fn timed(world: &World, call: &Call) -> (&'static str, Answer, Duration) {
    let began = Instant::now();
    let answer = world
        .call(call.token.as_deref(), call.method, call.message.clone())
        .await;
    (call.name, answer, began.elapsed())
}

/// Who calls what, while something is away.
struct Callers {
    world: World,
    mina: String,
    admin: String,
    product: Value,
}

const NAMES: [&str; 4] = ["anyone", "mina", "admin", "unseen"];

impl Callers {
    async fn new(world: World) -> Self {
        let (mina, admin) = (world.user("mina").await, world.admin().await);
        Self {
            product: world.product().await,
            mina,
            admin,
            world,
        }
    }

    /// The calls, with tokens that the edge knows, save the last one's.
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
            call("anyone", None, GET_PRODUCT, &self.product),
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

    /// Three seconds of calls while something is wrong; every answer to these callers must be of the kind named.
    async fn see(&self, fault: &str, calls: &[Call], expected: [&str; 4], limit: Duration) {
        let seen = flow(&self.world, calls, Duration::from_secs(3)).await;
        for (name, expected) in NAMES.iter().zip(expected) {
            assert_eq!(
                seen.kinds(name),
                [expected],
                "{fault}: what {name} is answered: {seen:?}"
            );
        }
        for (name, slowest) in &seen.slowest {
            assert!(
                *slowest < limit,
                "{fault}: {name} must be answered within {limit:?}: {seen:?}"
            );
        }
    }

    /// All callers are served, again and without exception.
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
                "after {after} all is well for {name}: {seen:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_issuer_is_away_all_go_on() {
    let callers = Callers::new(World::start().await).await;
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
    let world = World::with(|setup| setup.variable("user_timeout", "2")).await;
    let callers = Callers::new(world).await;
    let calls = callers.calls().await;
    callers.world.between.set("user", Fate::Hang);
    // Products need no user service, mina has her copy, of lists there is none, and an unseen token cannot be checked.
    let expected = ["ok", "copy", "unavailable", "unavailable"];
    let soon = Duration::from_secs(5);
    callers
        .see("the user service hangs", &calls, expected, soon)
        .await;
    callers.world.between.set("user", Fate::Pass);
    callers.are_well("a hanging user service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_all_go_on_but_admins() {
    let mut callers = Callers::new(World::start().await).await;
    // Admins wait until it can be seen at once who was revoked.
    let expected = ["ok", "ok", "unavailable", "ok"];
    let soon = Duration::from_secs(5);

    let calls = callers.calls().await;
    callers.world.redis.freeze().expect("Redis hangs");
    callers.see("Redis hangs", &calls, expected, soon).await;
    callers.world.redis.thaw().expect("Redis goes on");
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
