//! Reading, listing and cancelling orders, and relaying their events.

use std::time::Duration;

use kernel::{Caller, OrderId};

use super::{
    Stock, TestShop, admin,
    memory::{Accounts, EventStream},
    new_user, of_cart, run, shop,
    stock::Fault::{AnswerLost, Late, Repeated, RequestLost},
};
use crate::{
    domain::{Order, Status},
    service::{CreateOrder, Error, ListOrders, Reconciled, Stages},
};

fn buy(shop: &TestShop, caller: &Caller, key: &str, pieces: i32) -> Order {
    let product = shop.product.id(0).to_string();
    let request = CreateOrder {
        items: &[(&product, pieces)],
        ..of_cart(key)
    };
    run(shop.create_order(caller, request)).unwrap()
}

fn reconcile(shop: &TestShop, stream: &EventStream) -> Reconciled {
    run(shop.reconcile(Stages {
        pending_for: Duration::ZERO,
        events: stream,
        users: &Accounts::default(),
    }))
}

fn list(shop: &TestShop, caller: &Caller, token: &str, status: Option<Status>) -> (Vec<OrderId>, String) {
    let request = ListOrders {
        page_size: 2,
        page_token: token,
        status,
    };
    let page = run(shop.list_orders(caller, request)).unwrap();
    let ids = page.items.iter().map(|order| order.id).collect();
    (ids, page.next.map(|next| next.encode()).unwrap_or_default())
}

#[test]
fn only_its_user_and_admins_read_an_order() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    let order = buy(&shop, &caller, "k", 1);
    let id = order.id.to_string();
    for allowed in [&caller, &admin()] {
        assert_eq!(run(shop.get_order(allowed, &id)).unwrap(), order);
    }
    let (_, another) = new_user();
    let read = run(shop.get_order(&another, &id));
    assert!(matches!(read, Err(Error::NotFound)), "got {read:?}");
    let cancelled = run(shop.cancel_order(&another, &id));
    assert!(matches!(cancelled, Err(Error::NotFound)), "got {cancelled:?}");
    assert_eq!(
        shop.store.order(order.id).status,
        Status::Confirmed,
        "the order is unchanged"
    );
    assert_eq!(run(shop.newer_order(&another, order.id, 0)).unwrap(), None);
    let anonymous = run(shop.get_order(&Caller::Anonymous, &id));
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "got {anonymous:?}"
    );
    let malformed = run(shop.get_order(&caller, "42"));
    assert!(matches!(malformed, Err(Error::Invalid(_))), "got {malformed:?}");
}

#[test]
fn users_list_their_own_orders_and_a_token_belongs_to_one_list() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 99)])), new_user());
    let (_, another) = new_user();
    let mine: Vec<_> = (0..3)
        .map(|n| buy(&shop, &caller, &format!("k{n}"), 1).id)
        .collect();
    let theirs = buy(&shop, &another, "k", 1).id;
    let (first, token) = list(&shop, &caller, "", None);
    assert_eq!(first, [mine[2], mine[1]], "newest first");
    assert_eq!(list(&shop, &caller, &token, None), (vec![mine[0]], String::new()));
    for (caller, status) in [
        (&another, None),
        (&admin(), None),
        (&caller, Some(Status::Confirmed)),
    ] {
        let request = ListOrders {
            page_size: 2,
            page_token: &token,
            status,
        };
        let refused = run(shop.list_orders(caller, request));
        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{caller:?}, {status:?}: {refused:?}"
        );
    }
    assert_eq!(list(&shop, &admin(), "", None).0, [theirs, mine[2]]);
    run(shop.cancel_order(&caller, &mine[1].to_string())).unwrap();
    assert_eq!(list(&shop, &caller, "", Some(Status::Cancelled)).0, [mine[1]]);
}

#[test]
fn cancelling_returns_the_stock_once() {
    for fault in [
        None,
        Some(RequestLost),
        Some(AnswerLost),
        Some(Repeated),
        Some(Late),
    ] {
        let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
        let order = buy(&shop, &caller, "k", 2);
        shop.product.set_faults(&[fault]);
        let id = order.id.to_string();
        let (cancelled, left) = run(shop.cancel_order(&caller, &id)).unwrap();
        assert_eq!(cancelled.status, Status::Cancelled, "{fault:?}");
        let failed = left.is_some();
        let stream = EventStream::default();
        let done = reconcile(&shop, &stream);
        assert_eq!(done.restocked, u64::from(failed), "{fault:?}: {done:?}");
        shop.product.deliver_late_calls();
        run(shop.cancel_order(&caller, &id)).unwrap();
        let level = shop.product.level(0);
        assert_eq!((level.quantity, level.reserved), (5, 0), "{fault:?}");
        assert!(!shop.store.row(order.id).restock_due, "{fault:?}");
    }
}

#[test]
fn cancellation_whose_answer_was_lost_can_be_repeated() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    let id = buy(&shop, &caller, "k", 2).id.to_string();
    shop.store.lost_answers.set(1);
    assert!(run(shop.cancel_order(&caller, &id)).is_err());
    run(shop.cancel_order(&caller, &id)).unwrap();
    assert_eq!(shop.product.level(0).quantity, 5);
}

#[test]
fn only_confirmed_orders_can_be_cancelled() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    let product = shop.product.id(0).to_string();
    let items = [(product.as_str(), 2)];
    let request = CreateOrder {
        items: &items,
        ..of_cart("k")
    };
    shop.product.set_faults(&[Some(RequestLost)]);
    assert!(run(shop.create_order(&caller, request)).is_err());
    let id = shop.store.orders.borrow()[0].order.id;
    let pending = run(shop.cancel_order(&caller, &id.to_string()));
    assert!(matches!(pending, Err(Error::StillPending)), "got {pending:?}");
    reconcile(&shop, &EventStream::default());
    let rejected = run(shop.cancel_order(&caller, &id.to_string()));
    assert!(
        matches!(rejected, Err(Error::NothingToCancel)),
        "got {rejected:?}"
    );
}

#[test]
fn each_version_of_an_order_is_seen_once() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    let order = buy(&shop, &caller, "k", 2);
    assert_eq!(
        run(shop.newer_order(&caller, order.id, order.version)).unwrap(),
        None
    );
    run(shop.cancel_order(&caller, &order.id.to_string())).unwrap();
    let newer = run(shop.newer_order(&caller, order.id, order.version))
        .unwrap()
        .unwrap();
    assert_eq!(newer.status, Status::Cancelled);
    assert_eq!(
        run(shop.newer_order(&caller, order.id, newer.version)).unwrap(),
        None
    );
}

#[test]
fn events_are_relayed_in_order_at_least_once() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 99)])), new_user());
    let stream = EventStream::default();
    let order = buy(&shop, &caller, "k", 2);
    buy(&shop, &caller, "k2", 2);
    run(shop.cancel_order(&caller, &order.id.to_string())).unwrap();
    stream.unanswered.set(1);
    let first = reconcile(&shop, &stream);
    assert_eq!(
        (first.relayed, first.problems.len()),
        (0, 1),
        "the stream did not answer"
    );
    assert_eq!(
        reconcile(&shop, &stream).relayed,
        3,
        "the events without an answer are appended again"
    );
    let events = stream.events.borrow();
    let of_it: Vec<_> = events.iter().filter(|event| event.order == order.id).collect();
    assert_eq!(
        of_it.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["order.confirmed", "order.cancelled"]
    );
    drop(events);
    assert_eq!(
        reconcile(&shop, &stream),
        Reconciled::default(),
        "nothing is left to do"
    );
}

#[test]
fn reconciler_stops_when_the_stock_does_not_answer() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 99)])), new_user());
    let ids: Vec<_> = (0..5)
        .map(|n| buy(&shop, &caller, &format!("k{n}"), 1).id.to_string())
        .collect();
    shop.product.set_faults(&[Some(RequestLost); 5]);
    for id in &ids {
        run(shop.cancel_order(&caller, id)).unwrap();
    }
    shop.product.set_faults(&[Some(RequestLost); 3]);
    let calls = shop.product.calls.get();
    let done = reconcile(&shop, &EventStream::default());
    assert_eq!(
        shop.product.calls.get() - calls,
        3,
        "the reconciler does not call the stock once for each order"
    );
    assert_eq!((done.restocked, done.problems.len()), (0, 3));
    assert_eq!(done.relayed, 10, "stages without the stock still run");
    assert_eq!(reconcile(&shop, &EventStream::default()).restocked, 5);
}
