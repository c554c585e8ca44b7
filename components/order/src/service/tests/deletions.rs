//! Deleted users: their carts are emptied, even after failures, and their orders are kept.

use std::time::Duration;

use kernel::{Caller, UserId};

use super::{
    Stock, TestShop, admin,
    memory::{Accounts, EventStream},
    new_user, of_cart, run, shop,
};
use crate::service::{AddToCart, Error, Reconciled, Stages};

fn reconcile(shop: &TestShop, users: &Accounts) -> Reconciled {
    run(shop.reconcile(Stages {
        pending_for: Duration::ZERO,
        events: &EventStream::default(),
        users,
    }))
}

fn add(shop: &TestShop, caller: &Caller, key: Option<&str>) -> Result<(), Error> {
    let product = shop.product.id(0).to_string();
    let request = AddToCart {
        product: &product,
        quantity: 2,
        request_key: key,
    };
    run(shop.add_to_cart(caller, request)).map(drop)
}

/// The number of lines in a cart, also in a closed one.
fn lines(shop: &TestShop, user: UserId) -> usize {
    shop.store
        .carts
        .borrow()
        .get(&user)
        .map_or(0, |cart| cart.lines.len())
}

#[test]
fn cart_of_a_deleted_user_is_emptied_and_orders_stay() {
    let (shop, users) = (shop(Stock::of(&[("100", 9)])), Accounts::default());
    let ((gone, theirs), (other, another)) = (new_user(), new_user());
    add(&shop, &theirs, None).unwrap();
    let order = run(shop.create_order(&theirs, of_cart("k"))).unwrap();
    add(&shop, &theirs, Some("a")).unwrap();
    add(&shop, &another, None).unwrap();
    users.delete(gone);

    let done = reconcile(&shop, &users);

    assert_eq!((done.carts, done.problems.len()), (1, 0), "{done:?}");
    assert_eq!((lines(&shop, gone), lines(&shop, other)), (0, 1));
    assert_eq!(*users.deleted.borrow(), [], "the deletion is acknowledged");
    let kept = run(shop.get_order(&admin(), &order.id.to_string()));
    assert_eq!(kept.unwrap(), order, "an admin still sees the order");
    assert_eq!(reconcile(&shop, &users).carts, 0, "no cart is left to close");
}

#[test]
fn addition_to_a_closed_cart_is_refused() {
    let (shop, users) = (shop(Stock::of(&[("100", 9)])), Accounts::default());
    let ((with, theirs), (without, never)) = (new_user(), new_user());
    add(&shop, &theirs, Some("a")).unwrap();
    users.delete(with);
    users.delete(without);
    assert_eq!(
        reconcile(&shop, &users).carts,
        2,
        "a user without a cart gets a closed one, too"
    );

    for (user, caller) in [(with, &theirs), (without, &never)] {
        for key in [None, Some("a"), Some("b"), Some("b")] {
            let late = add(&shop, caller, key);
            assert!(matches!(late, Err(Error::CartClosed)), "{key:?}: got {late:?}");
        }
        assert_eq!(run(shop.get_cart(caller)).unwrap().items, []);
        let bought = run(shop.create_order(caller, of_cart("k")));
        assert!(matches!(bought, Err(Error::NothingToOrder)), "got {bought:?}");
        assert_eq!(lines(&shop, user), 0);
    }
}

#[test]
fn other_stages_run_while_the_user_service_is_unavailable() {
    let (shop, users) = (shop(Stock::of(&[("100", 9)])), Accounts::default());
    let (gone, theirs) = new_user();
    add(&shop, &theirs, None).unwrap();
    run(shop.create_order(&theirs, of_cart("k"))).unwrap();
    add(&shop, &theirs, None).unwrap();
    users.delete(gone);
    users.is_unavailable.set(true);

    let done = reconcile(&shop, &users);
    assert_eq!((done.carts, done.problems.len()), (0, 1), "{done:?}");
    assert_eq!(done.relayed, 1, "stages without the user service still run");
    assert_eq!(lines(&shop, gone), 1);

    users.is_unavailable.set(false);
    assert_eq!(reconcile(&shop, &users).carts, 1, "the next run closes the cart");
    assert_eq!(lines(&shop, gone), 0);
}

#[test]
fn interrupted_run_is_repeated_by_the_next() {
    // Either the answer of the statement that closes the carts is lost, or the request that acknowledges the deletion.
    for (lost_answers, lost_acknowledgements, carts) in [(1, 0, 0), (0, 1, 1)] {
        let (shop, users) = (shop(Stock::of(&[("100", 9)])), Accounts::default());
        let (gone, theirs) = new_user();
        add(&shop, &theirs, Some("a")).unwrap();
        users.delete(gone);
        shop.store.lost_answers.set(lost_answers);
        users.lost_acknowledgements.set(lost_acknowledgements);

        let first = reconcile(&shop, &users);
        assert_eq!((first.carts, first.problems.len()), (carts, 1), "{first:?}");
        assert_eq!(
            users.deleted.borrow().len(),
            1,
            "the deletion is not acknowledged"
        );
        let second = reconcile(&shop, &users);
        assert_eq!((second.carts, second.problems.len()), (0, 0), "{second:?}");
        assert_eq!((lines(&shop, gone), users.deleted.borrow().len()), (0, 0));
    }
}

#[test]
fn one_run_handles_more_deletions_than_a_batch_holds() {
    let (shop, users) = (shop(Stock::of(&[("100", 9)])), Accounts::default());
    for _ in 0..250 {
        users.delete(UserId::generate());
    }
    let done = reconcile(&shop, &users);
    assert_eq!((done.carts, users.deleted.borrow().len()), (250, 0), "{done:?}");
}
