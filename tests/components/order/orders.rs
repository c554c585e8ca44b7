//! Reading, listing, watching and cancelling orders.

use super::*;

fn ids(page: &OrderPage) -> Vec<&str> {
    page.orders.iter().map(|order| order.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn order_has_the_values_of_its_rows() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;

    for reader in [user(owner), admin()] {
        let order = service.get(reader, &id).await.expect("its user and admins may");
        assert_eq!(
            (order.id.as_str(), order.user_id),
            (id.as_str(), owner.to_string())
        );
        assert_eq!(order.status, OrderStatus::Confirmed);
        assert_eq!(order.total_amount.amount, "3960", "the total must be exact");
        assert_eq!(
            (
                order.shipping_address.name.as_str(),
                order.shipping_address.line1.as_str()
            ),
            ("山田 花", "寺町通")
        );
        let [item] = order.items.as_slice() else {
            panic!("one line was ordered, but there are {:?}", order.items)
        };
        assert_eq!((item.name.as_str(), item.quantity), ("抹茶", 2));
        assert_eq!(item.unit_price.amount, "1980");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_sends_each_state_until_the_last() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "pending").await;

    let changes = ["status = 'confirmed'", "status = 'cancelled'"];
    let seen = service.watch(user(owner), &id, &changes).await;

    let seen: Vec<_> = seen
        .expect("its user may")
        .iter()
        .map(|order| order.status)
        .collect();
    assert_eq!(
        seen,
        [
            OrderStatus::Pending,
            OrderStatus::Confirmed,
            OrderStatus::Cancelled
        ],
        "each state is sent, and no message follows the last"
    );
    let over = service.watch(admin(), &id, &[]).await.expect("an admin may");
    assert_eq!(over.len(), 1, "an order that is over has one state: {over:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_another_user_is_not_found() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    let id = service.place(owner, "confirmed").await;

    let read = service.get(user(another), &id).await;
    assert!(matches!(read, Err(Error::NotFound)), "read: {read:?}");
    let watched = service.watch(user(another), &id, &[]).await;
    assert!(matches!(watched, Err(Error::NotFound)), "watched: {watched:?}");
    let cancelled = service.cancel(user(another), &id).await;
    assert!(
        matches!(cancelled, Err(Error::NotFound)),
        "cancelled: {cancelled:?}"
    );
    let anonymous = service.get(Caller::Anonymous, &id).await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller: {anonymous:?}"
    );
    assert_eq!(
        service
            .count("orders where status = 'confirmed' and version = 1")
            .await,
        1,
        "and nothing has changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn list_has_the_callers_own_orders_newest_first() {
    let mut service = Service::start().await;
    let (owner, another) = (Uuid::now_v7(), Uuid::now_v7());
    let mut mine = Vec::new();
    for status in ["confirmed", "rejected", "confirmed"] {
        mine.push(service.place(owner, status).await);
    }
    let theirs = service.place(another, "pending").await;

    let first = service.list(user(owner), "", None).await.expect("a page");
    assert_eq!(ids(&first), [mine[2].as_str(), mine[1].as_str()]);
    let second = service
        .list(user(owner), &first.next_page_token, None)
        .await
        .expect("a page");
    assert_eq!(
        (ids(&second), second.next_page_token.as_str()),
        (vec![mine[0].as_str()], "")
    );
    for (caller, status) in [(another, None), (owner, Some(OrderStatus::Confirmed))] {
        let other = service.list(user(caller), &first.next_page_token, status).await;
        assert!(
            matches!(other, Err(Error::InvalidArgument(_))),
            "a page token is valid for one list of one user, but: {other:?}"
        );
    }
    let confirmed = service
        .list(user(owner), "", Some(OrderStatus::Confirmed))
        .await
        .expect("a page");
    assert_eq!(ids(&confirmed), [mine[2].as_str(), mine[0].as_str()]);
    let all = service.list(admin(), "", None).await.expect("a page");
    assert_eq!(
        ids(&all),
        [theirs.as_str(), mine[2].as_str()],
        "admins see the orders of all users"
    );
    let pending = service
        .list(admin(), "", Some(OrderStatus::Pending))
        .await
        .expect("a page");
    assert_eq!(ids(&pending), [theirs.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_stands_although_the_stock_cannot_be_returned() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;

    for attempt in 1..=2 {
        let order = service.cancel(user(owner), &id).await;
        let order = order.unwrap_or_else(|error| panic!("attempt {attempt}: {error:?}"));
        assert_eq!(order.status, OrderStatus::Cancelled, "attempt {attempt}");
    }

    assert_eq!(
        service.count("orders where restock_due and version = 2").await,
        1,
        "its stock is due, and it was cancelled once"
    );
    assert_eq!(
        service
            .count("outbox where kind = 'order.cancelled' and order_version = 2")
            .await,
        1,
        "there is one event"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_confirmed_orders_can_be_cancelled() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    for status in ["pending", "rejected"] {
        let id = service.place(owner, status).await;
        let refused = service.cancel(user(owner), &id).await;
        assert!(
            matches!(refused, Err(Error::FailedPrecondition)),
            "{status}: {refused:?}"
        );
    }
    assert_eq!(service.count("outbox").await, 0, "and there is no event");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_concurrent_cancellations_are_one() {
    let mut service = Service::start().await;
    let owner = Uuid::now_v7();
    let id = service.place(owner, "confirmed").await;
    let orders = service.component.akinai_commerce_orders();
    let answers = service
        .store
        .run_concurrent(async |accessor| {
            join_all((0..16).map(|_| orders.call_cancel_order(accessor, user(owner), id.clone()))).await
        })
        .await
        .expect("the component does not trap");
    for answer in answers {
        let order = answer
            .expect("the component does not trap")
            .expect("it is cancelled");
        assert_eq!(order.status, OrderStatus::Cancelled);
    }
    assert_eq!(service.count("outbox").await, 1);
}
