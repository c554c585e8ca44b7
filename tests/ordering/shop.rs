//! A running platform with products, and its users.

use std::time::Duration;

use bytes::Bytes;
use harness::{Answer, Client, Database, Issuer, Platform, Product, Setup, environment, logged};
use http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;
use xtask::secret::Secrets;

use crate::invariants;

/// The secret that a caller of the reconciler sends.
const SECRET: &str = "the-secret-that-the-reconciler-is-called-with";

/// A little longer than the time for which the orders that a killed reconciler has claimed stay claimed.
pub(crate) const CLAIM_DURATION: Duration = Duration::from_millis(10_500);

/// A running platform. Its reconciler finishes pending orders without a delay, and its database counts manual changes of the
/// stock.
pub(crate) struct Shop {
    pub(crate) platform: Platform,
    pub(crate) issuer: Issuer,
    _machine: MachineGuard,
}

/// A test with a heavy load locks the whole machine. If other tests ran at the same time, it could miss a time limit because
/// of them.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// A lock on [`MACHINE`].
#[derive(Debug)]
enum MachineGuard {
    /// Other tests run at the same time.
    Shared { _with: RwLockReadGuard<'static, ()> },
    /// No other test runs at the same time.
    Exclusive { _machine: RwLockWriteGuard<'static, ()> },
}

impl MachineGuard {
    async fn shared() -> Self {
        let _with = MACHINE.read().await;
        Self::Shared { _with }
    }

    async fn exclusive() -> Self {
        let _machine = MACHINE.write().await;
        Self::Exclusive { _machine }
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
pub(crate) enum Outcome {
    /// The request succeeded, with this answer.
    Done(Value),
    /// The request was refused, with this code.
    Refused(String),
    /// There was no answer, or it was `unavailable`, or it took too long.
    Unknown,
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        match status {
            200 => Self::Done(answer.message()),
            // From the bff, or from an overloaded host.
            502..=504 => Self::Unknown,
            500 => panic!("no component may fail: {}\n{}", answer.text(), logged_faults()),
            _ => Self::Refused(answer.failure().code),
        }
    }

    /// The order in an answer, if there is one.
    pub(crate) fn order(&self) -> Option<Uuid> {
        let Self::Done(message) = self else { return None };
        message["order"]["id"].as_str()?.parse().ok()
    }
}

/// The lines that this process has logged about components that failed.
fn logged_faults() -> String {
    let log = logged();
    let faults: Vec<_> = log
        .lines()
        .filter(|line| line.contains("request failed"))
        .collect();
    faults.join("\n")
}

/// The API of the platform at one address. Different hosts can serve that address, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Api(pub(crate) Client);

impl Api {
    /// Calls a method of the order service, once.
    pub(crate) async fn call(&self, user: &User, method: &str, message: Value) -> Outcome {
        let method = format!("order.v1.OrderService/{method}");
        self.call_method(user, &method, message).await
    }

    /// Calls any method, once.
    pub(crate) async fn call_method(&self, user: &User, method: &str, message: Value) -> Outcome {
        let request = self.0.as_caller(Some(&user.token), method, message);
        match self.0.try_send(request).await {
            Ok(answer) => Outcome::of(&answer),
            Err(_) => Outcome::Unknown,
        }
    }

    /// Repeats a call until its outcome is known, as the API allows.
    pub(crate) async fn call_until_answered(&self, user: &User, method: &str, message: &Value) -> Outcome {
        for _ in 0..400 {
            match self.call(user, method, message.clone()).await {
                Outcome::Unknown => tokio::time::sleep(Duration::from_millis(100)).await,
                outcome => return outcome,
            }
        }
        panic!("{method} must be answered at some time, but was not: {message}")
    }

    /// Runs the reconciler once, and returns its answer.
    pub(crate) async fn reconcile(&self) -> Option<Value> {
        let answer = self.0.try_send(self.reconcile_request()).await.ok()?;
        Some(answer.message())
    }

    fn reconcile_request(&self) -> Request<Bytes> {
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
        Self::open(MachineGuard::shared().await, Database::create().await, change).await
    }

    /// No other test runs at the same time.
    pub(crate) async fn with_whole_machine(change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::open(MachineGuard::exclusive().await, Database::create().await, change).await
    }

    /// No other test runs at the same time. The platform uses this database.
    pub(crate) async fn with_whole_machine_over(
        database: Database,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        Self::open(MachineGuard::exclusive().await, database, change).await
    }

    async fn open(machine: MachineGuard, database: Database, change: impl FnOnce(Setup) -> Setup) -> Self {
        invariants::count_manual_stock_changes(database.sql()).await;
        let issuer = Issuer::start().await;
        let setup = setup(database, &issuer);
        Self {
            platform: change(setup).start().await,
            issuer,
            _machine: machine,
        }
    }

    /// The setup of another host of the same platform, in this process or in another.
    pub(crate) async fn another_host(&self) -> Setup {
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

    pub(crate) fn api(&self) -> Api {
        Api(self.platform.client().clone())
    }

    pub(crate) fn user(&self) -> User {
        let id = Uuid::now_v7();
        let token = self.issuer.token(&id.to_string());
        User { id, token }
    }

    /// An admin. The account must exist, because the platform checks its role.
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

    /// Inserts a product with this number of pieces in stock.
    pub(crate) async fn product(&self, name: &str, pieces: i32) -> Uuid {
        let mut product = Product::named(name);
        product.quantity = pieces;
        self.platform
            .database()
            .insert(std::slice::from_ref(&product))
            .await;
        product.id
    }

    /// The number of pieces in stock.
    pub(crate) async fn stock(&self, product: Uuid) -> i32 {
        let sql = "select quantity from product_service.inventory where product_id = $1";
        let row = self.platform.database().sql().query_one(sql, &[&product]).await;
        row.expect("a product").get(0)
    }

    /// The status of the user's order with this key, if there is one.
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

    /// Runs the reconciler once, and checks every invariant afterwards.
    pub(crate) async fn reconcile_and_check(&self) {
        let done = self.api().reconcile().await;
        let done = done.expect("the reconciler answers");
        let broken = invariants::broken(self.platform.database().sql()).await;
        assert_eq!(broken, [""; 0], "after a run of the reconciler: {done}");
    }
}

/// The real application over this database. Its reconciler finishes pending orders without a delay.
fn setup(database: Database, issuer: &Issuer) -> Setup {
    Setup::over(database)
        .variable("issuer", issuer.url())
        .variable("issuer_origin", issuer.url())
        .variable("order_reconciler_secret", SECRET)
        .variable("order_pending_seconds", "0")
}

/// The shipping address of all orders.
pub(crate) fn address() -> Value {
    json!({ "name": "山田 花", "country": "JP", "city": "京都市", "line1": "寺町通御池上る" })
}

/// A request to order this number of pieces of a product.
pub(crate) fn order(key: &str, product: Uuid, pieces: i32) -> Value {
    json!({
        "idempotencyKey": key,
        "shippingAddress": address(),
        "items": [{ "productId": product, "quantity": pieces }],
    })
}

/// A request to order the cart.
pub(crate) fn order_of_cart(key: &str) -> Value {
    json!({ "idempotencyKey": key, "shippingAddress": address() })
}
