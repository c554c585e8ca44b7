//! Processes that are killed: the host at each step boundary of an order, and at random; Postgres in the middle of a
//! statement; Redis; and a product component that hangs. Afterwards one of two orders is repeated by its user with the same
//! key, and the other is left to the reconciler.
//!
//! The host that dies is this test binary once more, as a process of its own. The host that finds the orders is the test's.

mod hosts;
mod meetings;
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
use crate::shop::{CLAIMED, Counter, Said, Shop, User, order};

/// Pieces that are there, and pieces that are not.
const FEW: i32 = 3;

const MANY: i32 = FEW + 1;

/// The request that is being served when the host dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Buy,
    /// More than there is.
    BuyTooMuch,
    /// What was bought before.
    Cancel,
}

/// The key of every order here: each user has one.
const KEY: &str = "the-order";

/// A request of a user, that can be repeated.
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
        let bought = shop.counter().insist(&user, "CreateOrder", &buy).await;
        let message = json!({ "id": bought.order().expect("an order to cancel") });
        let method = "CancelOrder";
        Self {
            user,
            method,
            message,
        }
    }

    /// The same of two users.
    async fn two(shop: &Shop, action: Action, products: Products) -> [Self; 2] {
        let first = Self::new(shop, action, products).await;
        [first, Self::new(shop, action, products).await]
    }

    async fn run(&self, counter: &Counter) -> Said {
        counter.call(&self.user, self.method, self.message.clone()).await
    }

    /// Repeats it until there is an answer.
    async fn again(&self, counter: &Counter) -> Said {
        counter.insist(&self.user, self.method, &self.message).await
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

/// Has a host killed with these errands at a point.
async fn kill_at(shop: &Shop, point: Point, errands: &[UserRequest]) {
    let port = free_port().expect("a port");
    let host = Host::start(shop.another().await, port, Some((point, errands.len()))).await;
    for said in join_all(errands.iter().map(|request| request.run(&host.counter))).await {
        assert_eq!(
            said,
            Said::Open,
            "a host that is killed at {point:?} answers nothing"
        );
    }
    host.died().await;
}

/// How an order ends: repeated by its user, and left to the reconciler.
type Ends = [Option<&'static str>; 2];

/// Where an order may be cut off, at what, and how it ends then, whatever cut it off.
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

/// How an order ends that was cut off at one of the [`BOUNDARIES`].
fn ends(point: Point, action: Action) -> Ends {
    let found = BOUNDARIES
        .iter()
        .find(|boundary| (boundary.0, boundary.1) == (point, action));
    found.expect("one of the boundaries").2
}

const CONFIRMED: Option<&str> = Some("confirmed");

const REJECTED: Option<&str> = Some("rejected");

const CANCELLED: Option<&str> = Some("cancelled");

/// Repeats the first request and leaves the second to the reconciler, and looks how they end.
async fn finish(shop: &Shop, errands: &[UserRequest; 2], ends: Ends, what: impl std::fmt::Debug) {
    repeat(&errands[0], &shop.counter(), ends[0], &what).await;
    shop.settle().await;
    for (request, end) in errands.iter().zip(ends) {
        let status = shop.status(&request.user, KEY).await;
        assert_eq!(
            status.as_deref(),
            end,
            "{what:?}: an order must end where it belongs"
        );
    }
}

/// Repeats a request whose outcome is unknown.
async fn repeat(request: &UserRequest, counter: &Counter, end: Option<&str>, what: &impl std::fmt::Debug) {
    let said = request.again(counter).await;
    assert!(
        tells_of(&said, end),
        "{what:?}: repeated, the answer was {said:?}"
    );
}

/// Whether an answer is that of an order with this end.
fn tells_of(said: &Said, end: Option<&str>) -> bool {
    match said {
        Said::Done(_) => end != REJECTED,
        Said::Refused(code) => end == REJECTED && code == "failed_precondition",
        Said::Open => false,
    }
}
