//! Changes by admins.

use super::*;

const TEA: CreateProduct<'_> = CreateProduct {
    name: " 煎茶 ",
    description: "From Uji.",
    price: Some(MoneyInput::new("1980", "JPY")),
    image_url: "/tea.jpg",
    initial_stock: 7,
};

fn change<'a>(id: &'a str, fields: &'a [&'a str]) -> UpdateProduct<'a> {
    UpdateProduct {
        id,
        fields,
        name: "Hojicha",
        description: "Roasted.",
        price: Some(MoneyInput::new("864.50", "EUR")),
        image_url: "",
    }
}

#[test]
fn price_has_a_currency_of_iso_4217_and_its_decimals() {
    let create = |amount, currency| {
        let price = Some(MoneyInput::new(amount, currency));
        run(catalogue(0).create_product(&admin(), CreateProduct { price, ..TEA }))
    };
    for (amount, currency, wrong) in [
        ("1980.50", "JPY", "price.amount"),
        ("1.2345", "KWD", "price.amount"),
        ("1", "ABC", "price.currencyCode"),
        ("1", "XXX", "price.currencyCode"),
    ] {
        assert_eq!(fields(create(amount, currency)), [wrong], "{amount} {currency}");
    }
    for (amount, currency, written) in [
        ("1980.00", "JPY", "1980"),
        ("1.5", "KWD", "1.500"),
        ("2", "EUR", "2.00"),
    ] {
        assert_eq!(create(amount, currency).unwrap().product.price.amount(), written);
    }
}

#[test]
fn name_that_looks_blank_is_refused() {
    for name in ["\u{200b}", "\u{3164}", " \u{2800} ", "\u{ad}\u{ad}"] {
        let product = CreateProduct { name, ..TEA };
        assert_eq!(
            fields(run(catalogue(0).create_product(&admin(), product))),
            ["name"],
            "{name:?}"
        );
    }
}

#[test]
fn only_admins_change_the_catalogue() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    // Other callers do not even get the list of invalid fields.
    let stock = UpdateStock {
        product_id: "no id",
        quantity: -1,
        expected_version: 0,
    };
    for (caller, is_user) in [(Caller::Anonymous, false), (user(vec![]), true)] {
        let refusals = [
            run(catalogue.create_product(&caller, TEA)).map(drop),
            run(catalogue.update_product(&caller, change(&id, &[]))).map(drop),
            run(catalogue.delete_product(&caller, &id)),
            run(catalogue.update_stock(&caller, stock)).map(drop),
        ];
        for refusal in refusals {
            let is_right = match refusal {
                Err(Error::AdminOnly) => is_user,
                Err(Error::Unauthenticated) => !is_user,
                _ => false,
            };
            assert!(
                is_right,
                "{caller:?} must be refused, but the answer was {refusal:?}"
            );
        }
    }
    assert_eq!(catalogue.store.0.borrow().len(), 1, "nothing was added");
}

#[test]
fn new_product_has_the_values_of_the_request() {
    let catalogue = catalogue(0);
    let view = run(catalogue.create_product(&admin(), TEA)).unwrap();
    assert_eq!(view.product.name, "煎茶", "trimmed");
    assert_eq!(view.product.price.amount(), "1980");
    assert_eq!(view.product.image_url.as_deref(), Some("/tea.jpg"));
    let stock = view.stock.unwrap();
    assert_eq!((stock.quantity, stock.reserved, stock.version), (7, 0, 1));
}

#[test]
fn all_invalid_fields_of_a_new_product_are_named_at_once() {
    let long = "x".repeat(2001);
    let wrong = CreateProduct {
        name: "",
        description: &long,
        price: Some(MoneyInput::new("-1", "yen")),
        image_url: "http://a",
        initial_stock: -1,
    };
    let expected = [
        "name",
        "description",
        "price.amount",
        "price.currencyCode",
        "imageUrl",
        "initialStock",
    ];
    assert_eq!(
        fields(run(catalogue(0).create_product(&admin(), wrong))),
        expected
    );
    let without = CreateProduct { price: None, ..TEA };
    assert_eq!(
        fields(run(catalogue(0).create_product(&admin(), without))),
        ["price"]
    );
}

#[test]
fn only_fields_of_the_mask_are_parsed_and_changed() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    let before = run(catalogue.get_product(&admin(), &id)).unwrap().product;

    let wrong_elsewhere = UpdateProduct {
        price: None,
        image_url: "http://a",
        ..change(&id, &["name", "name"])
    };
    let after = run(catalogue.update_product(&admin(), wrong_elsewhere))
        .unwrap()
        .product;
    assert_eq!(
        after,
        Product {
            name: "Hojicha".into(),
            ..before
        },
        "only the name changed"
    );

    let all = ["name", "description", "price", "image_url"];
    let after = run(catalogue.update_product(&admin(), change(&id, &all)))
        .unwrap()
        .product;
    assert_eq!(after.description, "Roasted.");
    assert_eq!(after.price.currency().code(), "EUR");
    assert_eq!(after.image_url, None, "an empty one takes the picture away");
}

#[test]
fn mask_without_a_known_field_is_refused() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    for mask in [
        &[][..],
        &["id"],
        &["name", "price.amount"],
        &["*"],
        &["imageUrl"],
        &[""],
        &["quantity"],
    ] {
        let refused = run(catalogue.update_product(&admin(), change(&id, mask)));
        assert_eq!(fields(refused), ["updateMask"], "the mask {mask:?}");
    }
    let after = run(catalogue.get_product(&admin(), &id)).unwrap().product;
    assert_eq!(after.name, "tea 0", "a mask that is partly wrong changes nothing");
}

#[test]
fn stock_is_set_at_the_expected_version_only() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    let count = |quantity, expected_version| {
        let request = UpdateStock {
            product_id: &id,
            quantity,
            expected_version,
        };
        run(catalogue.update_stock(&admin(), request))
    };
    // Two are reserved, the version is 7.
    assert!(
        matches!(count(1, 7), Err(Error::BelowReserved(2))),
        "below what is reserved"
    );
    assert!(
        matches!(count(1, 6), Err(Error::OtherVersion(7))),
        "the version comes first"
    );
    let stock = count(2, 7).unwrap().stock.unwrap();
    assert_eq!(
        (stock.quantity, stock.version),
        (2, 8),
        "exactly what is reserved is enough"
    );
    assert!(
        matches!(count(2, 7), Err(Error::OtherVersion(8))),
        "a repeat meets another version"
    );
    assert_eq!(fields(count(-1, 0)), ["quantity", "expectedVersion"]);
}

#[test]
fn unknown_product_cannot_be_changed() {
    let catalogue = catalogue(1);
    let id = ProductId::generate().to_string();
    let stock = UpdateStock {
        product_id: &id,
        quantity: 1,
        expected_version: 1,
    };
    let answers = [
        run(catalogue.update_product(&admin(), change(&id, &["name"]))).map(drop),
        run(catalogue.delete_product(&admin(), &id)),
        run(catalogue.update_stock(&admin(), stock)).map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Error::NotFound)), "got {answer:?}");
    }
}
