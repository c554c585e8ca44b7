//! Random histories. Several users call at the same time, and calls of the stock are lost, repeated, delayed or reordered at
//! random. Then the reconciler runs once, and stock and orders must add up.

use std::collections::BTreeMap;

use futures::future::join_all;
use kernel::{Caller, UserId};

use super::{
    Stock, TestShop,
    memory::{Accounts, EventStream},
    new_user, of_cart, run, shop,
};
use crate::{
    domain::Status,
    service::{AddToCart, CreateOrder, Outcome, Stages},
};

const HISTORIES: u64 = 400;
const STEPS: usize = 25;

/// Makes random calls of one user.
async fn run_user(shop: &TestShop, caller: &Caller) {
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
    let stream = EventStream::default();
    let stages = Stages {
        pending_for: std::time::Duration::ZERO,
        events: &stream,
        users: &Accounts::default(),
    };
    shop.reconcile(stages).await;
}

#[test]
fn stock_and_orders_add_up_after_random_faults() {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=HISTORIES {
        let shop = shop(Stock::of(&[("100", 40), ("250", 15), ("3", 60)]));
        shop.product
            .random_state
            .set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let users: Vec<(UserId, Caller)> = (0..4).map(|_| new_user()).collect();
        run(join_all(users.iter().map(|(_, caller)| run_user(&shop, caller))));

        // No client repeats a request. Late calls are delivered, and then the reconciler runs once without faults.
        shop.product.deliver_late_calls();
        shop.product.random_state.set(0);
        run(reconcile(&shop));
        shop.product.deliver_late_calls();
        check(&shop, seed);
        for row in shop.store.orders.borrow().iter() {
            *ends.entry(row.order.status.name()).or_default() += 1;
        }
    }
    for end in ["confirmed", "cancelled", "rejected"] {
        let count = ends.get(end).copied().unwrap_or_default();
        assert!(
            count > 100,
            "the histories must have more than 100 orders that are {end}, but have {ends:?}"
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
        assert!(!row.restock_due, "seed {seed}: the stock was not returned");
        if order.status == Status::Confirmed {
            for item in &order.items {
                *sold.entry(item.product).or_default() += item.quantity.get();
            }
        }
        let of_key = keys.insert((order.user, row.key.clone()), order.id);
        assert_eq!(of_key, None, "seed {seed}: two orders have one key");
        if let Some(version) = row.cart_version.filter(|_| order.status != Status::Rejected) {
            let of_cart = carts.insert((order.user, version), order.id);
            assert_eq!(of_cart, None, "seed {seed}: a cart was bought twice");
        }
    }
    for (product, level) in shop.product.levels.borrow().iter() {
        let sold = sold.get(product).copied().unwrap_or_default();
        assert_eq!(level.reserved, 0, "seed {seed}: nothing is reserved any more");
        assert_eq!(
            level.quantity + sold,
            level.initial_quantity,
            "seed {seed}: every piece is accounted for"
        );
    }
}
