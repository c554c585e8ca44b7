//! Carts, and orders that are refused before a call of the catalogue.

use super::*;

fn new_order(items: Vec<Wanted>) -> NewOrder {
    let text = |text: &str| text.to_owned();
    NewOrder {
        idempotency_key: text("k"),
        shipping_address: ShippingAddress {
            name: text("山田 花"),
            postal_code: text("604-8571"),
            country: text("JP"),
            region: text("京都府"),
            city: text("京都市"),
            line1: text("寺町通御池上る"),
            line2: text(""),
            phone: text(""),
        },
        items,
        expected_total: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_cart_is_empty_and_cannot_be_ordered() {
    let mut service = Service::start().await;
    let (gone, product) = (Uuid::now_v7(), Uuid::now_v7());
    service.put(gone, product, 2).await;
    // The cart still has a line: the reconciler that closed it was interrupted before it emptied it.
    let sql = service.setup.database.sql();
    sql.batch_execute("update order_service.carts set product_ids = '{}', deleted_at = now()")
        .await
        .expect("the cart is closed");
    let held = sql
        .batch_execute("update order_service.carts set product_ids = array[user_id]")
        .await;
    assert!(held.is_err(), "and the schema lets it hold nothing");

    let cart = service.cart(user(gone)).await.expect("an empty cart");
    assert!(cart.items.is_empty(), "{cart:?}");
    let bought = service.create(user(gone), new_order(Vec::new())).await;
    assert!(
        matches!(bought, Err(Error::FailedPrecondition)),
        "the cart is empty, but: {bought:?}"
    );
    assert_eq!(service.count("orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_cart_is_read_without_the_catalogue() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let product = Uuid::now_v7();
    let empty = service.cart(user(owner)).await.expect("an empty cart");
    assert!(
        empty.items.is_empty() && empty.total_amount.is_none(),
        "got {empty:?}"
    );

    service.put(owner, product, 2).await;
    let id = product.to_string();
    let removed = call!(
        service
            .akinai_commerce_orders()
            .call_remove_from_cart(user(owner), id.clone())
    );
    assert!(removed.is_ok_and(|cart| cart.items.is_empty()), "it is taken out");
    let absent = call!(
        service
            .akinai_commerce_orders()
            .call_update_cart_item(user(owner), id, 3)
    );
    assert!(matches!(absent, Err(Error::NotFound)), "got {absent:?}");
    assert_eq!(
        service
            .count("carts where product_ids = '{}' and version = 2")
            .await,
        1,
        "the cart was changed once"
    );

    service.put(owner, Uuid::now_v7(), 2).await;
    let cleared = call!(service.akinai_commerce_orders().call_clear_cart(user(owner)));
    assert!(cleared.is_ok_and(|cart| cart.items.is_empty()), "it is emptied");
    assert_eq!(service.count("cart_items where deleted_at is null").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_has_a_cart_of_their_own() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    service.put(owner, Uuid::now_v7(), 2).await;
    for caller in [user(another), admin()] {
        let cart = call!(service.akinai_commerce_orders().call_clear_cart(caller.clone()));
        assert!(cart.is_ok(), "got {cart:?}");
        let cart = service.cart(caller).await.expect("an empty cart");
        assert!(cart.items.is_empty(), "got {cart:?}");
    }
    assert_eq!(service.count("cart_items where deleted_at is null").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn used_key_is_looked_up_first() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    service.place(owner, "confirmed").await;
    let sql = service.setup.database.sql();
    sql.execute("update order_service.orders set idempotency_key = 'k'", &[])
        .await
        .expect("the key is free");

    let other = service.create(user(owner), new_order(Vec::new())).await;

    let Err(Error::InvalidArgument(violations)) = other else {
        panic!("the key is another request's, but the answer was {other:?}")
    };
    assert_eq!(violations[0].field, "idempotencyKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_order_is_refused_with_all_its_fields() {
    let mut service = Service::start().await;
    let mut wrong = new_order(vec![Wanted {
        product_id: "42".to_owned(),
        quantity: 0,
    }]);
    wrong.shipping_address.country = "Japan".to_owned();

    let refused = service.create(user(Uuid::now_v7()), wrong).await;

    let Err(Error::InvalidArgument(violations)) = refused else {
        panic!("three fields are wrong, but the answer was {refused:?}")
    };
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "shippingAddress.country",
            "items[0].productId",
            "items[0].quantity"
        ]
    );
    let empty = service.create(user(Uuid::now_v7()), new_order(Vec::new())).await;
    assert!(
        matches!(empty, Err(Error::FailedPrecondition)),
        "an empty cart cannot be ordered: {empty:?}"
    );
    assert_eq!(service.count("orders").await, 0, "and nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_service_is_unavailable_without_postgres() {
    let closed_port = xtask::services::free_port().expect("a port without a listener");
    let mut service = Service::of(Setup::new().await.variable("db_port", closed_port.to_string())).await;

    let answer = service.cart(user(Uuid::now_v7())).await;

    assert!(
        matches!(answer, Err(Error::Unavailable)),
        "without a listener it must be unavailable, but was {answer:?}"
    );
}
