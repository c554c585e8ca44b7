//! Random histories. Several users, each in two browser windows, call the methods for carts and orders in a random order,
//! while an admin changes the stock. Calls between the components and their answers are lost, repeated or delayed, some
//! beyond the time limit. Clients repeat no request. At the end the reconciler runs once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use harness::{Dice, Mischief};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Api, CLAIM_DURATION, Outcome, Shop, User, order, order_of_cart};

const USERS: u64 = 5;
const WINDOWS: u64 = 2;
const CALLS_PER_WINDOW: u64 = 25;

/// How often one repeatable change is made at most, if a change from another window can come in between: the bff makes three
/// attempts, and each can be delivered twice.
const MAX_REPETITIONS: i64 = 6;

/// How long the components wait for the product component, in seconds. Late answers come after that.
const PRODUCT_TIMEOUT: u64 = 2;

/// The answers that clients got. The database must agree with them.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The answer to CreateOrder, by user and key.
    placed: BTreeMap<(Uuid, String), Outcome>,
    /// The answers to CancelOrder, by order.
    cancelled: BTreeMap<Uuid, Vec<Outcome>>,
    /// The maximum number of pieces that can ever have been in the cart, by user and product.
    max_in_cart: BTreeMap<(Uuid, Uuid), i64>,
}

impl FromIterator<Answers> for Answers {
    fn from_iter<I: IntoIterator<Item = Answers>>(many: I) -> Self {
        let mut all = Self::default();
        for answers in many {
            all.placed.extend(answers.placed);
            for (order, outcome) in answers.cancelled {
                all.cancelled.entry(order).or_default().extend(outcome);
            }
            for (line, pieces) in answers.max_in_cart {
                *all.max_in_cart.entry(line).or_default() += pieces;
            }
        }
        all
    }
}

/// One window of one user.
pub(crate) struct Window {
    api: Api,
    user: User,
    products: Vec<Uuid>,
    dice: Dice,
    name: String,
    orders: Vec<Uuid>,
    answers: Answers,
}

impl Window {
    pub(crate) fn new(api: Api, user: &User, products: &[Uuid], seed: u64) -> Self {
        Self {
            api,
            user: user.clone(),
            products: products.to_vec(),
            dice: Dice::new(seed),
            name: format!("window-{seed}"),
            orders: Vec::new(),
            answers: Answers::default(),
        }
    }

    /// Makes one random call after the other while `continues` returns true, and returns the answers.
    pub(crate) async fn run(mut self, continues: impl Fn(u64) -> bool) -> Answers {
        for call in (0..).take_while(|call| continues(*call)) {
            let key = format!("{}-{call}", self.name);
            match self.dice.throw(12) {
                0..3 => self.add(&key).await,
                3 => self.change("UpdateCartItem").await,
                4 => self.change("RemoveFromCart").await,
                5 => self.read().await,
                6..8 => self.place_order(&key, order_of_cart(&key)).await,
                8..10 => {
                    let product = *self.dice.pick(&self.products);
                    let pieces = 1 + self.dice.throw(3) as i32;
                    self.place_order(&key, order(&key, product, pieces)).await;
                }
                _ => self.cancel().await,
            }
        }
        self.answers
    }

    async fn add(&mut self, key: &str) {
        let (product, pieces) = (*self.dice.pick(&self.products), 1 + self.dice.throw(3) as i64);
        *self
            .answers
            .max_in_cart
            .entry((self.user.id, product))
            .or_default() += pieces;
        let line = json!({ "productId": product, "quantity": pieces, "requestKey": key });
        self.api.call(&self.user, "AddToCart", line).await;
    }

    async fn change(&mut self, method: &str) {
        let (product, pieces) = (*self.dice.pick(&self.products), 1 + self.dice.throw(3) as i64);
        let message = match method {
            "UpdateCartItem" => {
                *self
                    .answers
                    .max_in_cart
                    .entry((self.user.id, product))
                    .or_default() += pieces * MAX_REPETITIONS;
                json!({ "productId": product, "quantity": pieces })
            }
            _ => json!({ "productId": product }),
        };
        self.api.call(&self.user, method, message).await;
    }

    async fn read(&mut self) {
        let (method, message) = match (self.dice.throw(4), self.orders.last()) {
            (0, _) => ("ClearCart", json!({})),
            (1, _) => ("ListOrders", json!({ "pageSize": 3 })),
            (2, Some(order)) => ("GetOrder", json!({ "id": order })),
            _ => ("GetCart", json!({})),
        };
        let outcome = self.api.call(&self.user, method, message).await;
        assert!(
            !matches!(outcome, Outcome::Refused(_)),
            "a request that only reads or clears a cart is never refused: {method}: {outcome:?}"
        );
    }

    async fn place_order(&mut self, key: &str, message: Value) {
        let outcome = self.api.call(&self.user, "CreateOrder", message).await;
        self.orders.extend(outcome.order());
        self.answers
            .placed
            .insert((self.user.id, key.to_owned()), outcome);
    }

    async fn cancel(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let order = *self.dice.pick(&self.orders);
        let outcome = self
            .api
            .call(&self.user, "CancelOrder", json!({ "id": order }))
            .await;
        self.answers.cancelled.entry(order).or_default().push(outcome);
    }
}

/// An admin sets the stock, changes prices and removes a product from the catalogue.
async fn change_catalogue(api: Api, admin: User, products: Vec<Uuid>, mut dice: Dice) {
    for call in 0..2 * CALLS_PER_WINDOW {
        let product = *dice.pick(&products);
        let (method, message) = match dice.throw(6) {
            0 => (
                "UpdateProduct",
                json!({
                    "id": product,
                    "price": { "amount": (100 + dice.throw(100)).to_string(), "currencyCode": "JPY" },
                    "updateMask": "price",
                }),
            ),
            1 if call > CALLS_PER_WINDOW => ("DeleteProduct", json!({ "id": products.last() })),
            _ => {
                let got = api.call_method(
                    &admin,
                    "product.v1.ProductService/GetProduct",
                    json!({ "id": product }),
                );
                let Outcome::Done(current) = got.await else {
                    continue;
                };
                let count = json!({
                    "productId": product,
                    "quantity": dice.throw(25),
                    "expectedVersion": current["product"]["version"],
                });
                ("UpdateStock", count)
            }
        };
        api.call_method(&admin, &format!("product.v1.ProductService/{method}"), message)
            .await;
        tokio::time::sleep(Duration::from_millis(dice.throw(100))).await;
    }
}

/// Runs the reconciler so many times.
async fn reconcile(api: Api, times: u32) {
    for _ in 0..times {
        api.reconcile().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn history(seed: u64, reconcilers: usize) {
    println!("a history of seed {seed}, with {reconcilers} reconcilers at the same time");
    let lateness = Duration::from_millis(PRODUCT_TIMEOUT * 1000 + 300);
    let mischief = Mischief::new(seed, lateness);
    let shop = Shop::with(|setup| {
        setup
            .chaining(Arc::new(mischief.clone()))
            .variable("product_timeout", PRODUCT_TIMEOUT.to_string())
    })
    .await;
    let mut dice = Dice::new(seed);
    let mut products = Vec::new();
    for name in ["抹茶", "煎茶", "茶碗", "茶筅"] {
        products.push(shop.product(name, 5 + dice.throw(20) as i32).await);
    }
    let users: Vec<User> = (0..USERS).map(|_| shop.user()).collect();
    let windows = users
        .iter()
        .flat_map(|user| (0..WINDOWS).map(move |window| (user, window)));
    let windows = windows.map(|(user, _)| {
        let window = Window::new(shop.api(), user, &products, dice.throw(u64::MAX));
        window.run(|call| call < CALLS_PER_WINDOW)
    });
    let windows: Vec<_> = windows.collect();
    let admin = shop.admin().await;
    let keeping = change_catalogue(shop.api(), admin, products.clone(), Dice::new(seed + 1));
    let reconciling = join_all((0..reconcilers).map(|_| reconcile(shop.api(), 10)));

    let (answers, (), _) = tokio::join!(join_all(windows), keeping, reconciling);

    mischief.end();
    // A call may still run after its caller has stopped waiting. An order that a reconciler has claimed stays claimed for a
    // time.
    let pause = if reconcilers == 0 {
        lateness + Duration::from_secs(1)
    } else {
        CLAIM_DURATION
    };
    tokio::time::sleep(pause).await;
    shop.reconcile_and_check().await;
    compare(&shop, &answers.into_iter().collect()).await;
}

/// Compares the answers that clients got with the database.
pub(crate) async fn compare(shop: &Shop, answers: &Answers) {
    let (mut placed, mut open) = (0, 0);
    for ((user, key), outcome) in &answers.placed {
        let sql = "select id, status from order_service.orders where user_id = $1 and idempotency_key = $2";
        let row = shop.platform.database().sql().query_opt(sql, &[user, key]).await;
        let row = row.expect("at most one order");
        let status: Option<String> = row.as_ref().map(|row| row.get("status"));
        let status = status.as_deref();
        match outcome {
            Outcome::Done(_) => {
                placed += 1;
                let id = row.map(|row| row.get("id"));
                assert_eq!(
                    id,
                    outcome.order(),
                    "the order of key {key} is the one in the answer"
                );
                let order = outcome.order().expect("an order");
                let cancellations = answers.cancelled.get(&order);
                let is_cancelled = cancellations
                    .is_some_and(|outcome| outcome.iter().any(|outcome| matches!(outcome, Outcome::Done(_))));
                let expected: &[_] = match cancellations {
                    _ if is_cancelled => &[Some("cancelled")],
                    Some(_) => &[Some("confirmed"), Some("cancelled")],
                    None => &[Some("confirmed")],
                };
                assert!(
                    expected.contains(&status),
                    "order {order} is {status:?}, but the answer was {outcome:?}"
                );
            }
            Outcome::Refused(_) => assert!(
                [None, Some("rejected")].contains(&status),
                "the order of key {key} was refused ({outcome:?}), but is {status:?}"
            ),
            Outcome::Unknown => {
                open += 1;
                assert!(
                    [None, Some("rejected"), Some("confirmed")].contains(&status),
                    "no client got the order of key {key}, but it is {status:?}"
                );
            }
        }
    }
    println!(
        "{placed} orders placed, {open} with an unknown outcome, {} cancelled",
        answers.cancelled.len()
    );
    // No user bought more pieces from a cart than the user put into it.
    let sql = "select o.user_id, l.product_id, sum(l.quantity)::bigint as pieces
         from order_service.orders o join order_service.order_items l on l.order_id = o.id
         where o.cart_version is not null and o.status <> 'rejected' group by o.user_id, l.product_id";
    let rows = shop
        .platform
        .database()
        .sql()
        .query(sql, &[])
        .await
        .expect("the orders of carts");
    for row in rows {
        let (user, product, pieces): (Uuid, Uuid, i64) = (row.get(0), row.get(1), row.get(2));
        let maximum = answers
            .max_in_cart
            .get(&(user, product))
            .copied()
            .unwrap_or_default();
        assert!(
            pieces <= maximum,
            "{user} bought {pieces} of {product} from a cart that had at most {maximum}"
        );
    }
}

/// The seed of a history: the one in `AKINAI_SEED`, or a new one. The same seed repeats all random choices, but not the
/// timing.
pub(crate) fn seed(or: u64) -> u64 {
    let seed = std::env::var("AKINAI_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    seed.unwrap_or(or ^ u64::from(std::process::id()) << 8)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_of_the_reconciler_restores_all_invariants() {
    for or in 0..2 {
        history(seed(or), 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reconcilers_break_no_invariant() {
    history(seed(7), 2).await;
}
