//! Changes of the catalogue and its stock.

use bindings::akinai::commerce::types::Money;
use bindings::exports::akinai::commerce::products::{NewProduct, ProductChange};

use super::*;

fn money(amount: &str) -> Money {
    Money {
        amount: amount.to_owned(),
        currency_code: "JPY".to_owned(),
    }
}

fn new_product(name: &str) -> NewProduct {
    NewProduct {
        name: name.to_owned(),
        description: "From Uji.".to_owned(),
        price: money("1980"),
        image_url: "/tea.jpg".to_owned(),
        initial_stock: 7,
    }
}

fn unchanged() -> ProductChange {
    ProductChange {
        name: None,
        description: None,
        price: None,
        image_url: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_adds_changes_and_deletes_a_product() {
    let mut service = Service::start(&[]).await;
    let made = call!(
        service
            .akinai_commerce_products()
            .call_create_product(admin(), new_product(" 煎茶 "))
    )
    .expect("a new product");
    assert_eq!((made.name.as_str(), made.price.amount.as_str()), ("煎茶", "1980"));
    assert_eq!((made.image_url.as_deref(), made.available), (Some("/tea.jpg"), 7));
    let stock = made.stock.expect("an admin sees the stock");
    assert_eq!((stock.quantity, stock.reserved, stock.version), (7, 0, 1));
    let found = service
        .get(Caller::Anonymous, &made.id)
        .await
        .expect("it is there");
    assert_eq!((&found.name, found.created_at), (&made.name, made.created_at));

    let nothing = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        unchanged()
    ));
    assert_eq!(fields(nothing.expect_err("a change of nothing")), ["updateMask"]);
    let same = ProductChange {
        name: Some("煎茶".to_owned()),
        image_url: Some("/tea.jpg".to_owned()),
        price: Some(money("1980.0")),
        ..unchanged()
    };
    let kept = call!(
        service
            .akinai_commerce_products()
            .call_update_product(admin(), made.id.clone(), same)
    )
    .expect("the same again");
    assert_eq!(
        kept.updated_at, made.updated_at,
        "a change without effect changes no value"
    );
    let cheaper = ProductChange {
        price: Some(money("999")),
        ..unchanged()
    };
    let changed = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        cheaper
    ))
    .expect("a new price");
    assert_eq!(changed.price.amount, "999");
    assert_eq!(
        (&changed.name, &changed.description),
        (&made.name, &made.description)
    );
    assert_eq!(changed.image_url, made.image_url, "what is not named stays");
    assert!(
        changed.updated_at > made.updated_at,
        "the time of the change is kept"
    );
    let bare = ProductChange {
        name: Some("番茶".to_owned()),
        description: Some(String::new()),
        image_url: Some(String::new()),
        ..unchanged()
    };
    let bare = call!(
        service
            .akinai_commerce_products()
            .call_update_product(admin(), made.id.clone(), bare)
    )
    .expect("a change");
    assert_eq!((bare.name.as_str(), bare.description.as_str()), ("番茶", ""));
    assert_eq!((bare.image_url, bare.price.amount.as_str()), (None, "999"));
    assert_eq!(
        service.list(5, "", "番茶").await.expect("a page").products.len(),
        1,
        "the new name is found"
    );
    assert!(
        service
            .list(5, "", "煎茶")
            .await
            .expect("a page")
            .products
            .is_empty(),
        "the old one is not"
    );

    call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), made.id.clone())
    )
    .expect("it is deleted");
    call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), made.id.clone())
    )
    .expect("a repeat answers the same");
    let gone = call!(service.akinai_commerce_products().call_update_product(
        admin(),
        made.id.clone(),
        ProductChange {
            name: Some("x".to_owned()),
            ..unchanged()
        }
    ));
    assert!(
        matches!(gone, Err(Error::NotFound)),
        "a deleted product cannot be changed: {gone:?}"
    );
    let gone = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), made.id.clone(), 5, 1)
    );
    assert!(matches!(gone, Err(Error::NotFound)), "nor counted: {gone:?}");
    let never = call!(
        service
            .akinai_commerce_products()
            .call_delete_product(admin(), Uuid::now_v7().to_string())
    );
    assert!(
        matches!(never, Err(Error::NotFound)),
        "an unknown product cannot be deleted: {never:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_change_the_catalogue() {
    let stored = Product::named("tea");
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();
    for (caller, expected) in [
        (Caller::Anonymous, "Unauthenticated"),
        (user(), "PermissionDenied"),
    ] {
        let change = ProductChange {
            name: Some("x".to_owned()),
            ..unchanged()
        };
        let refusals = [
            call!(
                service
                    .akinai_commerce_products()
                    .call_create_product(caller.clone(), new_product("x"))
            )
            .map(drop),
            call!(
                service
                    .akinai_commerce_products()
                    .call_update_product(caller.clone(), id.clone(), change)
            )
            .map(drop),
            call!(
                service
                    .akinai_commerce_products()
                    .call_delete_product(caller.clone(), id.clone())
            ),
            call!(
                service
                    .akinai_commerce_products()
                    .call_update_stock(caller.clone(), id.clone(), 9, 1)
            )
            .map(drop),
        ];
        for refusal in refusals {
            let refusal = refusal.expect_err("only admins may");
            assert!(
                format!("{refusal:?}").contains(expected),
                "must be {expected}: {refusal:?}"
            );
        }
    }
    let page = service.list(10, "", "").await.expect("a page");
    assert_eq!(page.products.len(), 1, "nothing was added or deleted");
    assert_eq!(
        (page.products[0].name.as_str(), page.products[0].available),
        ("tea", 5),
        "or changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_concurrent_updates_of_a_stock_version_is_stored() {
    let stored = Product {
        quantity: 12,
        reserved: 5,
        ..Product::named("matcha")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();

    let low = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 4, 1)
    );
    assert!(
        matches!(low, Err(Error::FailedPrecondition)),
        "5 are reserved: {low:?}"
    );
    let exact = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 5, 1)
    )
    .expect("as many as are reserved");
    let stock = exact.stock.expect("an admin sees the stock");
    assert_eq!(
        (stock.quantity, stock.reserved, stock.version, exact.available),
        (5, 5, 2, 0)
    );
    let old = call!(
        service
            .akinai_commerce_products()
            .call_update_stock(admin(), id.clone(), 9, 1)
    );
    assert!(
        matches!(old, Err(Error::Aborted)),
        "the version has changed: {old:?}"
    );

    let answers = service
        .run(async |accessor, products| {
            let count = |quantity| products.call_update_stock(accessor, admin(), id.clone(), quantity, 2);
            join_all((10..26).map(count)).await
        })
        .await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect("the component does not trap"))
        .collect();
    let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "of sixteen at once on one version, one counts");
    let aborted = answers
        .iter()
        .filter(|answer| matches!(answer, Err(Error::Aborted)))
        .count();
    assert_eq!(aborted, 15, "the other calls are aborted");
    let now = service
        .get(admin(), &stored.id.to_string())
        .await
        .expect("the product");
    assert_eq!(now.available, won[0].available, "what it set is what is there");
}
