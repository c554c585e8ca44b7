//! Many requests at the same time.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Outcome, Shop, order, order_of_cart};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_fifty_pieces_go_to_fifty_of_five_hundred_buyers() {
    let shop = Shop::with_whole_machine(|setup| setup).await;
    let product = shop.product("抹茶", 50).await;
    let api = shop.api();
    let buyers = (0..500).map(|_| {
        let (user, api) = (shop.user(), api.clone());
        async move {
            api.call_until_answered(&user, "CreateOrder", &order("k", product, 1))
                .await
        }
    });

    let outcome = join_all(buyers).await;

    let confirmed = outcome.iter().filter_map(|outcome| match outcome {
        Outcome::Done(message) => Some(message["order"]["status"].as_str().unwrap_or_default()),
        Outcome::Refused(_) | Outcome::Unknown => None,
    });
    let confirmed: Vec<_> = confirmed.collect();
    assert_eq!(confirmed, ["ORDER_STATUS_CONFIRMED"; 50]);
    let refused = outcome
        .iter()
        .filter(|outcome| **outcome == Outcome::Refused("failed_precondition".into()));
    assert_eq!(
        refused.count(),
        450,
        "all other buyers are refused, because the stock is too low"
    );
    assert_eq!(shop.stock(product).await, 0);
    shop.reconcile_and_check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_with_one_key_are_one_order() {
    let shop = Shop::with_whole_machine(|setup| setup).await;
    let product = shop.product("抹茶", 999).await;
    let (user, api) = (shop.user(), shop.api());
    let message = order("one", product, 2);

    let outcome = join_all((0..200).map(|_| api.call_until_answered(&user, "CreateOrder", &message))).await;

    let [first, others @ ..] = outcome.as_slice() else {
        panic!("200 requests were sent")
    };
    assert!(
        first.order().is_some(),
        "the order must be placed, but the answer was {first:?}"
    );
    for other in others {
        assert_eq!(other, first, "all answers name the same order");
    }
    assert_eq!(shop.stock(product).await, 997);
    shop.reconcile_and_check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_keys_for_one_cart_are_one_order() {
    let shop = Shop::start().await;
    let (tea, cup) = (shop.product("抹茶", 999).await, shop.product("茶碗", 999).await);
    let (user, api) = (shop.user(), shop.api());
    for product in [tea, cup] {
        let line = json!({ "productId": product, "quantity": 3 });
        let added = api.call(&user, "AddToCart", line).await;
        assert!(matches!(added, Outcome::Done(_)), "got {added:?}");
    }

    let tabs = (0..50).map(|tab| {
        let (user, api) = (user.clone(), api.clone());
        async move {
            api.call_until_answered(&user, "CreateOrder", &order_of_cart(&format!("tab-{tab}")))
                .await
        }
    });
    let outcome = join_all(tabs).await;

    let orders: BTreeSet<Uuid> = outcome.iter().filter_map(Outcome::order).collect();
    assert_eq!(orders.len(), 1, "the cart is bought once: {outcome:?}");
    let refused = outcome
        .iter()
        .filter(|outcome| **outcome == Outcome::Refused("failed_precondition".into()));
    assert_eq!(refused.count(), 49, "all other requests are refused: {outcome:?}");
    assert_eq!((shop.stock(tea).await, shop.stock(cup).await), (996, 996));
    shop.reconcile_and_check().await;
}
