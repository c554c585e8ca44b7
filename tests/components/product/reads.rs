//! Reading products: one, pages, batches.

use super::*;
use bindings::akinai::commerce::types::Money;

#[tokio::test(flavor = "multi_thread")]
async fn idle_instances_hold_no_connection() {
    let stored = Product::named("抹茶");
    let setup = Setup::new().await;
    setup.database.insert(std::slice::from_ref(&stored)).await;
    let app = setup.load().await;
    let mut idle = Vec::new();
    // A host has 64 connections for a component.
    for number in 1..=65 {
        let started = app.instantiate("product").await;
        let (mut store, instance) = started.expect("the component starts");
        let component = bindings::ProductService::new(&mut store, &instance).expect("it exports its service");
        let (products, id) = (component.akinai_commerce_products(), stored.id.to_string());
        let read = store.run_concurrent(async |accessor| {
            products.call_get_product(accessor, Caller::Anonymous, id).await
        });
        let read = read.await.flatten().expect("the component does not trap");
        assert!(
            read.is_ok(),
            "instance {number} must reach the database in spite of idle instances, but: {read:?}"
        );
        idle.push(store);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_has_the_values_of_its_row() {
    let stored = Product {
        description: "From Uji.".to_owned(),
        image_url: Some("/images/matcha.jpg".to_owned()),
        price: "1980.50".to_owned(),
        currency: "EUR".to_owned(),
        quantity: 12,
        reserved: 5,
        created_at: "1970-01-01T00:00:01.000002Z".to_owned(),
        updated_at: "2026-01-02T03:04:05Z".to_owned(),
        ..Product::named("抹茶")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;

    let product = service
        .get(Caller::Anonymous, &stored.id.to_string())
        .await
        .expect("the product is there");

    assert_eq!(product.id, stored.id.to_string(), "the id must be the row's");
    assert_eq!(product.name, stored.name, "the name must be the row's");
    assert_eq!(
        product.description, stored.description,
        "the description must be the row's"
    );
    let Money {
        amount,
        currency_code,
    } = &product.price;
    assert_eq!(
        (amount.as_str(), currency_code.as_str()),
        ("1980.50", "EUR"),
        "the price must be exact"
    );
    assert_eq!(
        product.image_url, stored.image_url,
        "the picture must be the row's"
    );
    assert_eq!(product.available, 7, "what is reserved is not available");
    assert_eq!(
        product.created_at, 1_000_002,
        "times must be microseconds since 1970"
    );
    assert_eq!(
        product.updated_at, 1_767_323_045_000_000,
        "times must be microseconds since 1970"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_see_the_stock() {
    let stored = Product {
        quantity: 12,
        reserved: 5,
        ..Product::named("matcha")
    };
    let mut service = Service::start(std::slice::from_ref(&stored)).await;
    let id = stored.id.to_string();

    for caller in [Caller::Anonymous, user()] {
        let product = service
            .get(caller, &id)
            .await
            .expect("all callers may read products");
        assert!(
            product.stock.is_none(),
            "only admins may see the stock, but it was {:?}",
            product.stock
        );
    }
    let stock = service
        .get(admin(), &id)
        .await
        .expect("an admin may read products")
        .stock;
    let stock = stock.expect("an admin sees the stock");
    assert_eq!(
        (stock.quantity, stock.reserved, stock.version),
        (12, 5, 1),
        "and it must be the row's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_cases_of_the_wit_variant() {
    let mut service = Service::start(&[]).await;

    let missing = service.get(Caller::Anonymous, &Uuid::now_v7().to_string()).await;
    assert!(
        matches!(missing, Err(Error::NotFound)),
        "an unknown id must be not-found, but was {missing:?}"
    );
    let malformed = service
        .get(Caller::Anonymous, "42")
        .await
        .expect_err("42 is no id");
    assert_eq!(fields(malformed), ["id"], "the violation must name the field");
    let wrong = service
        .list(-1, "?", &"x".repeat(101))
        .await
        .expect_err("three wrong fields");
    assert_eq!(
        fields(wrong),
        ["pageSize", "pageToken", "query"],
        "all wrong fields must be named"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_begins_where_the_last_one_ended() {
    let stored: Vec<Product> = (0..5)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    let mut service = Service::start(&stored).await;
    let names =
        |page: &products::ProductPage| page.products.iter().map(|p| p.name.clone()).collect::<Vec<_>>();

    let first = service.list(3, "", "TEA").await.expect("a page");
    assert_eq!(
        names(&first),
        ["tea 4", "tea 3", "tea 2"],
        "the first page must hold the newest"
    );
    let second = service
        .list(3, &first.next_page_token, "TEA")
        .await
        .expect("a page");
    assert_eq!(
        names(&second),
        ["tea 1", "tea 0"],
        "the second page must hold the rest"
    );
    assert_eq!(second.next_page_token, "", "and be the last");
    let other = service.list(3, &first.next_page_token, "tea 1").await;
    assert_eq!(
        fields(other.expect_err("a token of another query")),
        ["pageToken"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_concurrent_calls_in_one_instance_get_their_own_answers() {
    let stored: Vec<Product> = (0..16)
        .map(|number| Product::named(format!("only for {number}")))
        .collect();
    let mut service = Service::start(&stored).await;

    for round in 0..10 {
        let ids: Vec<String> = stored.iter().map(|product| product.id.to_string()).collect();
        let answers = service
            .run(async move |accessor, products| {
                join_all(
                    ids.into_iter()
                        .map(|id| products.call_get_product(accessor, Caller::Anonymous, id)),
                )
                .await
            })
            .await;
        for (answer, asked) in answers.into_iter().zip(&stored) {
            let product = answer
                .expect("the component does not trap")
                .expect("the product is there");
            assert_eq!(
                product.id,
                asked.id.to_string(),
                "round {round}: each call must get its own answer"
            );
            assert_eq!(
                product.name, asked.name,
                "round {round}: each call must get its own answer"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_service_is_unavailable_without_postgres() {
    let closed_port = xtask::services::free_port().expect("a port without a listener");
    let mut service = Service::of(Setup::new().await.variable("db_port", closed_port.to_string())).await;

    let answer = service.list(1, "", "").await;

    assert!(
        matches!(answer, Err(Error::Unavailable)),
        "without a listener it must be unavailable, but was {answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_has_the_order_of_the_request() {
    let mut stored: Vec<Product> = (0..3)
        .map(|number| Product::named(format!("tea {number}")))
        .collect();
    stored[1].is_deleted = true;
    let mut service = Service::start(&stored).await;
    let ids: Vec<String> = stored.iter().map(|product| product.id.to_string()).collect();
    let unknown = Uuid::now_v7().to_string();
    let asked = [&ids[2], &unknown, &ids[0], &ids[1], &ids[2]]
        .map(Clone::clone)
        .to_vec();

    let batch = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, asked)
    )
    .expect("a batch");
    let names: Vec<_> = batch
        .products
        .iter()
        .map(|product| product.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["tea 2", "tea 0", "tea 2"],
        "in the order of the request, with repetitions"
    );
    assert_eq!(
        batch.missing_ids,
        [unknown, ids[1].clone()],
        "the deleted one is missing, too"
    );
    let none = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, vec![])
    )
    .expect("an empty batch");
    assert!(none.products.is_empty() && none.missing_ids.is_empty());
    let hundred = vec![ids[0].clone(); 100];
    let batch = call!(
        service
            .akinai_commerce_products()
            .call_batch_get_products(Caller::Anonymous, hundred)
    )
    .expect("a hundred");
    assert_eq!(batch.products.len(), 100);
    for (wrong, field) in [
        (vec![ids[0].clone(); 101], "ids"),
        (vec![ids[0].clone(), "42".to_owned()], "ids[1]"),
    ] {
        let refused = call!(
            service
                .akinai_commerce_products()
                .call_batch_get_products(Caller::Anonymous, wrong)
        );
        assert_eq!(fields(refused.expect_err("the ids must be refused")), [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_rare_old_and_common_products_page_by_page() {
    let mut service = Service::start(&[]).await;
    // A search first reads the newest thousand products. There are more here.
    let products = "
        set search_path = product_service;
        insert into products (id, name, description, price, currency)
        select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Tea ' || n,
               concat_ws(' ', '香り高い煎茶。', case when n <= 30 then 'ZEBRAWOOD 古材' end,
                         case when n % 700 = 1 then '稀' end, case when n = 2500 then '100%_\\ off' end),
               1, 'JPY'
        from generate_series(1, 2500) n;
        insert into inventory (product_id, quantity) select id, 1 from products";
    let done = service.setup.database.sql().batch_execute(products).await;
    done.expect("the products fit the schema");

    let expected: [(&str, Vec<u32>); 13] = [
        ("zebrawood", (1..=30).rev().collect()),
        ("Ze", (1..=30).rev().collect()),
        ("古材", (1..=30).rev().collect()),
        ("古", (1..=30).rev().collect()),
        ("稀", vec![2101, 1401, 701, 1]),
        ("tea 250", vec![2500, 250]),
        ("高い煎茶", (1..=2500).rev().collect()),
        ("茶", (1..=2500).rev().collect()),
        ("100%_\\", vec![2500]),
        ("_", vec![2500]),
        // The product has all parts of the text, but not next to each other.
        ("zebrawood 香り", vec![]),
        ("1 香り", vec![]),
        ("wooden", vec![]),
    ];
    for (query, expected) in expected {
        for size in [7, 100] {
            let (mut found, mut token) = (Vec::new(), String::new());
            loop {
                let page = service.list(size, &token, query).await.expect("a page");
                let names = page.products.iter().map(|product| product.name.clone());
                found.extend(
                    names.map(|name| name.trim_start_matches("Tea ").parse::<u32>().expect("a number")),
                );
                token = page.next_page_token;
                // For a common text, a few pages are enough.
                if token.is_empty() || found.len() > 300 {
                    break;
                }
            }
            let expected = if token.is_empty() {
                &expected[..]
            } else {
                &expected[..found.len()]
            };
            assert_eq!(found, expected, "what {query:?} finds, {size} at a time");
        }
    }
}
