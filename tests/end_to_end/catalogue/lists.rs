//! Pages of the catalogue.

use std::collections::BTreeSet;

use super::*;

/// The names of all the products that a query finds, page by page.
async fn walk(client: &Client, page_size: i32, query: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let request = json!({ "pageSize": page_size, "pageToken": token, "query": query });
        let page = client.call(LIST, request).await.message();
        all.extend(names(&page));
        token = page["nextPageToken"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_has_exactly_the_rows_of_the_catalogue() {
    let platform = Platform::start().await;
    let mut products = numbered(3);
    products[0].description = "Two\u{a0}leaves and a bud. 一芯二葉。".to_owned();
    products[0].image_url = Some("/images/tea.jpg".to_owned());
    products[1].price = "0.00".to_owned();
    products[1].currency = "EUR".to_owned();
    products[2].price = "99999999".to_owned();
    products[2].quantity = 7;
    products[2].reserved = 7;
    platform.database().insert(&products).await;

    let page = platform.client().call(LIST, json!({})).await.message();

    let newest_first: Vec<Value> = products.iter().rev().map(Product::to_json).collect();
    assert_eq!(
        page,
        json!({ "products": newest_first }),
        "the page must have exactly the rows, newest first"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_catalogue_is_an_empty_page() {
    let platform = Platform::start().await;

    let page = platform
        .client()
        .call(LIST, json!({ "pageSize": 5 }))
        .await
        .message();

    assert_eq!(
        page,
        json!({}),
        "an empty list has neither products nor a next page"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_hold_every_product_once() {
    let platform = Platform::start().await;
    platform.database().insert(&numbered(25)).await;
    let newest_first: Vec<String> = (0..25).rev().map(|number| format!("tea {number}")).collect();

    for page_size in [1, 2, 5, 24, 25, 26, 100] {
        let walked = walk(platform.client(), page_size, "").await;
        assert_eq!(
            walked, newest_first,
            "pages of {page_size} must hold all products once, newest first"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_miss_nor_repeat_products_while_others_are_added_and_deleted() {
    let platform = Platform::start().await;
    let lasting = numbered(60);
    platform.database().insert(&lasting).await;
    let expected: BTreeSet<String> = lasting.iter().map(|product| product.name.clone()).collect();
    let churn = platform.database();
    let churning = async {
        for number in 0.. {
            let passing = Product::named(format!("passing {number}"));
            churn.insert(std::slice::from_ref(&passing)).await;
            let delete =
                "update product_service.products set is_deleted = true, deleted_at = now() where id = $1";
            churn
                .sql()
                .execute(delete, &[&passing.id])
                .await
                .expect("a product can be deleted");
        }
    };
    let walking = async {
        for page_size in [1, 7, 20] {
            let walked = walk(platform.client(), page_size, "").await;
            let lasting: Vec<&String> = walked.iter().filter(|name| name.starts_with("tea")).collect();
            let unique: BTreeSet<String> = lasting.iter().map(|name| (*name).clone()).collect();
            assert_eq!(
                unique, expected,
                "pages of {page_size} must hold every product that stayed"
            );
            assert_eq!(
                lasting.len(),
                unique.len(),
                "pages of {page_size} must hold each of them once"
            );
        }
    };
    tokio::select! {
        () = walking => {}
        () = churning => unreachable!("rows come and go until the client has read all pages"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn next_page_follows_a_product_that_was_deleted() {
    let platform = Platform::start().await;
    let products = numbered(4);
    platform.database().insert(&products).await;
    let first = platform
        .client()
        .call(LIST, json!({ "pageSize": 2 }))
        .await
        .message();
    assert_eq!(
        names(&first),
        ["tea 3", "tea 2"],
        "the first page must hold the two newest"
    );
    delete(&platform, &products[2]).await;

    let request = json!({ "pageSize": 2, "pageToken": first["nextPageToken"] });
    let second = platform.client().call(LIST, request).await.message();

    assert_eq!(
        names(&second),
        ["tea 1", "tea 0"],
        "the second page must continue where the first one ended"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn page_has_the_requested_number_of_products() {
    let platform = Platform::start().await;
    platform.database().insert(&numbered(101)).await;

    for (asked, given) in [(0, 20), (1, 1), (20, 20), (100, 100)] {
        let page = platform
            .client()
            .call(LIST, json!({ "pageSize": asked }))
            .await
            .message();
        assert_eq!(
            names(&page).len(),
            given,
            "a page of size {asked} must hold {given} of 101 products"
        );
        assert!(
            page["nextPageToken"].is_string(),
            "101 products do not fit: there must be a next page"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_find_text_literally_in_any_case_and_script() {
    let platform = Platform::start().await;
    let longest = "茶".repeat(100);
    let product = |name: &str, description: &str| Product {
        description: description.to_owned(),
        ..Product::named(name)
    };
    platform
        .database()
        .insert(&[
            product("Sencha", "green tea"),
            product("抹茶", "粉末の緑茶"),
            product("ほうじ茶", "焙じた茶葉"),
            product("50% off", "a discount"),
            product("snake_case", "a cup with an underscore"),
            product(r"back\slash", "a cup with a backslash"),
            product("Émile's Café", "coffee"),
            product("が", "a composed letter"),
            product("マッチャ", "株式会社"),
            product("Straße", "İstanbul, ΣΊΣΥΦΟΣ"),
            product("ﾊﾟﾝ", "co\u{ad}oper, 👩\u{200d}🌾"),
        ])
        .await;

    let cases: [(&str, &[&str]); 32] = [
        ("sencha", &["Sencha"]),
        ("SENCHA", &["Sencha"]),
        ("GREEN", &["Sencha"]),
        ("tea", &["Sencha"]),
        ("茶", &["ほうじ茶", "抹茶"]),
        ("緑茶", &["抹茶"]),
        ("ほうじ", &["ほうじ茶"]),
        ("の", &["抹茶"]),
        ("%", &["50% off"]),
        ("0%", &["50% off"]),
        ("_", &["snake_case"]),
        ("e_c", &["snake_case"]),
        (r"\", &[r"back\slash"]),
        (r"k\s", &[r"back\slash"]),
        ("'", &["Émile's Café"]),
        ("émile", &["Émile's Café"]),
        ("か\u{3099}", &["が"]),
        ("  Sencha\u{3000}", &["Sencha"]),
        ("ﾏｯﾁｬ", &["マッチャ"]),
        ("㍿", &["マッチャ"]),
        ("ＳＥＮＣＨＡ", &["Sencha"]),
        ("５０％", &["50% off"]),
        ("＿", &["snake_case"]),
        ("STRASSE", &["Straße"]),
        ("istanbul", &["Straße"]),
        ("σίσυφος", &["Straße"]),
        ("パン", &["ﾊﾟﾝ"]),
        ("Cooper", &["ﾊﾟﾝ"]),
        ("sen\u{200b}cha", &["Sencha"]),
        ("👩\u{200d}🌾", &["ﾊﾟﾝ"]),
        ("nothing like that", &[]),
        (&longest, &[]),
    ];
    for (query, expected) in cases {
        let page = platform
            .client()
            .call(LIST, json!({ "query": query }))
            .await
            .message();
        assert_eq!(
            names(&page),
            expected,
            "the query {query:?} must find exactly these"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_query_hold_every_match_once() {
    let platform = Platform::start().await;
    let mut products = numbered(10);
    for product in products.iter_mut().step_by(2) {
        product.description = "organic".to_owned();
    }
    platform.database().insert(&products).await;

    for page_size in [1, 2, 5, 6] {
        let walked = walk(platform.client(), page_size, "ORGANIC").await;
        let expected = ["tea 8", "tea 6", "tea 4", "tea 2", "tea 0"];
        assert_eq!(
            walked, expected,
            "pages of {page_size} must hold every match once, newest first"
        );
    }
}
