//! Users cannot reach the orders or the cart of another user: not by id, by key, by page token, nor by any method.

use std::collections::BTreeSet;

use harness::Client;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use uuid::Uuid;
use xtask::workspace::Workspace;

use crate::shop::{Outcome, Shop, User, address, order, order_of_cart};

/// All rows of a user in the order service.
async fn rows_of(shop: &Shop, user: &User) -> String {
    const SQL: &str = "select
             (select json_agg(c) from order_service.carts c where user_id = $1)::text
             || (select json_agg(l order by product_id) from order_service.cart_items l where user_id = $1)::text
             || (select json_agg(o order by id) from order_service.orders o where user_id = $1)::text";
    let row = shop.platform.database().sql().query_one(SQL, &[&user.id]).await;
    row.expect("a cart and orders").get(0)
}

/// The code of the error that a stream ends with, if it does.
async fn watch(client: &Client, token: Option<&str>, order: Uuid) -> String {
    let message = json!({ "id": order }).to_string();
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message.as_bytes());
    let mut request = client.as_caller(token, "order.v1.OrderService/WatchOrder", json!({}));
    *request.body_mut() = body.into();
    let streaming = HeaderValue::from_static("application/connect+json");
    request.headers_mut().insert(header::CONTENT_TYPE, streaming);
    let answer = client.send(request).await;
    let end: Value = serde_json::from_slice(answer.body.get(5..).unwrap_or_default()).expect("one message");
    end["error"]["code"].as_str().unwrap_or_default().to_owned()
}

fn methods() -> BTreeSet<String> {
    let file = Workspace::here().root().join("proto/order/v1/order.proto");
    let text = std::fs::read_to_string(file).expect("the contract");
    let name = |line: &str| Some(line.trim().strip_prefix("rpc ")?.split('(').next()?.to_owned());
    text.lines().filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_reaches_orders_or_the_cart_of_another_user() {
    let shop = Shop::start().await;
    let (tea, cup) = (shop.product("抹茶", 99).await, shop.product("茶碗", 99).await);
    let (owner, thief, api) = (shop.user(), shop.user(), shop.api());
    let mut placed = Uuid::nil();
    for key in ["first", "second", "third"] {
        let outcome = api
            .call_until_answered(&owner, "CreateOrder", &order(key, tea, 1))
            .await;
        placed = outcome.order().expect("an order");
    }
    let line = json!({ "productId": cup, "quantity": 2, "requestKey": "added" });
    api.call(&owner, "AddToCart", line.clone()).await;
    let Outcome::Done(page) = api.call(&owner, "ListOrders", json!({ "pageSize": 2 })).await else {
        panic!("the owner's list")
    };
    let token = page["nextPageToken"].clone();
    let before = rows_of(&shop, &owner).await;

    let not_found = || Outcome::Refused("not_found".into());
    let nothing = || Outcome::Refused("failed_precondition".into());
    let empty = || Outcome::Done(json!({ "cart": {} }));
    // The thief's calls, and the expected outcomes.
    let tries = [
        ("GetOrder", json!({ "id": placed }), not_found()),
        ("CancelOrder", json!({ "id": placed }), not_found()),
        ("ListOrders", json!({}), Outcome::Done(json!({}))),
        // A page token belongs to one caller.
        (
            "ListOrders",
            json!({ "pageToken": token }),
            Outcome::Refused("invalid_argument".into()),
        ),
        (
            "ListOrders",
            json!({ "status": "ORDER_STATUS_CONFIRMED" }),
            Outcome::Done(json!({})),
        ),
        ("GetCart", json!({}), empty()),
        (
            "UpdateCartItem",
            json!({ "productId": cup, "quantity": 9 }),
            not_found(),
        ),
        ("RemoveFromCart", json!({ "productId": cup }), empty()),
        ("ClearCart", json!({}), empty()),
        // The service uses neither the owner's cart nor the owner's order with this key.
        ("CreateOrder", order_of_cart("first"), nothing()),
    ];
    let mut tried: BTreeSet<String> = ["WatchOrder", "AddToCart"].map(str::to_owned).into();
    for (method, message, expected) in tries {
        let outcome = api.call(&thief, method, message.clone()).await;
        assert_eq!(outcome, expected, "{method} {message}");
        let anonymous = api
            .0
            .call(&format!("order.v1.OrderService/{method}"), message)
            .await;
        assert_eq!(
            anonymous.failure().code,
            "unauthenticated",
            "{method} of an anonymous caller"
        );
        tried.insert(method.to_owned());
    }
    assert_eq!(watch(&api.0, Some(&thief.token), placed).await, "not_found");
    assert_eq!(watch(&api.0, None, placed).await, "unauthenticated");
    // The owner's key counts for the owner alone: this is the thief's own line, and the thief's own order.
    let Outcome::Done(added) = api.call(&thief, "AddToCart", line.clone()).await else {
        panic!("one may add to one's own cart")
    };
    assert_eq!(added["cart"]["items"][0]["quantity"], 2, "{added}");
    let anonymous = api.0.call("order.v1.OrderService/AddToCart", line).await;
    assert_eq!(anonymous.failure().code, "unauthenticated");
    let own = api.call(&thief, "CreateOrder", order("third", tea, 1)).await;
    assert!(own.order().is_some_and(|own| own != placed), "got {own:?}");
    assert_eq!(tried, methods(), "every method of the contract is tried");
    // A request cannot name the user of the order.
    let mut forged = order("forged", tea, 1);
    forged["userId"] = json!(owner.id);
    forged["shippingAddress"] = address();
    api.call(&thief, "CreateOrder", forged).await;

    assert_eq!(
        rows_of(&shop, &owner).await,
        before,
        "no row of the owner has changed"
    );
    shop.reconcile_and_check().await;
}
