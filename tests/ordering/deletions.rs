//! Deleted users: their carts go, whatever comes late or is away meanwhile, and their orders stay.

use std::sync::Arc;

use harness::{Between, Fate, Gate, Point};
use serde_json::{Value, json};

use crate::shop::{Said, Shop, User, order};

/// A user with an account, which can be deleted.
async fn account(shop: &Shop, name: &str) -> User {
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
    let said = shop.counter().ask(by, method, json!({ "id": user.id })).await;
    assert!(matches!(said, Said::Done(_)), "the account is deleted: {said:?}");
}

async fn count(shop: &Shop, of: &str) -> i64 {
    let sql = format!("select count(*) from {of}");
    let row = shop.platform.database().sql().query_one(&sql, &[]).await;
    row.expect("a count").get(0)
}

/// What is kept of a user's cart: lines, additions, and whether it is closed.
async fn kept(shop: &Shop, user: &User) -> (i64, i64, bool) {
    const SQL: &str = "
        select (select count(*) from order_service.cart_items where user_id = $1),
               (select count(*) from order_service.cart_additions where user_id = $1),
               exists (select from order_service.carts where user_id = $1 and deleted_at is not null)";
    let row = shop.platform.database().sql().query_one(SQL, &[&user.id]).await;
    let row = row.expect("counts");
    (row.get(0), row.get(1), row.get(2))
}

async fn reconcile(shop: &Shop) -> Value {
    let done = shop.counter().reconcile().await;
    done.expect("the reconciler answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn cart_of_a_deleted_user_is_emptied_and_orders_stay() {
    let between = Between::new();
    let chaining = Arc::new(between.clone());
    let shop = Shop::with(|setup| setup.chaining(chaining)).await;
    let (tea, counter) = (shop.product("抹茶", 99).await, shop.counter());
    let (hana, mina, kei) = (
        account(&shop, "hana").await,
        account(&shop, "mina").await,
        account(&shop, "kei").await,
    );
    let admin = shop.admin().await;
    let said = counter
        .insist(&hana, "CreateOrder", &order("first", tea, 2))
        .await;
    let placed = said.order().expect("an order");
    for user in [&hana, &mina, &kei] {
        let line = json!({ "productId": tea, "quantity": 3, "requestKey": "added" });
        let said = counter.call(user, "AddToCart", line).await;
        assert!(matches!(said, Said::Done(_)), "every user has a cart: {said:?}");
    }
    // One by herself, the other by an admin.
    delete(&shop, &hana, &hana).await;
    delete(&shop, &admin, &mina).await;

    between.set("user", Fate::Lose(1000));
    let away = reconcile(&shop).await;
    assert_eq!(
        (&away["carts"], &away["problems"], &away["relayed"]),
        (&json!(0), &json!(1), &json!(1)),
        "while the user service is away the rest goes on: {away}"
    );
    assert_eq!(kept(&shop, &hana).await, (1, 1, false), "and nothing is lost");
    between.set("user", Fate::Pass);

    let (first, second) = tokio::join!(reconcile(&shop), reconcile(&shop));
    let closed = [&first, &second].map(|done| done["carts"].as_u64().expect("a number"));
    assert_eq!(closed.iter().sum::<u64>(), 2, "two at once: {first}, {second}");
    assert_eq!(
        (&first["problems"], &second["problems"]),
        (&json!(0), &json!(0)),
        "{first}, {second}"
    );
    let again = reconcile(&shop).await;
    assert_eq!(again["carts"], 0, "and that was all: {again}");
    for gone in [&hana, &mina] {
        assert_eq!(kept(&shop, gone).await, (0, 0, true));
    }
    assert_eq!(
        count(&shop, "user_service.outbox where acknowledged_at is null").await,
        0
    );

    let Said::Done(cart) = counter.call(&kei, "GetCart", json!({})).await else {
        panic!("who is not deleted has a cart")
    };
    assert_eq!(cart["cart"]["items"][0]["quantity"], 3, "{cart}");
    let Said::Done(read) = counter.call(&admin, "GetOrder", json!({ "id": placed })).await else {
        panic!("an admin still sees the order")
    };
    assert_eq!(
        (&read["order"]["status"], &read["order"]["userId"]),
        (&json!("ORDER_STATUS_CONFIRMED"), &json!(hana.id)),
        "{read}"
    );
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addition_after_the_deletion_of_a_user_adds_nothing() {
    let gate = Gate::new();
    let chaining = Arc::new(gate.clone());
    // What is held up must not be given up meanwhile.
    let shop = Shop::alone(|setup| setup.chaining(chaining)).await;
    let (tea, counter) = (shop.product("抹茶", 99).await, shop.counter());
    // One had a cart before, the other none.
    let (with, without) = (account(&shop, "hana").await, account(&shop, "mina").await);
    let line = |key: &str| json!({ "productId": tea, "quantity": 1, "requestKey": key });
    counter.call(&with, "AddToCart", line("before")).await;
    // A token that was seen is not looked up again: what is held up is the addition alone.
    counter.call(&without, "GetCart", json!({})).await;
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
        counter.call(&with, "AddToCart", line("late")),
        counter.call(&without, "AddToCart", line("late")),
        deleting
    );

    assert_eq!(
        (&done["carts"], &done["problems"]),
        (&json!(2), &json!(0)),
        "{done}"
    );
    for (user, said) in [(&with, first), (&without, second)] {
        assert_eq!(said, Said::Refused("unauthenticated".into()));
        assert_eq!(kept(&shop, user).await, (0, 0, true), "nothing comes back");
    }
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_cart_is_deleted_after_a_month() {
    let shop = Shop::start().await;
    let (old, new) = (account(&shop, "hana").await, account(&shop, "mina").await);
    delete(&shop, &old, &old).await;
    delete(&shop, &new, &new).await;
    assert_eq!(reconcile(&shop).await["carts"], 2, "also of who had none");
    let age = "update order_service.carts set deleted_at = now() - interval '31 days' where user_id = $1";
    let sql = shop.platform.database().sql();
    sql.execute(age, &[&old.id]).await.expect("a month goes by");

    assert_eq!(reconcile(&shop).await["swept"], 1);

    assert_eq!(
        kept(&shop, &new).await,
        (0, 0, true),
        "the other one is not old enough"
    );
    assert_eq!(count(&shop, "order_service.carts").await, 1);
}
