//! The rules of the catalogue over a store in memory. The real store is tested against Postgres.

use std::cell::RefCell;

use kernel::{Money, Scope, Timestamp, UserCaller, UserId};

use super::*;

/// Products in memory, newest first.
#[derive(Default)]
struct Memory(RefCell<Vec<(Product, Stock)>>);

impl Memory {
    fn change(&self, id: ProductId, change: impl FnOnce(&mut (Product, Stock))) -> Option<(Product, Stock)> {
        let mut rows = self.0.borrow_mut();
        let row = rows.iter_mut().find(|(product, _)| product.id == id)?;
        change(row);
        Some(row.clone())
    }
}

impl Store for Memory {
    async fn find(&self, id: ProductId) -> Result<Option<(Product, Stock)>, StoreError> {
        Ok(self.change(id, |_| {}))
    }

    async fn find_all(&self, ids: &[ProductId]) -> Result<Vec<(Product, Stock)>, StoreError> {
        let rows = self.0.borrow();
        let wanted = rows.iter().filter(|(product, _)| ids.contains(&product.id));
        Ok(wanted.cloned().collect())
    }

    async fn list(
        &self,
        after: Option<PageToken>,
        limit: u32,
        query: Option<&Query>,
    ) -> Result<Vec<(Product, Stock)>, StoreError> {
        let wanted = |(product, _): &&(Product, Stock)| {
            after.is_none_or(|token| product.id.uuid() < token.key())
                && query.is_none_or(|query| product.name.contains(query.text()))
        };
        let rows = self.0.borrow();
        Ok(rows.iter().filter(wanted).take(limit as usize).cloned().collect())
    }

    async fn insert(&self, new: NewProduct) -> Result<(Product, Stock), StoreError> {
        let row = (
            Product {
                id: new.id,
                name: new.name.as_str().into(),
                description: new.description.as_str().into(),
                price: new.price,
                image_url: new.image_url.map(|url| url.as_str().into()),
                created_at: Timestamp::from_unix_micros(0),
                updated_at: Timestamp::from_unix_micros(0),
            },
            Stock {
                quantity: new.stock.get().try_into().unwrap(),
                reserved: 0,
                version: 1,
            },
        );
        self.0.borrow_mut().insert(0, row.clone());
        Ok(row)
    }

    async fn update(&self, id: ProductId, change: Change) -> Result<Option<(Product, Stock)>, StoreError> {
        Ok(self.change(id, |(product, _)| {
            if let Some(name) = change.name {
                product.name = name.as_str().into();
            }
            if let Some(description) = change.description {
                product.description = description.as_str().into();
            }
            if let Some(price) = change.price {
                product.price = price;
            }
            if let Some(url) = change.image_url {
                product.image_url = url.map(|url| url.as_str().into());
            }
        }))
    }

    async fn delete(&self, id: ProductId) -> Result<bool, StoreError> {
        Ok(self.change(id, |_| {}).is_some())
    }

    async fn set_stock(
        &self,
        id: ProductId,
        quantity: Quantity,
        expected_version: i64,
    ) -> Result<Option<(bool, Product, Stock)>, StoreError> {
        let quantity = u32::try_from(quantity.get()).unwrap();
        let mut is_set = false;
        let row = self.change(id, |(_, stock)| {
            is_set = i64::try_from(stock.version) == Ok(expected_version) && stock.reserved <= quantity;
            if is_set {
                stock.quantity = quantity;
                stock.version += 1;
            }
        });
        Ok(row.map(|(product, stock)| (is_set, product, stock)))
    }
}

fn product(name: &str) -> (Product, Stock) {
    let product = Product {
        id: ProductId::generate(),
        name: name.into(),
        description: String::new(),
        price: Money::parse("1980.00", "JPY").unwrap(),
        image_url: None,
        created_at: Timestamp::from_unix_micros(0),
        updated_at: Timestamp::from_unix_micros(0),
    };
    (
        product,
        Stock {
            quantity: 5,
            reserved: 2,
            version: 7,
        },
    )
}

fn catalogue(count: usize) -> Catalogue<Memory> {
    let mut rows: Vec<_> = (0..count).map(|n| product(&format!("tea {n}"))).collect();
    rows.reverse();
    Catalogue::new(Memory(RefCell::new(rows)))
}

/// The id of the newest product.
fn first(catalogue: &Catalogue<Memory>) -> String {
    catalogue.store.0.borrow()[0].0.id.to_string()
}

fn user(scopes: Vec<Scope>) -> Caller {
    Caller::User(UserCaller {
        id: UserId::generate(),
        scopes,
        session: None,
    })
}

fn admin() -> Caller {
    user(vec![Scope::Admin])
}

fn fields<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<String> {
    match answer {
        Err(Error::Invalid(violations)) => violations
            .iter()
            .map(|violation| violation.field.to_string())
            .collect(),
        other => panic!("the request must be invalid, but the answer was {other:?}"),
    }
}

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

fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

#[test]
fn pages_hold_every_product_once() {
    let catalogue = catalogue(7);
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let request = ListProducts {
            page_size: 3,
            page_token: &token,
            query: "",
        };
        let page = run(catalogue.list_products(&Caller::Anonymous, request)).unwrap();
        names.extend(page.items.into_iter().map(|view| view.product.name));
        match page.next {
            Some(next) => token = next.encode(),
            None => break,
        }
    }
    let newest_first: Vec<String> = (0..7).rev().map(|n| format!("tea {n}")).collect();
    assert_eq!(names, newest_first);
}

#[test]
fn a_page_token_of_another_query_is_refused() {
    let catalogue = catalogue(3);
    let list = |page_token: &str, query: &str| {
        let request = ListProducts {
            page_size: 1,
            page_token,
            query,
        };
        run(catalogue.list_products(&Caller::Anonymous, request))
    };
    let token = |query: &str| list("", query).unwrap().next.unwrap().encode();
    for (of, with) in [("tea", "te"), ("tea", ""), ("", "tea")] {
        assert_eq!(
            fields(list(&token(of), with)),
            ["pageToken"],
            "of {of:?}, with {with:?}"
        );
    }
    for query in ["tea", ""] {
        assert_eq!(
            list(&token(query), query).unwrap().items.len(),
            1,
            "with its own, {query:?}"
        );
    }
    assert_eq!(
        list(&token(" tea"), "tea ").unwrap().items.len(),
        1,
        "space around a query is none of it"
    );
}

#[test]
fn a_price_is_in_a_currency_that_there_is_and_has_its_decimals() {
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
fn a_name_that_looks_blank_is_refused() {
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
fn all_that_is_wrong_is_said_at_once() {
    let long = "x".repeat(101);
    let request = ListProducts {
        page_size: 101,
        page_token: "nonsense",
        query: &long,
    };
    let Err(Error::Invalid(violations)) = run(catalogue(0).list_products(&Caller::Anonymous, request)) else {
        panic!("a request with three faults is invalid");
    };
    let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["pageSize", "pageToken", "query"]);
}

#[test]
fn only_admins_see_the_stock() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    for caller in [Caller::Anonymous, user(vec![])] {
        let view = run(catalogue.get_product(&caller, &id)).unwrap();
        assert_eq!((view.available, view.stock), (3, None), "what {caller:?} sees");
    }
    let view = run(catalogue.get_product(&user(vec![Scope::Admin]), &id)).unwrap();
    assert_eq!(
        view.stock,
        Some(Stock {
            quantity: 5,
            reserved: 2,
            version: 7
        }),
        "an admin sees it all"
    );
}

#[test]
fn an_unknown_product_is_not_found_and_a_malformed_id_is_invalid() {
    let catalogue = catalogue(1);
    let unknown = run(catalogue.get_product(&Caller::Anonymous, &ProductId::generate().to_string()));
    assert!(matches!(unknown, Err(Error::NotFound)), "got {unknown:?}");
    let malformed = run(catalogue.get_product(&Caller::Anonymous, "42"));
    assert!(matches!(malformed, Err(Error::Invalid(_))), "got {malformed:?}");
}

#[test]
fn only_admins_change_anything() {
    let catalogue = catalogue(1);
    let id = first(&catalogue);
    // Not even what is wrong with it is told to others.
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
fn a_new_product_is_what_was_asked_for() {
    let catalogue = catalogue(0);
    let view = run(catalogue.create_product(&admin(), TEA)).unwrap();
    assert_eq!(view.product.name, "煎茶", "trimmed");
    assert_eq!(view.product.price.amount(), "1980");
    assert_eq!(view.product.image_url.as_deref(), Some("/tea.jpg"));
    let stock = view.stock.unwrap();
    assert_eq!((stock.quantity, stock.reserved, stock.version), (7, 0, 1));
}

#[test]
fn all_that_is_wrong_with_a_new_product_is_said_at_once() {
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
fn only_what_the_mask_names_is_changed_or_even_looked_at() {
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
fn a_mask_names_something_and_nothing_unknown() {
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
fn a_batch_is_answered_in_the_order_asked() {
    let catalogue = catalogue(3);
    let known: Vec<String> = catalogue
        .store
        .0
        .borrow()
        .iter()
        .map(|row| row.0.id.to_string())
        .collect();
    let missing = ProductId::generate();
    let ids = [
        &known[2],
        &missing.to_string(),
        &known[0],
        &known[2],
        &missing.to_string(),
    ]
    .map(Clone::clone);
    let found = run(catalogue.batch_get_products(&Caller::Anonymous, &ids)).unwrap();
    let names: Vec<_> = found
        .products
        .iter()
        .map(|view| view.product.name.as_str())
        .collect();
    assert_eq!(names, ["tea 0", "tea 2", "tea 0"]);
    assert_eq!(found.missing, [missing, missing]);

    let refused = run(catalogue.batch_get_products(&Caller::Anonymous, &["x".into()]));
    assert_eq!(fields(refused), ["ids[0]"]);
}

#[test]
fn stock_is_counted_on_the_version_that_was_read() {
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
fn what_never_was_cannot_be_changed() {
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
