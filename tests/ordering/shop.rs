//! A platform to buy from, and the people who do.

use std::time::Duration;

use bytes::Bytes;
use harness::{Answer, Client, Database, Issuer, Platform, Product, Setup, environment, logged};
use http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;
use xtask::secret::Secrets;

use crate::invariants;

/// What the reconciler is called with.
const SECRET: &str = "the-secret-that-the-reconciler-is-called-with";

/// For how long a reconciler that is gone keeps what it had in hand, and a bit.
pub(crate) const CLAIMED: Duration = Duration::from_millis(10_500);

/// A running platform whose reconciler takes up pending orders at once, and which counts the pieces put into the stock.
pub(crate) struct Shop {
    pub(crate) platform: Platform,
    pub(crate) issuer: Issuer,
    _room: Room,
}

/// Tests that ask more of the machine than others leave have it to themselves: what comes too late for a time limit would
/// else be another test's doing.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// A place on the machine.
#[derive(Debug)]
enum Room {
    /// Beside others.
    Shared { _with: RwLockReadGuard<'static, ()> },
    /// All of it.
    Whole { _machine: RwLockWriteGuard<'static, ()> },
}

impl Room {
    async fn shared() -> Self {
        let _with = MACHINE.read().await;
        Self::Shared { _with }
    }

    async fn whole() -> Self {
        let _machine = MACHINE.write().await;
        Self::Whole { _machine }
    }
}

/// A signed-in user.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

/// The result of a request, as its client sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// It was done.
    Done(Value),
    /// It was not, for this reason.
    Refused(String),
    /// Unknown: there was no answer, or `unavailable`, or it took too long.
    Open,
}

impl Said {
    fn of(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        match status {
            200 => Self::Done(answer.message()),
            // Of the bff, or of a host that has too much to do already.
            502..=504 => Self::Open,
            500 => panic!("nothing may be our own fault: {}\n{}", answer.text(), faults()),
            _ => Self::Refused(answer.failure().code),
        }
    }

    /// The order in an answer, if there is one.
    pub(crate) fn order(&self) -> Option<Uuid> {
        let Self::Done(message) = self else { return None };
        message["order"]["id"].as_str()?.parse().ok()
    }
}

/// What this process has logged of components that broke.
fn faults() -> String {
    let log = logged();
    let faults: Vec<_> = log
        .lines()
        .filter(|line| line.contains("request failed"))
        .collect();
    faults.join("\n")
}

/// The platform at an address, whichever host answers there.
#[derive(Clone, Debug)]
pub(crate) struct Counter(pub(crate) Client);

impl Counter {
    /// Calls a method of the order service, once.
    pub(crate) async fn call(&self, user: &User, method: &str, message: Value) -> Said {
        let method = format!("order.v1.OrderService/{method}");
        self.ask(user, &method, message).await
    }

    /// Calls any method, once.
    pub(crate) async fn ask(&self, user: &User, method: &str, message: Value) -> Said {
        let request = self.0.as_caller(Some(&user.token), method, message);
        match self.0.try_send(request).await {
            Ok(answer) => Said::of(&answer),
            Err(_) => Said::Open,
        }
    }

    /// Calls a method again and again, as the API says, until there is an answer.
    pub(crate) async fn insist(&self, user: &User, method: &str, message: &Value) -> Said {
        for _ in 0..400 {
            match self.call(user, method, message.clone()).await {
                Said::Open => tokio::time::sleep(Duration::from_millis(100)).await,
                said => return said,
            }
        }
        panic!("{method} must be answered some time, but was not: {message}")
    }

    /// Runs the reconciler once; what it says of it.
    pub(crate) async fn reconcile(&self) -> Option<Value> {
        let answer = self.0.try_send(self.knock()).await.ok()?;
        Some(answer.message())
    }

    fn knock(&self) -> Request<Bytes> {
        let mut request = self.0.post("/internal/reconcile", "");
        let secret = HeaderValue::try_from(format!("Bearer {SECRET}")).expect("a header");
        request.headers_mut().insert(header::AUTHORIZATION, secret);
        request
    }
}

impl Shop {
    pub(crate) async fn start() -> Self {
        Self::with(|setup| setup).await
    }

    pub(crate) async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::open(Room::shared().await, Database::create().await, change).await
    }

    /// With the whole machine to itself.
    pub(crate) async fn alone(change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::open(Room::whole().await, Database::create().await, change).await
    }

    /// With the whole machine to itself, over this database.
    pub(crate) async fn alone_over(database: Database, change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::open(Room::whole().await, database, change).await
    }

    async fn open(room: Room, database: Database, change: impl FnOnce(Setup) -> Setup) -> Self {
        invariants::count_what_is_put_in(database.sql()).await;
        let issuer = Issuer::start().await;
        let setup = setup(database, &issuer);
        Self {
            platform: change(setup).start().await,
            issuer,
            _room: room,
        }
    }

    /// Another host of the same shop, or what a process that runs one has to be told.
    pub(crate) async fn another(&self) -> Setup {
        let name = self
            .platform
            .database()
            .sql()
            .query_one("select current_database()::text", &[])
            .await;
        let name: String = name.expect("the name of the database").get(0);
        let url = std::env::var("AKINAI_TEST_POSTGRES").expect("the tests' server");
        let server = url.rsplit_once('/').expect("a URL with a database").0;
        let mut secrets = Secrets::open(&environment().secrets).expect("the passwords of the tests' roles");
        let database = Database::existing(&format!("{server}/{name}"), &mut secrets).await;
        setup(database, &self.issuer)
    }

    pub(crate) fn counter(&self) -> Counter {
        Counter(self.platform.client().clone())
    }

    pub(crate) fn user(&self) -> User {
        let id = Uuid::now_v7();
        let token = self.issuer.token(&id.to_string());
        User { id, token }
    }

    /// An admin with an account, since what only admins may do is asked of it.
    pub(crate) async fn admin(&self) -> User {
        let id = Uuid::now_v7();
        let account = format!(
            "insert into user_service.users (id, email, email_key, password_hash, roles)
             values ('{id}', 'admin@example.com', 'admin@example.com', '$argon2id$', '{{admin}}')"
        );
        let sql = self.platform.database().sql();
        sql.batch_execute(&account).await.expect("an account");
        let token = self.issuer.admin_token(&id.to_string());
        User { id, token }
    }

    /// A new product with so many pieces in stock.
    pub(crate) async fn product(&self, name: &str, pieces: i32) -> Uuid {
        let mut product = Product::named(name);
        product.quantity = pieces;
        self.platform
            .database()
            .insert(std::slice::from_ref(&product))
            .await;
        product.id
    }

    /// How many pieces are in stock.
    pub(crate) async fn stock(&self, product: Uuid) -> i32 {
        let sql = "select quantity from product_service.inventory where product_id = $1";
        let row = self.platform.database().sql().query_one(sql, &[&product]).await;
        row.expect("a product").get(0)
    }

    /// The status of a user's order of this key, if there is one.
    pub(crate) async fn status(&self, user: &User, key: &str) -> Option<String> {
        let sql = "select status from order_service.orders where user_id = $1 and idempotency_key = $2";
        let row = self
            .platform
            .database()
            .sql()
            .query_opt(sql, &[&user.id, &key])
            .await;
        row.expect("at most one order").map(|row| row.get(0))
    }

    /// A reconciler run, and every invariant after it.
    pub(crate) async fn settle(&self) {
        let done = self.counter().reconcile().await;
        let done = done.expect("the reconciler answers");
        let broken = invariants::broken(self.platform.database().sql()).await;
        assert_eq!(broken, [""; 0], "after a run of the reconciler: {done}");
    }
}

/// The real application over this database, where the reconciler takes up pending orders at once.
fn setup(database: Database, issuer: &Issuer) -> Setup {
    Setup::over(database)
        .variable("issuer", issuer.url())
        .variable("issuer_origin", issuer.url())
        .variable("order_reconciler_secret", SECRET)
        .variable("order_pending_seconds", "0")
}

/// Where orders go.
pub(crate) fn address() -> Value {
    json!({ "name": "山田 花", "country": "JP", "city": "京都市", "line1": "寺町通御池上る" })
}

/// A request for so many pieces of a product.
pub(crate) fn order(key: &str, product: Uuid, pieces: i32) -> Value {
    json!({
        "idempotencyKey": key,
        "shippingAddress": address(),
        "items": [{ "productId": product, "quantity": pieces }],
    })
}

/// A request for what is in the cart.
pub(crate) fn order_of_cart(key: &str) -> Value {
    json!({ "idempotencyKey": key, "shippingAddress": address() })
}
