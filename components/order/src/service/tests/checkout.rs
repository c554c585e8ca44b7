use kernel::{Caller, MoneyInput, OrderId, UserId};

use super::{
    ADDRESS, Stock, TestShop,
    memory::{Accounts, EventStream},
    new_user, of_cart, run, shop,
    stock::Fault::{self, AnswerLost, Late, Repeated, RequestLost},
};
use crate::{
    domain::{NoTotal, Order, Status},
    service::{
        AddToCart, CreateOrder, Error, Outcome, Reconciled, Stages,
        checkout::{Rejection, Step},
    },
};

/// A shop with five pieces at 100 yen, and a user with two of them in the cart.
fn begin() -> (TestShop, UserId, Caller) {
    let (shop, (id, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    fill(&shop, &caller, 0, 2);
    (shop, id, caller)
}

fn fill(shop: &TestShop, caller: &Caller, index: usize, quantity: i32) {
    let product = shop.product.id(index).to_string();
    let request = AddToCart {
        product: &product,
        quantity,
        request_key: None,
    };
    run(shop.add_to_cart(caller, request)).unwrap();
}

fn buy(shop: &TestShop, caller: &Caller, key: &str) -> Result<Order, Error> {
    run(shop.create_order(caller, of_cart(key)))
}

fn reconcile(shop: &TestShop) -> Reconciled {
    let stream = EventStream::default();
    let stages = Stages {
        pending_for: std::time::Duration::ZERO,
        events: &stream,
        users: &Accounts::default(),
    };
    run(shop.reconcile(stages))
}

fn only_order(shop: &TestShop) -> OrderId {
    let orders = shop.store.orders.borrow();
    assert_eq!(orders.len(), 1, "there is one order");
    orders[0].order.id
}

/// The number of pieces in stock, and how many of them are reserved.
fn levels(shop: &TestShop) -> (u32, u32) {
    let level = shop.product.level(0);
    (level.quantity, level.reserved)
}

#[test]
fn order_takes_its_items_from_stock_and_cart() {
    let (shop, id, caller) = begin();
    let order = buy(&shop, &caller, "k").unwrap();
    assert_eq!((order.status, order.user), (Status::Confirmed, id));
    assert_eq!(order.total.amount(), "200");
    assert_eq!(levels(&shop), (3, 0));
    assert_eq!(
        run(shop.get_cart(&caller)).unwrap().items,
        [],
        "what was ordered is out of the cart"
    );
}

#[test]
fn lines_added_during_checkout_stay_in_the_cart() {
    let (shop, _, caller) = begin();
    shop.product.set_faults(&[None, Some(RequestLost)]);
    assert!(buy(&shop, &caller, "k").is_err());
    fill(&shop, &caller, 0, 1);
    assert_eq!(buy(&shop, &caller, "k").unwrap().status, Status::Confirmed);
    let cart = run(shop.get_cart(&caller)).unwrap();
    assert_eq!(cart.items[0].quantity.get(), 1, "two of three were ordered");
}

#[test]
fn repeat_returns_the_same_order_and_changes_nothing() {
    let (shop, _, caller) = begin();
    let order = buy(&shop, &caller, "k").unwrap();
    let calls = shop.product.calls.get();
    assert_eq!(buy(&shop, &caller, "k").unwrap(), order);
    assert_eq!(shop.product.calls.get(), calls, "the stock was not called again");
    run(shop.cancel_order(&caller, &order.id.to_string())).unwrap();
    assert_eq!(buy(&shop, &caller, "k").unwrap().status, Status::Cancelled);
}

#[test]
fn key_belongs_to_one_request() {
    let (shop, _, caller) = begin();
    buy(&shop, &caller, "k").unwrap();
    let product = shop.product.id(0).to_string();
    let mut elsewhere = of_cart("k");
    elsewhere.address.city = "大阪市";
    let others = [
        elsewhere,
        CreateOrder {
            items: &[(&product, 2)],
            ..of_cart("k")
        },
        CreateOrder {
            expected_total: Some(MoneyInput::new("200", "JPY")),
            ..of_cart("k")
        },
    ];
    for other in others {
        let answer = run(shop.create_order(&caller, other));
        assert!(matches!(answer, Err(Error::Invalid(_))), "got {answer:?}");
    }
    assert_eq!(levels(&shop), (3, 0), "no other order was placed");
}

#[test]
fn equal_keys_of_two_users_are_two_keys() {
    let (shop, _, caller) = begin();
    let (_, another) = new_user();
    fill(&shop, &another, 0, 1);
    let (a, b) = (
        buy(&shop, &caller, "k").unwrap(),
        buy(&shop, &another, "k").unwrap(),
    );
    assert_ne!((a.id, a.user), (b.id, b.user));
}

#[test]
fn shortage_rejects_the_order_and_reserves_nothing() {
    let (shop, _, caller) = begin();
    fill(&shop, &caller, 0, 4);
    for attempt in 1..=2 {
        let Err(Error::Short(short)) = buy(&shop, &caller, "k") else {
            panic!("attempt {attempt}: six of five are too many");
        };
        assert_eq!((short[0].requested, short[0].available), (6, 5));
    }
    assert_eq!(levels(&shop), (5, 0));
    assert_eq!(
        run(shop.get_cart(&caller)).unwrap().items.len(),
        1,
        "the cart stays"
    );
    let product = shop.product.id(0).to_string();
    run(shop.update_cart_item(&caller, &product, 5)).unwrap();
    assert_eq!(buy(&shop, &caller, "k2").unwrap().status, Status::Confirmed);
}

#[test]
fn cart_is_bought_once_with_several_keys() {
    let (shop, _, caller) = begin();
    shop.product.set_faults(&[None, Some(AnswerLost)]);
    assert!(matches!(buy(&shop, &caller, "a"), Err(Error::Unfinished(_))));
    let second = buy(&shop, &caller, "b");
    assert!(matches!(second, Err(Error::CartTaken)), "got {second:?}");
    fill(&shop, &caller, 0, 1);
    let third = buy(&shop, &caller, "c");
    assert!(
        matches!(third, Err(Error::CartTaken)),
        "its lines are still those of the first order, but the answer was {third:?}"
    );
    assert_eq!(buy(&shop, &caller, "a").unwrap().status, Status::Confirmed);
    assert_eq!(buy(&shop, &caller, "d").unwrap().items[0].quantity.get(), 1);
}

#[test]
fn cart_that_changes_during_checkout_is_read_again() {
    let (shop, id, caller) = begin();
    let product = shop.product.id(0);
    shop.store.meanwhile.replace(Some(Box::new(move |store| {
        store.cart_change(id, |lines| {
            for kept in lines.iter_mut().filter(|kept| kept.line.product == product) {
                kept.line.quantity = 3.try_into().unwrap();
            }
        });
    })));
    let order = buy(&shop, &caller, "k").unwrap();
    assert_eq!(
        order.items[0].quantity.get(),
        3,
        "the cart as it was when it was bought"
    );
}

#[test]
fn order_whose_insertion_had_no_answer_is_found_by_its_key() {
    let (shop, _, caller) = begin();
    shop.store.lost_answers.set(1);
    assert!(matches!(buy(&shop, &caller, "k"), Err(Error::Store(_))));
    assert_eq!(buy(&shop, &caller, "k").unwrap().id, only_order(&shop));
    assert_eq!(levels(&shop), (3, 0));
}

#[test]
fn order_with_another_total_than_expected_is_refused() {
    let (shop, _, caller) = begin();
    let expecting = |key, total: (&'static str, &'static str)| CreateOrder {
        expected_total: Some(MoneyInput::new(total.0, total.1)),
        ..of_cart(key)
    };
    for (key, total) in [("a", ("199", "JPY")), ("b", ("200", "USD"))] {
        let other = run(shop.create_order(&caller, expecting(key, total)));
        let Err(Error::TotalChanged { actual, .. }) = other else {
            panic!("{total:?} is not the total, but the answer was {other:?}");
        };
        assert_eq!(actual.amount(), "200");
    }
    let same = run(shop.create_order(&caller, expecting("c", ("200", "JPY"))));
    assert_eq!(same.unwrap().status, Status::Confirmed);
}

#[test]
fn items_without_a_total_cannot_be_ordered() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("99999999", 9)])), new_user());
    shop.product.add_product("1", "USD", 9);
    fill(&shop, &caller, 0, 2);
    let large = buy(&shop, &caller, "k");
    assert!(
        matches!(large, Err(Error::NoTotal(NoTotal::TooLarge))),
        "got {large:?}"
    );
    fill(&shop, &caller, 1, 1);
    let product = shop.product.id(0).to_string();
    run(shop.update_cart_item(&caller, &product, 1)).unwrap();
    let mixed = buy(&shop, &caller, "k");
    assert!(
        matches!(mixed, Err(Error::NoTotal(NoTotal::Currencies))),
        "got {mixed:?}"
    );
    assert_eq!(shop.store.orders.borrow().len(), 0, "no order was inserted");
}

#[test]
fn order_of_named_items_leaves_the_cart_unchanged() {
    let (shop, _, caller) = begin();
    let product = shop.product.id(0).to_string();
    let request = CreateOrder {
        items: &[(&product, 3)],
        ..of_cart("k")
    };
    let order = run(shop.create_order(&caller, request)).unwrap();
    assert_eq!(order.items[0].quantity.get(), 3);
    assert_eq!(run(shop.get_cart(&caller)).unwrap().items[0].quantity.get(), 2);
}

#[test]
fn deleted_and_unknown_products_cannot_be_ordered() {
    let (shop, _, caller) = begin();
    shop.product.products.borrow_mut().clear();
    let Err(Error::Short(short)) = buy(&shop, &caller, "k") else {
        panic!("a deleted product must be reported as a shortage");
    };
    assert_eq!(short[0].available, 0);
    let empty = buy(&shop, &new_user().1, "k");
    assert!(matches!(empty, Err(Error::NothingToOrder)), "got {empty:?}");
}

#[test]
fn all_invalid_fields_of_an_order_are_named_at_once() {
    let (shop, _, caller) = begin();
    let fields = |request| match run(shop.create_order(&caller, request)) {
        Err(Error::Invalid(violations)) => violations.iter().map(|v| v.field.to_string()).collect::<Vec<_>>(),
        other => panic!("it must be invalid, but was {other:?}"),
    };
    let wrong = CreateOrder {
        idempotency_key: "k",
        address: crate::domain::AddressInput {
            country: "Japan",
            ..ADDRESS
        },
        items: &[("42", 0)],
        expected_total: Some(MoneyInput::new("-1", "JPY")),
    };
    assert_eq!(
        fields(wrong),
        [
            "shippingAddress.country",
            "items[0].productId",
            "items[0].quantity",
            "expectedTotal.amount"
        ]
    );
    assert_eq!(fields(of_cart("")), ["idempotencyKey"]);
    let product = shop.product.id(0).to_string();
    let twice = CreateOrder {
        items: &[(&product, 1), (&product, 1)],
        ..of_cart("k")
    };
    assert_eq!(fields(twice), ["items[1].productId"]);
    let several = CreateOrder {
        items: &[("42", 1), (&product, 0), (&product, 1), (&product, 1000)],
        ..of_cart("k")
    };
    assert_eq!(
        fields(several),
        [
            "items[0].productId",
            "items[1].quantity",
            "items[2].productId",
            "items[3].quantity",
            "items[3].productId"
        ],
        "all items are checked, also for repeats"
    );
    let many = vec![(product.as_str(), 1); 101];
    let many = CreateOrder {
        items: &many,
        ..of_cart("k")
    };
    assert_eq!(fields(many), ["items"]);
    let anonymous = run(shop.create_order(&Caller::Anonymous, of_cart("k")));
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "got {anonymous:?}"
    );
}

/// One of two calls has a fault, once for each kind of fault. Then a repeat or the reconciler completes the order.
fn fault_pairs() -> Vec<[Option<Fault>; 2]> {
    let faults = [RequestLost, AnswerLost, Repeated, Late].map(Some);
    let first = faults.map(|fault| [fault, None]);
    let second = faults.map(|fault| [None, fault]);
    first.into_iter().chain(second).collect()
}

#[test]
fn repeat_finishes_an_interrupted_order() {
    for faults in fault_pairs() {
        let (shop, _, caller) = begin();
        shop.product.set_faults(&faults);
        let first = buy(&shop, &caller, "k");
        let known = faults.iter().flatten().all(|fault| *fault == Repeated);
        assert_eq!(first.is_ok(), known, "{faults:?}: {first:?}");
        let order = buy(&shop, &caller, "k").unwrap_or_else(|error| panic!("{faults:?}: {error}"));
        shop.product.deliver_late_calls();
        assert_eq!(order.status, Status::Confirmed, "{faults:?}");
        assert_eq!(levels(&shop), (3, 0), "{faults:?}: taken once");
    }
}

#[test]
fn reconciler_completes_orders_that_are_not_repeated() {
    for faults in fault_pairs() {
        let (shop, _, caller) = begin();
        shop.product.set_faults(&faults);
        let _ = buy(&shop, &caller, "k");
        reconcile(&shop);
        shop.product.deliver_late_calls();
        let order = shop.store.order(only_order(&shop));
        let outcome = shop.product.outcome(order.id);
        match order.status {
            Status::Confirmed => assert_eq!(
                (outcome, levels(&shop)),
                (Some(Outcome::Committed), (3, 0)),
                "{faults:?}"
            ),
            Status::Rejected => assert_eq!(
                (outcome, levels(&shop)),
                (Some(Outcome::Released), (5, 0)),
                "{faults:?}: a late call is refused, because the reservation is closed"
            ),
            open => panic!("{faults:?}: still {open:?}"),
        }
        let again = buy(&shop, &caller, "k");
        assert_eq!(
            again.is_ok(),
            order.status == Status::Confirmed,
            "{faults:?}: {again:?}"
        );
    }
}

#[test]
fn expired_reservation_rejects_the_order() {
    let (shop, _, caller) = begin();
    shop.product.set_faults(&[None, Some(RequestLost)]);
    assert!(buy(&shop, &caller, "k").is_err());
    shop.product.expire();
    let late = buy(&shop, &caller, "k");
    assert!(matches!(late, Err(Error::Rejected(_))), "got {late:?}");
    assert_eq!(levels(&shop), (5, 0));
}

#[test]
fn order_with_committed_stock_is_confirmed_and_not_rejected() {
    let (shop, _, caller) = begin();
    shop.product.set_faults(&[None, Some(AnswerLost)]);
    assert!(buy(&shop, &caller, "k").is_err());
    let id = only_order(&shop);
    let order = run(shop.run(id, Step::Release(Rejection::too_late())))
        .unwrap()
        .unwrap();
    assert_eq!(order.status, Status::Confirmed, "release returned: committed");
}

#[test]
fn order_is_rejected_only_after_its_release() {
    let (shop, _, caller) = begin();
    fill(&shop, &caller, 0, 9);
    shop.product.set_faults(&[None, Some(AnswerLost)]);
    let unknown = buy(&shop, &caller, "k");
    assert!(matches!(unknown, Err(Error::Unfinished(_))), "got {unknown:?}");
    assert_eq!(shop.store.order(only_order(&shop)).status, Status::Pending);
    assert_eq!(reconcile(&shop).closed, 1);
    assert_eq!(shop.store.order(only_order(&shop)).status, Status::Rejected);
}

#[test]
fn two_hundred_requests_with_one_key_are_one_order() {
    for seed in 1..20 {
        let (shop, _, caller) = begin();
        shop.product.random_state.set(seed * 7919);
        shop.product.set_faults(&vec![None; 1000]);
        let all = (0..200).map(|_| shop.create_order(&caller, of_cart("k")));
        let answers = run(futures::future::join_all(all));
        let first = answers[0].as_ref().unwrap();
        for answer in &answers {
            assert_eq!(answer.as_ref().unwrap(), first, "seed {seed}");
        }
        assert_eq!(first.id, only_order(&shop));
        assert_eq!(levels(&shop), (3, 0), "seed {seed}");
    }
}

#[test]
fn fifty_keys_for_one_cart_are_one_order() {
    for seed in 1..20 {
        let (shop, _, caller) = begin();
        shop.product.random_state.set(seed * 104_729);
        shop.product.set_faults(&vec![None; 1000]);
        let keys: Vec<_> = (0..50).map(|n| format!("k{n}")).collect();
        let all = keys.iter().map(|key| shop.create_order(&caller, of_cart(key)));
        let answers = run(futures::future::join_all(all));
        let bought = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(bought, 1, "seed {seed}");
        let refused =
            |answer: &&Result<Order, Error>| matches!(answer, Err(Error::CartTaken | Error::NothingToOrder));
        assert_eq!(answers.iter().filter(refused).count(), 49, "seed {seed}");
        assert_eq!(levels(&shop), (3, 0), "seed {seed}");
    }
}
