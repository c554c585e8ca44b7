//! Carts: lines, notes and repeated additions.

use kernel::Caller;

use super::{Stock, TestShop, new_user, run, shop};
use crate::{
    domain::{Cart, Note},
    service::{AddToCart, Error},
};

fn add(
    shop: &TestShop,
    caller: &Caller,
    index: usize,
    quantity: i32,
    key: Option<&str>,
) -> Result<Cart, Error> {
    let product = shop.product.id(index).to_string();
    run(shop.add_to_cart(
        caller,
        AddToCart {
            product: &product,
            quantity,
            request_key: key,
        },
    ))
}

fn pieces(cart: &Cart) -> Vec<u32> {
    cart.items.iter().map(|item| item.quantity.get()).collect()
}

#[test]
fn additions_add_up_and_a_repeated_key_adds_nothing() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 999), ("7", 9)])), new_user());
    assert_eq!(pieces(&add(&shop, &caller, 0, 2, None).unwrap()), [2]);
    assert_eq!(pieces(&add(&shop, &caller, 0, 3, None).unwrap()), [5]);
    assert_eq!(pieces(&add(&shop, &caller, 1, 1, Some("k")).unwrap()), [5, 1]);
    let again = add(&shop, &caller, 1, 1, Some("k")).unwrap();
    assert_eq!(pieces(&again), [5, 1], "the key was used: nothing is added");
    assert_eq!(again.total.unwrap().amount(), "507");
}

#[test]
fn key_belongs_to_one_addition_of_one_user() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 9), ("7", 9)])), new_user());
    add(&shop, &caller, 0, 1, Some("k")).unwrap();
    for (index, quantity) in [(1, 1), (0, 2)] {
        let other = add(&shop, &caller, index, quantity, Some("k"));
        assert!(matches!(other, Err(Error::Invalid(_))), "got {other:?}");
    }
    let another = add(&shop, &new_user().1, 1, 1, Some("k"));
    assert_eq!(
        pieces(&another.unwrap()),
        [1],
        "the key of another user is a different key"
    );
}

#[test]
fn addition_whose_answer_was_lost_is_repeated_by_its_key() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 9)])), new_user());
    shop.store.lost_answers.set(1);
    let lost = add(&shop, &caller, 0, 2, Some("k"));
    assert!(matches!(lost, Err(Error::Store(_))), "got {lost:?}");
    assert_eq!(pieces(&add(&shop, &caller, 0, 2, Some("k")).unwrap()), [2]);
}

#[test]
fn repeat_is_recognised_before_all_other_checks() {
    let stock = Stock::of(&vec![("1", 9); 101]);
    let (shop, (_, caller)) = (shop(stock), new_user());
    let product = shop.product.id(100).to_string();
    let add_it = |quantity, key| {
        let request = AddToCart {
            product: &product,
            quantity,
            request_key: Some(key),
        };
        run(shop.add_to_cart(&caller, request))
    };
    assert_eq!(pieces(&add_it(2, "k").unwrap()), [2]);

    shop.product.products.borrow_mut().remove(100);
    let again = add_it(2, "k").unwrap();
    assert_eq!(
        pieces(&again),
        [2],
        "the product is gone: the cart answers as it is"
    );
    assert_eq!(again.items[0].notes, [Note::Deleted]);
    let other = add_it(3, "k");
    assert!(
        matches!(other, Err(Error::Invalid(_))),
        "another addition: {other:?}"
    );
    let new = add_it(2, "l");
    assert!(matches!(new, Err(Error::NoProduct)), "another key: {new:?}");

    run(shop.remove_from_cart(&caller, &product)).unwrap();
    for index in 0..100 {
        add(&shop, &caller, index, 1, None).unwrap();
    }
    let again = add_it(2, "k").unwrap();
    assert_eq!(
        again.items.len(),
        100,
        "the cart is full, and a repeat returns it"
    );
}

#[test]
fn key_in_quotes_is_the_same_key() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 9)])), new_user());
    add(&shop, &caller, 0, 2, Some("k")).unwrap();
    assert_eq!(pieces(&add(&shop, &caller, 0, 2, Some("\"k\"")).unwrap()), [2]);
}

#[test]
fn cart_has_at_most_100_products_of_999_pieces() {
    let stock = Stock::of(&vec![("1", 5000); 101]);
    let (shop, (_, caller)) = (shop(stock), new_user());
    add(&shop, &caller, 0, 999, None).unwrap();
    let more = add(&shop, &caller, 0, 1, None);
    assert!(matches!(more, Err(Error::LineFull)), "got {more:?}");
    for index in 1..100 {
        add(&shop, &caller, index, 1, None).unwrap();
    }
    let another = add(&shop, &caller, 100, 1, None);
    assert!(matches!(another, Err(Error::CartFull)), "got {another:?}");
    let same = add(&shop, &caller, 99, 1, None).unwrap();
    assert_eq!(
        same.items.len(),
        100,
        "a full cart accepts more pieces of its products"
    );
}

#[test]
fn unknown_product_cannot_be_added() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("1", 5)])), new_user());
    let product = kernel::ProductId::generate().to_string();
    let request = AddToCart {
        product: &product,
        quantity: 1,
        request_key: None,
    };
    let unknown = run(shop.add_to_cart(&caller, request));
    assert!(matches!(unknown, Err(Error::NoProduct)), "got {unknown:?}");
}

#[test]
fn cart_shows_changed_prices_and_stock() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5), ("7", 9)])), new_user());
    add(&shop, &caller, 0, 5, None).unwrap();
    add(&shop, &caller, 1, 1, None).unwrap();
    shop.product.products.borrow_mut().remove(1);
    let only = shop.product.id(0);
    shop.product.levels.borrow_mut().get_mut(&only).unwrap().quantity = 4;
    let cart = run(shop.get_cart(&caller)).unwrap();
    let notes: Vec<_> = cart.items.iter().map(|item| item.notes.as_slice()).collect();
    assert_eq!(notes, [[Note::InsufficientStock], [Note::Deleted]]);
}

#[test]
fn lines_can_be_changed_and_removed() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5), ("7", 9)])), new_user());
    let ids = [shop.product.id(0).to_string(), shop.product.id(1).to_string()];
    add(&shop, &caller, 0, 5, None).unwrap();
    let cart = run(shop.update_cart_item(&caller, &ids[0], 999)).unwrap();
    assert_eq!(pieces(&cart), [999]);
    let absent = run(shop.update_cart_item(&caller, &ids[1], 1));
    assert!(matches!(absent, Err(Error::NotInCart)), "got {absent:?}");
    for _ in 0..2 {
        let cart = run(shop.remove_from_cart(&caller, &ids[0])).unwrap();
        assert_eq!((cart.items.len(), cart.total), (0, None));
    }
    add(&shop, &caller, 0, 5, None).unwrap();
    run(shop.clear_cart(&caller)).unwrap();
    assert_eq!(run(shop.get_cart(&caller)).unwrap().items, []);
}

#[test]
fn each_signed_in_user_has_a_cart_of_their_own() {
    let (shop, (_, caller)) = (shop(Stock::of(&[("100", 5)])), new_user());
    add(&shop, &caller, 0, 5, None).unwrap();
    let anonymous = run(shop.get_cart(&Caller::Anonymous));
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "got {anonymous:?}"
    );
    let another = run(shop.get_cart(&super::admin())).unwrap();
    assert_eq!(another.items, [], "an admin has a cart of their own");
}

#[test]
fn all_invalid_fields_of_an_addition_are_named_at_once() {
    let (shop, (_, caller)) = (shop(Stock::of(&[])), new_user());
    let request = AddToCart {
        product: "42",
        quantity: 1000,
        request_key: Some(" "),
    };
    let Err(Error::Invalid(violations)) = run(shop.add_to_cart(&caller, request)) else {
        panic!("three wrong fields are invalid");
    };
    let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["productId", "quantity", "requestKey"]);
}
