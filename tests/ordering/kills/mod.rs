//! Servers that are killed: the host before and after each step of an order, and at random moments; Postgres during a
//! statement; and Redis. The product component also hangs. Afterwards a user repeats one of two orders with the same key,
//! and the reconciler finishes the other.
//!
//! The host that is killed is a second process of this test binary. The host that finishes the orders runs in the test
//! process.

mod concurrency;
mod hosts;
mod servers;
mod victim;

use futures::future::{self, join_all};
use harness::{Client, Gate, Moment, Point, Setup};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;
use xtask::services::free_port;

use self::victim::Host;
use crate::shop::{Api, CLAIM_DURATION, Outcome, Shop, User, order};

/// The stock of the product with few pieces.
const FEW: i32 = 3;

/// More pieces than that stock has.
const MANY: i32 = FEW + 1;

/// The request that the host serves when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Buy,
    /// Orders more pieces than are in stock.
    BuyTooMuch,
    /// Cancels an order that was placed before.
    Cancel,
}

/// The idempotency key of every order here: each user has one order.
const KEY: &str = "the-order";

/// A request of a user, which can be repeated.
struct UserRequest {
    user: User,
    method: &'static str,
    message: Value,
}

impl UserRequest {
    async fn new(shop: &Shop, action: Action, products: Products) -> Self {
        let user = shop.user();
        let buy = match action {
            Action::BuyTooMuch => order(KEY, products.few, MANY),
            Action::Buy | Action::Cancel => order(KEY, products.many, 2),
        };
        if action != Action::Cancel {
            let method = "CreateOrder";
            return Self {
                user,
                method,
                message: buy,
            };
        }
        let bought = shop.api().call_until_answered(&user, "CreateOrder", &buy).await;
        let message = json!({ "id": bought.order().expect("an order to cancel") });
        let method = "CancelOrder";
        Self {
            user,
            method,
            message,
        }
    }

    /// The same request from two users.
    async fn two(shop: &Shop, action: Action, products: Products) -> [Self; 2] {
        let first = Self::new(shop, action, products).await;
        [first, Self::new(shop, action, products).await]
    }

    async fn run(&self, api: &Api) -> Outcome {
        api.call(&self.user, self.method, self.message.clone()).await
    }

    /// Repeats it until its outcome is known.
    async fn repeat(&self, api: &Api) -> Outcome {
        api.call_until_answered(&self.user, self.method, &self.message)
            .await
    }
}

#[derive(Clone, Copy)]
struct Products {
    many: Uuid,
    few: Uuid,
}

impl Products {
    async fn of(shop: &Shop) -> Self {
        Self {
            many: shop.product("抹茶", 999).await,
            few: shop.product("茶碗", FEW).await,
        }
    }
}

/// Starts a host, sends it these requests, and lets it kill itself at a point.
async fn kill_at(shop: &Shop, point: Point, requests: &[UserRequest]) {
    let port = free_port().expect("a port");
    let host = Host::start(shop.another_host().await, port, Some((point, requests.len()))).await;
    for outcome in join_all(requests.iter().map(|request| request.run(&host.api))).await {
        assert_eq!(
            outcome,
            Outcome::Unknown,
            "a host that is killed at {point:?} sends no answer"
        );
    }
    host.wait_until_killed().await;
}

/// The final statuses of two orders: the user repeats the first, and the reconciler finishes the second. `None`: there is no
/// order.
type Ends = [Option<&'static str>; 2];

/// The points at which a request can be interrupted, the request, and the final statuses. They do not depend on the cause of
/// the interruption.
const BOUNDARIES: [(Point, Action, Ends); 15] = [
    (Point::before("CreateOrder"), Action::Buy, [CONFIRMED, None]),
    (Point::before("BatchGetProducts"), Action::Buy, [CONFIRMED, None]),
    (Point::after("BatchGetProducts"), Action::Buy, [CONFIRMED, None]),
    (Point::before("ReserveStock"), Action::Buy, [CONFIRMED, REJECTED]),
    (Point::after("ReserveStock"), Action::Buy, [CONFIRMED, CONFIRMED]),
    (
        Point::before("CommitReservation"),
        Action::Buy,
        [CONFIRMED, CONFIRMED],
    ),
    (
        Point::after("CommitReservation"),
        Action::Buy,
        [CONFIRMED, CONFIRMED],
    ),
    (Point::after("CreateOrder"), Action::Buy, [CONFIRMED, CONFIRMED]),
    (
        Point::after("ReserveStock"),
        Action::BuyTooMuch,
        [REJECTED, REJECTED],
    ),
    (
        Point::before("ReleaseReservation"),
        Action::BuyTooMuch,
        [REJECTED, REJECTED],
    ),
    (
        Point::after("ReleaseReservation"),
        Action::BuyTooMuch,
        [REJECTED, REJECTED],
    ),
    (
        Point::before("CancelOrder"),
        Action::Cancel,
        [CANCELLED, CONFIRMED],
    ),
    (Point::before("Restock"), Action::Cancel, [CANCELLED, CANCELLED]),
    (Point::after("Restock"), Action::Cancel, [CANCELLED, CANCELLED]),
    (
        Point::after("CancelOrder"),
        Action::Cancel,
        [CANCELLED, CANCELLED],
    ),
];

/// The final statuses for one of the [`BOUNDARIES`].
fn ends(point: Point, action: Action) -> Ends {
    let found = BOUNDARIES
        .iter()
        .find(|boundary| (boundary.0, boundary.1) == (point, action));
    found.expect("one of the boundaries").2
}

const CONFIRMED: Option<&str> = Some("confirmed");

const REJECTED: Option<&str> = Some("rejected");

const CANCELLED: Option<&str> = Some("cancelled");

/// Repeats the first request, lets the reconciler finish the second, and checks the final statuses.
async fn finish(shop: &Shop, requests: &[UserRequest; 2], ends: Ends, what: impl std::fmt::Debug) {
    repeat(&requests[0], &shop.api(), ends[0], &what).await;
    shop.reconcile_and_check().await;
    for (request, end) in requests.iter().zip(ends) {
        let status = shop.status(&request.user, KEY).await;
        assert_eq!(
            status.as_deref(),
            end,
            "{what:?}: the order must have the expected final status"
        );
    }
}

/// Repeats a request with an unknown outcome, and checks the answer.
async fn repeat(request: &UserRequest, api: &Api, end: Option<&str>, what: &impl std::fmt::Debug) {
    let outcome = request.repeat(api).await;
    assert!(
        is_answer_for(&outcome, end),
        "{what:?}: the answer to the repeat was {outcome:?}"
    );
}

/// Whether this is the outcome of a request whose order has this final status.
fn is_answer_for(outcome: &Outcome, end: Option<&str>) -> bool {
    match outcome {
        Outcome::Done(_) => end != REJECTED,
        Outcome::Refused(code) => end == REJECTED && code == "failed_precondition",
        Outcome::Unknown => false,
    }
}
