//! Random histories: several users at once, every call of the stock lost, unheard, doubled, late or reordered at random;
//! then one run of the reconciler, and everything must add up.

use std::collections::BTreeMap;

use futures::future::join_all;
use kernel::{Caller, UserId};

use super::{
    Stock, TestShop,
    memory::{Accounts, Told},
    new_user, of_cart, run, shop,
};
use crate::{
    domain::Status,
    service::{AddToCart, CreateOrder, Outcome, Stages},
};

const HISTORIES: u64 = 400;
const STEPS: usize = 25;

/// What one user does, at random.
async fn live(shop: &TestShop, caller: &Caller) {
    let random = |bound| shop.product.random(bound) as usize;
    for _ in 0..STEPS {
        let product = shop.product.id(random(3)).to_string();
        let quantity = 1 + random(4) as i32;
        let key = format!("k{}", random(8));
        match random(8) {
            0..=2 => {
                let request = AddToCart {
                    product: &product,
                    quantity,
                    request_key: None,
                };
                let _ = shop.add_to_cart(caller, request).await;
            }
            3..=4 => drop(shop.create_order(caller, of_cart(&key)).await),
            5 => {
                let items = [(product.as_str(), quantity)];
                let request = CreateOrder {
                    items: &items,
                    ..of_cart(&key)
                };
                drop(shop.create_order(caller, request).await);
            }
            6 => cancel_one(shop, caller).await,
            _ => match random(4) {
                0 => shop.product.expire(),
                1 => drop(shop.clear_cart(caller).await),
                _ => reconcile(shop).await,
            },
        }
    }
}

async fn cancel_one(shop: &TestShop, caller: &Caller) {
    let count = shop.store.orders.borrow().len();
    if count > 0 {
        let index = shop.product.random(count as u64) as usize;
        let id = shop.store.orders.borrow()[index].order.id.to_string();
        let _ = shop.cancel_order(caller, &id).await;
    }
}

async fn reconcile(shop: &TestShop) {
    let told = Told::default();
    let stages = Stages {
        pending_for: std::time::Duration::ZERO,
        events: &told,
        users: &Accounts::default(),
    };
    shop.reconcile(stages).await;
}

#[test]
fn stock_and_orders_add_up_after_random_faults() {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=HISTORIES {
        let shop = shop(Stock::of(&[("100", 40), ("250", 15), ("3", 60)]));
        shop.product.chance.set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let users: Vec<(UserId, Caller)> = (0..4).map(|_| new_user()).collect();
        run(join_all(users.iter().map(|(_, caller)| live(&shop, caller))));

        // No client repeats anything; what is on its way arrives; then the reconciler runs once, untroubled.
        shop.product.arrive();
        shop.product.chance.set(0);
        run(reconcile(&shop));
        shop.product.arrive();
        check(&shop, seed);
        for row in shop.store.orders.borrow().iter() {
            *ends.entry(row.order.status.name()).or_default() += 1;
        }
    }
    for end in ["confirmed", "cancelled", "rejected"] {
        let count = ends.get(end).copied().unwrap_or_default();
        assert!(
            count > 100,
            "the histories must have seen orders {end}, but saw {ends:?}"
        );
    }
}

fn check(shop: &TestShop, seed: u64) {
    let mut sold: BTreeMap<_, u32> = BTreeMap::new();
    let (mut keys, mut carts) = (BTreeMap::new(), BTreeMap::new());
    for row in shop.store.orders.borrow().iter() {
        let order = &row.order;
        let outcome = shop.product.outcome(order.id);
        let expected = match order.status {
            Status::Confirmed => Some(Outcome::Committed),
            Status::Cancelled => Some(Outcome::Restocked),
            Status::Rejected => Some(Outcome::Released),
            Status::Pending => panic!("seed {seed}: an order is still pending"),
        };
        assert_eq!(
            outcome, expected,
            "seed {seed}: the stock of an order {:?}",
            order.status
        );
        assert!(!row.restock_due, "seed {seed}: stock is still due");
        if order.status == Status::Confirmed {
            for item in &order.items {
                *sold.entry(item.product).or_default() += item.quantity.get();
            }
        }
        let of_key = keys.insert((order.user, row.key.clone()), order.id);
        assert_eq!(of_key, None, "seed {seed}: two orders of one key");
        if let Some(version) = row.cart_version.filter(|_| order.status != Status::Rejected) {
            let of_cart = carts.insert((order.user, version), order.id);
            assert_eq!(of_cart, None, "seed {seed}: a cart was bought twice");
        }
    }
    for (product, level) in shop.product.levels.borrow().iter() {
        let sold = sold.get(product).copied().unwrap_or_default();
        assert_eq!(level.reserved, 0, "seed {seed}: nothing is held any more");
        assert_eq!(
            level.quantity + sold,
            level.put_in,
            "seed {seed}: every piece is accounted for"
        );
    }
}
