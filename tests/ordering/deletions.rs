//! Deleted users: their carts are emptied, even if a call comes late or the user service does not answer for a time. Their
//! orders are kept.

use std::sync::Arc;

use harness::{Between, Fate, Gate, Point};
use serde_json::{Value, json};

use crate::shop::{Outcome, Shop, User, order};

/// Creates a user with an account, so that it can be deleted.
async fn create_account(shop: &Shop, name: &str) -> User {
    let user = shop.user();
    let account = format!(
        "insert into user_service.users (id, email, email_key, password_hash)
         values ('{}', '{name}@example.com', '{name}@example.com', '$argon2id$')",
        user.id
    );
    let sql = shop.platform.database().sql();
    sql.batch_execute(&account).await.expect("an account");
    user
}

/// Deletes a user's account, on behalf of that user or of an admin.
async fn delete(shop: &Shop, by: &User, user: &User) {
    let method = "user.v1.UserService/DeleteUser";
    let outcome = shop.api().call_method(by, method, json!({ "id": user.id })).await;
    assert!(
        matches!(outcome, Outcome::Done(_)),
        "the account is deleted: {outcome:?}"
    );
}

async fn count(shop: &Shop, of: &str) -> i64 {
    let sql = format!("select count(*) from {of}");
    let row = shop.platform.database().sql().query_one(&sql, &[]).await;
    row.expect("a count").get(0)
}

/// The rows of a user's cart: the number of lines, the number of additions, and whether the cart is closed.
async fn cart_rows(shop: &Shop, user: &User) -> (i64, i64, bool) {
    const SQL: &str = "
        select (select count(*) from order_service.cart_items where user_id = $1),
               (select count(*) from order_service.cart_additions where user_id = $1),
               exists (select from order_service.carts where user_id = $1 and deleted_at is not null)";
    let row = shop.platform.database().sql().query_one(SQL, &[&user.id]).await;
    let row = row.expect("counts");
    (row.get(0), row.get(1), row.get(2))
}

async fn reconcile(shop: &Shop) -> Value {
    let done = shop.api().reconcile().await;
    done.expect("the reconciler answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn cart_of_a_deleted_user_is_emptied_and_orders_stay() {
    let between = Between::new();
    let chaining = Arc::new(between.clone());
    let shop = Shop::with(|setup| setup.chaining(chaining)).await;
    let (tea, api) = (shop.product("抹茶", 99).await, shop.api());
    let (hana, mina, kei) = (
        create_account(&shop, "hana").await,
        create_account(&shop, "mina").await,
        create_account(&shop, "kei").await,
    );
    let admin = shop.admin().await;
    let outcome = api
        .call_until_answered(&hana, "CreateOrder", &order("first", tea, 2))
        .await;
    let placed = outcome.order().expect("an order");
    for user in [&hana, &mina, &kei] {
        let line = json!({ "productId": tea, "quantity": 3, "requestKey": "added" });
        let outcome = api.call(user, "AddToCart", line).await;
        assert!(
            matches!(outcome, Outcome::Done(_)),
            "every user has a cart: {outcome:?}"
        );
    }
    // Hana deletes her own account, and an admin deletes Mina's.
    delete(&shop, &hana, &hana).await;
    delete(&shop, &admin, &mina).await;

    between.set("user", Fate::Lose(1000));
    let away = reconcile(&shop).await;
    assert_eq!(
        (&away["carts"], &away["problems"], &away["relayed"]),
        (&json!(0), &json!(1), &json!(1)),
        "while the user service does not answer, the reconciler does its other work: {away}"
    );
    assert_eq!(cart_rows(&shop, &hana).await, (1, 1, false), "no event is lost");
    between.set("user", Fate::Pass);

    let (first, second) = tokio::join!(reconcile(&shop), reconcile(&shop));
    let closed = [&first, &second].map(|done| done["carts"].as_u64().expect("a number"));
    assert_eq!(
        closed.iter().sum::<u64>(),
        2,
        "two runs at the same time: {first}, {second}"
    );
    assert_eq!(
        (&first["problems"], &second["problems"]),
        (&json!(0), &json!(0)),
        "{first}, {second}"
    );
    let again = reconcile(&shop).await;
    assert_eq!(again["carts"], 0, "no cart is left to close: {again}");
    for gone in [&hana, &mina] {
        assert_eq!(cart_rows(&shop, gone).await, (0, 0, true));
    }
    assert_eq!(
        count(&shop, "user_service.outbox where acknowledged_at is null").await,
        0
    );

    let Outcome::Done(cart) = api.call(&kei, "GetCart", json!({})).await else {
        panic!("a user who is not deleted has a cart")
    };
    assert_eq!(cart["cart"]["items"][0]["quantity"], 3, "{cart}");
    let Outcome::Done(read) = api.call(&admin, "GetOrder", json!({ "id": placed })).await else {
        panic!("an admin still sees the order")
    };
    assert_eq!(
        (&read["order"]["status"], &read["order"]["userId"]),
        (&json!("ORDER_STATUS_CONFIRMED"), &json!(hana.id)),
        "{read}"
    );
    shop.reconcile_and_check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addition_after_the_deletion_of_a_user_adds_nothing() {
    let gate = Gate::new();
    let chaining = Arc::new(gate.clone());
    // On a busy machine, the calls that the gate holds could reach their time limit.
    let shop = Shop::with_whole_machine(|setup| setup.chaining(chaining)).await;
    let (tea, api) = (shop.product("抹茶", 99).await, shop.api());
    // One user had a cart before, the other did not.
    let (with, without) = (
        create_account(&shop, "hana").await,
        create_account(&shop, "mina").await,
    );
    let line = |key: &str| json!({ "productId": tea, "quantity": 1, "requestKey": key });
    api.call(&with, "AddToCart", line("before")).await;
    // After this call the token's status is cached, so the gate holds only the addition.
    api.call(&without, "GetCart", json!({})).await;
    gate.close(&[Point::before("BatchGetProducts")]);
    let deleting = async {
        gate.holds(2).await;
        delete(&shop, &with, &with).await;
        delete(&shop, &without, &without).await;
        let done = reconcile(&shop).await;
        gate.open();
        done
    };

    let (first, second, done) = tokio::join!(
        api.call(&with, "AddToCart", line("late")),
        api.call(&without, "AddToCart", line("late")),
        deleting
    );

    assert_eq!(
        (&done["carts"], &done["problems"]),
        (&json!(2), &json!(0)),
        "{done}"
    );
    for (user, outcome) in [(&with, first), (&without, second)] {
        assert_eq!(outcome, Outcome::Refused("unauthenticated".into()));
        assert_eq!(cart_rows(&shop, user).await, (0, 0, true), "the cart stays empty");
    }
    shop.reconcile_and_check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_cart_is_deleted_after_a_month() {
    let shop = Shop::start().await;
    let (old, new) = (
        create_account(&shop, "hana").await,
        create_account(&shop, "mina").await,
    );
    delete(&shop, &old, &old).await;
    delete(&shop, &new, &new).await;
    assert_eq!(
        reconcile(&shop).await["carts"],
        2,
        "a user without a cart gets a closed one, too"
    );
    let age = "update order_service.carts set deleted_at = now() - interval '31 days' where user_id = $1";
    let sql = shop.platform.database().sql();
    sql.execute(age, &[&old.id]).await.expect("a month goes by");

    assert_eq!(reconcile(&shop).await["swept"], 1);

    assert_eq!(
        cart_rows(&shop, &new).await,
        (0, 0, true),
        "the other cart was closed less than a month ago"
    );
    assert_eq!(count(&shop, "order_service.carts").await, 1);
}
