//! Many at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Said, Shop, order, order_of_cart};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_fifty_pieces_go_to_fifty_of_five_hundred_buyers() {
    let shop = Shop::alone(|setup| setup).await;
    let product = shop.product("抹茶", 50).await;
    let counter = shop.counter();
    let buyers = (0..500).map(|_| {
        let (user, counter) = (shop.user(), counter.clone());
        async move {
            counter
                .insist(&user, "CreateOrder", &order("k", product, 1))
                .await
        }
    });

    let said = join_all(buyers).await;

    let confirmed = said.iter().filter_map(|said| match said {
        Said::Done(message) => Some(message["order"]["status"].as_str().unwrap_or_default()),
        Said::Refused(_) | Said::Open => None,
    });
    let confirmed: Vec<_> = confirmed.collect();
    assert_eq!(confirmed, ["ORDER_STATUS_CONFIRMED"; 50]);
    let refused = said
        .iter()
        .filter(|said| **said == Said::Refused("failed_precondition".into()));
    assert_eq!(
        refused.count(),
        450,
        "all others are told that there is too little in stock"
    );
    assert_eq!(shop.stock(product).await, 0);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_with_one_key_are_one_order() {
    let shop = Shop::alone(|setup| setup).await;
    let product = shop.product("抹茶", 999).await;
    let (user, counter) = (shop.user(), shop.counter());
    let message = order("one", product, 2);

    let said = join_all((0..200).map(|_| counter.insist(&user, "CreateOrder", &message))).await;

    let [first, others @ ..] = said.as_slice() else {
        panic!("200 were asked")
    };
    assert!(
        first.order().is_some(),
        "it is placed, but the answer was {first:?}"
    );
    for other in others {
        assert_eq!(other, first, "all are told of one order");
    }
    assert_eq!(shop.stock(product).await, 997);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_keys_for_one_cart_are_one_order() {
    let shop = Shop::start().await;
    let (tea, cup) = (shop.product("抹茶", 999).await, shop.product("茶碗", 999).await);
    let (user, counter) = (shop.user(), shop.counter());
    for product in [tea, cup] {
        let line = json!({ "productId": product, "quantity": 3 });
        let added = counter.call(&user, "AddToCart", line).await;
        assert!(matches!(added, Said::Done(_)), "got {added:?}");
    }

    let tabs = (0..50).map(|tab| {
        let (user, counter) = (user.clone(), counter.clone());
        async move {
            counter
                .insist(&user, "CreateOrder", &order_of_cart(&format!("tab-{tab}")))
                .await
        }
    });
    let said = join_all(tabs).await;

    let orders: BTreeSet<Uuid> = said.iter().filter_map(Said::order).collect();
    assert_eq!(orders.len(), 1, "the cart is bought once: {said:?}");
    let refused = said
        .iter()
        .filter(|said| **said == Said::Refused("failed_precondition".into()));
    assert_eq!(refused.count(), 49, "the others are told that it is: {said:?}");
    assert_eq!((shop.stock(tea).await, shop.stock(cup).await), (996, 996));
    shop.settle().await;
}
