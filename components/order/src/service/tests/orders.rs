//! Orders after they were placed: read, listed, cancelled, and told of.

use std::time::Duration;

use kernel::{Caller, OrderId};

use super::{
    Stock, TestShop, admin,
    memory::{Accounts, Told},
    new_user, of_cart, run, shop,
    stock::Fault::{Late, Lost, Twice, Unheard},
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

fn reconcile(shop: &TestShop, told: &Told) -> Reconciled {
    run(shop.reconcile(Stages {
        pending_for: Duration::ZERO,
        events: told,
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
        "and nothing changed"
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
    for trouble in [None, Some(Lost), Some(Unheard), Some(Twice), Some(Late)] {
        let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
        let order = buy(&shop, &caller, "k", 2);
        shop.product.will(&[trouble]);
        let id = order.id.to_string();
        let (cancelled, left) = run(shop.cancel_order(&caller, &id)).unwrap();
        assert_eq!(cancelled.status, Status::Cancelled, "{trouble:?}");
        let failed = left.is_some();
        let told = Told::default();
        let done = reconcile(&shop, &told);
        assert_eq!(done.restocked, u64::from(failed), "{trouble:?}: {done:?}");
        shop.product.arrive();
        run(shop.cancel_order(&caller, &id)).unwrap();
        let level = shop.product.level(0);
        assert_eq!((level.quantity, level.reserved), (5, 0), "{trouble:?}");
        assert!(!shop.store.row(order.id).restock_due, "{trouble:?}");
    }
}

#[test]
fn cancellation_whose_answer_was_lost_can_be_repeated() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    let id = buy(&shop, &caller, "k", 2).id.to_string();
    shop.store.unheard.set(1);
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
    shop.product.will(&[Some(Lost)]);
    assert!(run(shop.create_order(&caller, request)).is_err());
    let id = shop.store.orders.borrow()[0].order.id;
    let pending = run(shop.cancel_order(&caller, &id.to_string()));
    assert!(matches!(pending, Err(Error::StillPending)), "got {pending:?}");
    reconcile(&shop, &Told::default());
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
    let told = Told::default();
    let order = buy(&shop, &caller, "k", 2);
    buy(&shop, &caller, "k2", 2);
    run(shop.cancel_order(&caller, &order.id.to_string())).unwrap();
    told.unanswered.set(1);
    let first = reconcile(&shop, &told);
    assert_eq!(
        (first.relayed, first.problems.len()),
        (0, 1),
        "the stream did not answer"
    );
    assert_eq!(
        reconcile(&shop, &told).relayed,
        3,
        "all that was not answered is told again"
    );
    let events = told.events.borrow();
    let of_it: Vec<_> = events.iter().filter(|event| event.order == order.id).collect();
    assert_eq!(
        of_it.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["order.confirmed", "order.cancelled"]
    );
    drop(events);
    assert_eq!(reconcile(&shop, &told), Reconciled::default(), "and that was all");
}

#[test]
fn reconciler_stops_when_the_stock_does_not_answer() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 99)])), new_user());
    let ids: Vec<_> = (0..5)
        .map(|n| buy(&shop, &caller, &format!("k{n}"), 1).id.to_string())
        .collect();
    shop.product.will(&[Some(Lost); 5]);
    for id in &ids {
        run(shop.cancel_order(&caller, id)).unwrap();
    }
    shop.product.will(&[Some(Lost); 3]);
    let calls = shop.product.calls.get();
    let done = reconcile(&shop, &Told::default());
    assert_eq!(
        shop.product.calls.get() - calls,
        3,
        "not asked once for each order"
    );
    assert_eq!((done.restocked, done.problems.len()), (0, 3));
    assert_eq!(done.relayed, 10, "what does not need the stock goes on");
    assert_eq!(reconcile(&shop, &Told::default()).restocked, 5);
}
