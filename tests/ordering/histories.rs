//! Random histories: several people at once, in two windows each, do whatever one can do with carts, orders and stock. Calls
//! between the components get lost, on the way there or back, come twice, late, or too late, and clients repeat no request.
//! Then the reconciler runs once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use harness::{Dice, Mischief};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{CLAIMED, Counter, Said, Shop, User, order, order_of_cart};

const USERS: u64 = 5;
const WINDOWS: u64 = 2;
const DEEDS: u64 = 25;

/// How often a change that may be repeated is made at most, as long as another window may come between: three attempts of the
/// bff's, each doubled on its way.
const MADE: i64 = 6;

/// How long the components wait for product, in seconds; answers that are too late come after that.
const PRODUCT_TIMEOUT: u64 = 2;

/// What people were told, which is what has to be so.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By user and key: the answer to CreateOrder.
    placed: BTreeMap<(Uuid, String), Said>,
    /// By order: the answers to CancelOrder.
    cancelled: BTreeMap<Uuid, Vec<Said>>,
    /// By user and product: the most pieces that can ever have been in the cart.
    wanted: BTreeMap<(Uuid, Uuid), i64>,
}

impl FromIterator<Told> for Told {
    fn from_iter<I: IntoIterator<Item = Told>>(many: I) -> Self {
        let mut all = Self::default();
        for told in many {
            all.placed.extend(told.placed);
            for (order, said) in told.cancelled {
                all.cancelled.entry(order).or_default().extend(said);
            }
            for (line, pieces) in told.wanted {
                *all.wanted.entry(line).or_default() += pieces;
            }
        }
        all
    }
}

/// One window of one user.
pub(crate) struct Window {
    counter: Counter,
    user: User,
    products: Vec<Uuid>,
    dice: Dice,
    name: String,
    orders: Vec<Uuid>,
    told: Told,
}

impl Window {
    pub(crate) fn new(counter: Counter, user: &User, products: &[Uuid], seed: u64) -> Self {
        Self {
            counter,
            user: user.clone(),
            products: products.to_vec(),
            dice: Dice::new(seed),
            name: format!("window-{seed}"),
            orders: Vec::new(),
            told: Told::default(),
        }
    }

    /// Does one thing after the other while there is one more to do; what its user was told.
    pub(crate) async fn live(mut self, goes_on: impl Fn(u64) -> bool) -> Told {
        for deed in (0..).take_while(|deed| goes_on(*deed)) {
            let key = format!("{}-{deed}", self.name);
            match self.dice.throw(12) {
                0..3 => self.add(&key).await,
                3 => self.change("UpdateCartItem").await,
                4 => self.change("RemoveFromCart").await,
                5 => self.look().await,
                6..8 => self.place(&key, order_of_cart(&key)).await,
                8..10 => {
                    let product = *self.dice.pick(&self.products);
                    let pieces = 1 + self.dice.throw(3) as i32;
                    self.place(&key, order(&key, product, pieces)).await;
                }
                _ => self.cancel().await,
            }
        }
        self.told
    }

    async fn add(&mut self, key: &str) {
        let (product, pieces) = (*self.dice.pick(&self.products), 1 + self.dice.throw(3) as i64);
        *self.told.wanted.entry((self.user.id, product)).or_default() += pieces;
        let line = json!({ "productId": product, "quantity": pieces, "requestKey": key });
        self.counter.call(&self.user, "AddToCart", line).await;
    }

    async fn change(&mut self, method: &str) {
        let (product, pieces) = (*self.dice.pick(&self.products), 1 + self.dice.throw(3) as i64);
        let message = match method {
            "UpdateCartItem" => {
                *self.told.wanted.entry((self.user.id, product)).or_default() += pieces * MADE;
                json!({ "productId": product, "quantity": pieces })
            }
            _ => json!({ "productId": product }),
        };
        self.counter.call(&self.user, method, message).await;
    }

    async fn look(&mut self) {
        let (method, message) = match (self.dice.throw(4), self.orders.last()) {
            (0, _) => ("ClearCart", json!({})),
            (1, _) => ("ListOrders", json!({ "pageSize": 3 })),
            (2, Some(order)) => ("GetOrder", json!({ "id": order })),
            _ => ("GetCart", json!({})),
        };
        let said = self.counter.call(&self.user, method, message).await;
        assert!(
            !matches!(said, Said::Refused(_)),
            "a request that only reads is never refused: {method}: {said:?}"
        );
    }

    async fn place(&mut self, key: &str, message: Value) {
        let said = self.counter.call(&self.user, "CreateOrder", message).await;
        self.orders.extend(said.order());
        self.told.placed.insert((self.user.id, key.to_owned()), said);
    }

    async fn cancel(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let order = *self.dice.pick(&self.orders);
        let said = self
            .counter
            .call(&self.user, "CancelOrder", json!({ "id": order }))
            .await;
        self.told.cancelled.entry(order).or_default().push(said);
    }
}

/// An admin who counts the stock anew, changes prices and takes a product out of the catalogue.
async fn keep_shop(counter: Counter, admin: User, products: Vec<Uuid>, mut dice: Dice) {
    for deed in 0..2 * DEEDS {
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
            1 if deed > DEEDS => ("DeleteProduct", json!({ "id": products.last() })),
            _ => {
                let got = counter.ask(
                    &admin,
                    "product.v1.ProductService/GetProduct",
                    json!({ "id": product }),
                );
                let Said::Done(known) = got.await else { continue };
                let count = json!({
                    "productId": product,
                    "quantity": dice.throw(25),
                    "expectedVersion": known["product"]["version"],
                });
                ("UpdateStock", count)
            }
        };
        counter
            .ask(&admin, &format!("product.v1.ProductService/{method}"), message)
            .await;
        tokio::time::sleep(Duration::from_millis(dice.throw(100))).await;
    }
}

/// Reconcilers that run all the time.
async fn reconcile(counter: Counter, times: u32) {
    for _ in 0..times {
        counter.reconcile().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn history(seed: u64, reconcilers: usize) {
    println!("a history of seed {seed}, with {reconcilers} reconcilers meanwhile");
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
        let window = Window::new(shop.counter(), user, &products, dice.throw(u64::MAX));
        window.live(|deed| deed < DEEDS)
    });
    let windows: Vec<_> = windows.collect();
    let admin = shop.admin().await;
    let keeping = keep_shop(shop.counter(), admin, products.clone(), Dice::new(seed + 1));
    let reconciling = join_all((0..reconcilers).map(|_| reconcile(shop.counter(), 10)));

    let (told, (), _) = tokio::join!(join_all(windows), keeping, reconciling);

    mischief.end();
    // What was given up on its way may still be at it; and what a reconciler had in hand is free again after this.
    let pause = if reconcilers == 0 {
        lateness + Duration::from_secs(1)
    } else {
        CLAIMED
    };
    tokio::time::sleep(pause).await;
    shop.settle().await;
    compare(&shop, &told.into_iter().collect()).await;
}

/// What people were told is what is so.
pub(crate) async fn compare(shop: &Shop, told: &Told) {
    let (mut placed, mut open) = (0, 0);
    for ((user, key), said) in &told.placed {
        let sql = "select id, status from order_service.orders where user_id = $1 and idempotency_key = $2";
        let row = shop.platform.database().sql().query_opt(sql, &[user, key]).await;
        let row = row.expect("at most one order");
        let status: Option<String> = row.as_ref().map(|row| row.get("status"));
        let status = status.as_deref();
        match said {
            Said::Done(_) => {
                placed += 1;
                let id = row.map(|row| row.get("id"));
                assert_eq!(
                    id,
                    said.order(),
                    "the order of key {key} is the one that was told of"
                );
                let order = said.order().expect("an order");
                let wanted_back = told.cancelled.get(&order);
                let is_back =
                    wanted_back.is_some_and(|said| said.iter().any(|said| matches!(said, Said::Done(_))));
                let expected: &[_] = match wanted_back {
                    _ if is_back => &[Some("cancelled")],
                    Some(_) => &[Some("confirmed"), Some("cancelled")],
                    None => &[Some("confirmed")],
                };
                assert!(
                    expected.contains(&status),
                    "order {order} is {status:?}, and told to be {said:?}"
                );
            }
            Said::Refused(_) => assert!(
                [None, Some("rejected")].contains(&status),
                "the order of key {key} was refused ({said:?}), but is {status:?}"
            ),
            Said::Open => {
                open += 1;
                assert!(
                    [None, Some("rejected"), Some("confirmed")].contains(&status),
                    "no client knew the order of key {key}, but it is {status:?}"
                );
            }
        }
    }
    println!(
        "{placed} orders told of, {open} left open, {} cancelled",
        told.cancelled.len()
    );
    // No user bought more from the cart than they had ever put into it.
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
        let wanted = told.wanted.get(&(user, product)).copied().unwrap_or_default();
        assert!(
            pieces <= wanted,
            "{user} bought {pieces} of {product} from a cart that had {wanted}"
        );
    }
}

/// A seed of one's own in `AKINAI_SEED` tells one history again, as far as chance alone made it.
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
