//! The catalogue through the bff: what is in Postgres is what clients get.

use std::collections::BTreeSet;

use harness::{Answer, Client, Issuer, Platform, Product, Setup};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use uuid::Uuid;

const GET: &str = "product.v1.ProductService/GetProduct";
const LIST: &str = "product.v1.ProductService/ListProducts";

/// `count` products, oldest first.
fn numbered(count: usize) -> Vec<Product> {
    (0..count)
        .map(|number| Product::named(format!("tea {number}")))
        .collect()
}

fn names(page: &Value) -> Vec<String> {
    let products = page["products"].as_array().map(Vec::as_slice).unwrap_or_default();
    products
        .iter()
        .map(|product| product["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

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
async fn lists_exactly_what_is_in_postgres() {
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
        "the page must hold the rows, newest first, and nothing else"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_catalogue_is_an_empty_page() {
    let platform = Platform::start().await;

    let page = platform
        .client()
        .call(LIST, json!({ "pageSize": 5 }))
        .await
        .message();

    assert_eq!(
        page,
        json!({}),
        "a list of nothing has neither products nor a next page"
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
async fn paging_misses_and_repeats_nothing_while_rows_come_and_go() {
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
async fn a_page_goes_on_although_its_last_product_was_deleted() {
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
        "the second page must go on where the first one ended"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn page_sizes_from_0_to_100_are_taken_and_others_refused() {
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
    for asked in [101, -1, i32::MAX, i32::MIN] {
        let failure = platform
            .client()
            .call(LIST, json!({ "pageSize": asked }))
            .await
            .failure();
        assert_eq!(
            failure.code, "invalid_argument",
            "a page of {asked} must be refused: {failure:?}"
        );
        assert_eq!(
            failure.fields(),
            ["pageSize"],
            "and the error must name the field"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_tokens_that_no_list_returned_are_refused() {
    let platform = Platform::start().await;

    for token in [
        "x",
        "!",
        "日本",
        "AAAA",
        "00000000-0000-7000-8000-000000000000",
        "' or 1=1 --",
        &"A".repeat(513),
    ] {
        let failure = platform
            .client()
            .call(LIST, json!({ "pageToken": token }))
            .await
            .failure();
        assert_eq!(
            failure.code, "invalid_argument",
            "the token {token:?} must be refused: {failure:?}"
        );
        assert_eq!(
            failure.fields(),
            ["pageToken"],
            "and the error must name the field"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_find_text_literally_in_any_case_and_script() {
    let platform = Platform::start().await;
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

    let cases: [(&str, &[&str]); 31] = [
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
async fn a_query_is_paged_like_the_whole_list() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_query_has_at_most_100_characters() {
    let platform = Platform::start().await;

    platform
        .client()
        .call(LIST, json!({ "query": "茶".repeat(100) }))
        .await
        .message();

    for query in ["茶".repeat(101), "a\0b".to_owned(), "a\nb".to_owned()] {
        let failure = platform
            .client()
            .call(LIST, json!({ "query": query }))
            .await
            .failure();
        assert_eq!(
            failure.code, "invalid_argument",
            "the query {query:?} must be refused: {failure:?}"
        );
        assert_eq!(failure.fields(), ["query"], "and the error must name the field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_fields_are_named_at_once() {
    let platform = Platform::start().await;
    let request = json!({ "query": "x".repeat(101), "pageToken": "?", "pageSize": 101 });

    let failure = platform.client().call(LIST, request).await.failure();

    assert_eq!(
        failure.code, "invalid_argument",
        "three wrong fields must be refused: {failure:?}"
    );
    assert_eq!(
        failure.fields(),
        ["pageSize", "pageToken", "query"],
        "each must be named, in the order of the message"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_products_are_neither_listed_nor_found() {
    let platform = Platform::start().await;
    let products = numbered(3);
    platform.database().insert(&products).await;
    delete(&platform, &products[1]).await;

    let page = platform
        .client()
        .call(LIST, json!({ "query": "tea" }))
        .await
        .message();
    assert_eq!(
        names(&page),
        ["tea 2", "tea 0"],
        "a deleted product must not be listed"
    );

    let failure = platform
        .client()
        .call(GET, json!({ "id": products[1].id }))
        .await
        .failure();
    assert_eq!(
        failure.code, "not_found",
        "a deleted product must not be found: {failure:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gets_one_product() {
    let platform = Platform::start().await;
    let product = Product {
        description: "From Uji.".to_owned(),
        image_url: Some("https://images.example/matcha.png".to_owned()),
        price: "12345678".to_owned(),
        quantity: 12,
        reserved: 5,
        created_at: "2026-01-31T23:59:59.123456Z".to_owned(),
        updated_at: "2026-02-01T00:00:00.120Z".to_owned(),
        ..Product::named("抹茶")
    };
    platform.database().insert(std::slice::from_ref(&product)).await;

    let expected = json!({ "product": product.to_json() });
    for id in [product.id.to_string(), product.id.to_string().to_uppercase()] {
        let message = platform.client().call(GET, json!({ "id": id })).await.message();
        assert_eq!(
            message, expected,
            "money must be a decimal string, times RFC 3339 in UTC, for the id {id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_see_the_stock_behind_what_is_available() {
    let platform = Platform::start().await;
    let product = Product {
        quantity: 12,
        reserved: 5,
        ..Product::named("matcha")
    };
    platform.database().insert(std::slice::from_ref(&product)).await;

    let message = platform
        .client()
        .call(GET, json!({ "id": product.id }))
        .await
        .message();

    for field in ["quantity", "reserved", "version"] {
        assert_eq!(
            message["product"][field],
            Value::Null,
            "an anonymous caller must not see {field}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_product_is_not_found() {
    let platform = Platform::start().await;

    for id in [Uuid::now_v7(), Uuid::nil(), Uuid::max()] {
        let failure = platform.client().call(GET, json!({ "id": id })).await.failure();
        assert_eq!(failure.code, "not_found", "there is no product {id}: {failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_is_refused() {
    let platform = Platform::start().await;

    for id in [
        "",
        "42",
        "not-a-uuid",
        "0190163d-8694-739b-aea5-966c26f8ad9",
        "' or ''='",
        "\u{0}",
    ] {
        let failure = platform.client().call(GET, json!({ "id": id })).await.failure();
        assert_eq!(
            failure.code, "invalid_argument",
            "{id:?} is no UUID and must be refused: {failure:?}"
        );
        assert_eq!(failure.fields(), ["id"], "and the error must name the field");
    }
}

async fn delete(platform: &Platform, product: &Product) {
    let delete = "update product_service.products set is_deleted = true, deleted_at = now() where id = $1";
    let deleted = platform.database().sql().execute(delete, &[&product.id]).await;
    assert_eq!(
        deleted.expect("a product can be deleted"),
        1,
        "there is one such product"
    );
}

/// A platform with an admin and a user who is no admin.
struct Shop {
    platform: Platform,
    _issuer: Issuer,
    admin: String,
    user: String,
}

impl Shop {
    async fn open() -> Self {
        let issuer = Issuer::start().await;
        let setup = Setup::new().await;
        let setup = setup.variable("issuer", issuer.url());
        let platform = setup.variable("issuer_origin", issuer.url()).start().await;
        let mut ids = Vec::new();
        for name in ["ken", "mina"] {
            let account = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
            let answer = platform
                .client()
                .call("user.v1.UserService/CreateUser", account)
                .await;
            let id = answer.message()["user"]["id"].clone();
            ids.push(id.as_str().expect("a new account has an id").to_owned());
        }
        let promote = format!(
            "update user_service.users set roles = '{{admin}}' where id = '{}'",
            ids[0]
        );
        platform
            .database()
            .sql()
            .batch_execute(&promote)
            .await
            .expect("the role is given");
        Self {
            admin: issuer.admin_token(&ids[0]),
            user: issuer.token(&ids[1]),
            platform,
            _issuer: issuer,
        }
    }

    async fn call(&self, method: &str, message: &Value, token: Option<&str>) -> Answer {
        let client = self.platform.client();
        let mut request = client.post(
            &format!("/product.v1.ProductService/{method}"),
            message.to_string(),
        );
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a token");
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        client.send(request).await
    }

    async fn by_admin(&self, method: &str, message: Value) -> Answer {
        self.call(method, &message, Some(&self.admin)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_keeps_the_catalogue() {
    let shop = Shop::open().await;
    let tea = json!({
        "name": "抹茶", "description": "石臼挽き。", "price": { "amount": "1980.0", "currencyCode": "JPY" },
        "imageUrl": "https://images.example/matcha.png", "initialStock": 3,
    });
    let made = shop.by_admin("CreateProduct", tea).await.message()["product"].clone();
    let id = &made["id"];
    assert_eq!(made["price"], json!({ "amount": "1980", "currencyCode": "JPY" }));
    assert_eq!(
        (&made["quantity"], &made["version"]),
        (&json!(3), &json!("1")),
        "an admin sees the stock"
    );

    let change = json!({ "id": id, "name": "not this", "price": { "amount": "5", "currencyCode": "EUR" }, "updateMask": "price,imageUrl" });
    let changed = shop.by_admin("UpdateProduct", change).await.message()["product"].clone();
    assert_eq!(
        changed["price"],
        json!({ "amount": "5.00", "currencyCode": "EUR" })
    );
    assert_eq!(
        changed["imageUrl"],
        Value::Null,
        "the mask names it, and it is empty: taken away"
    );
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&made["name"], &made["description"])
    );

    let count = json!({ "productId": id, "quantity": 40, "expectedVersion": made["version"] });
    let counted = shop.by_admin("UpdateStock", count.clone()).await.message()["product"].clone();
    assert_eq!(
        (&counted["available"], &counted["version"]),
        (&json!(40), &json!("2"))
    );
    let again = shop.by_admin("UpdateStock", count).await.failure();
    assert_eq!(again.code, "aborted", "the version is another by now: {again:?}");

    let anyone = shop
        .call("GetProduct", &json!({ "id": id }), None)
        .await
        .message()["product"]
        .clone();
    assert_eq!(
        (&anyone["available"], &anyone["quantity"]),
        (&json!(40), &Value::Null)
    );
    let unknown = Uuid::now_v7();
    let ids = json!({ "ids": [unknown, id] });
    let batch = shop.call("BatchGetProducts", &ids, None).await.message();
    assert_eq!(batch, json!({ "products": [anyone], "missingIds": [unknown] }));

    for _ in 0..2 {
        assert_eq!(
            shop.by_admin("DeleteProduct", json!({ "id": id }))
                .await
                .message(),
            json!({})
        );
    }
    let gone = shop
        .call("GetProduct", &json!({ "id": id }), None)
        .await
        .failure();
    assert_eq!(gone.code, "not_found");
    let batch = shop.call("BatchGetProducts", &ids, None).await.message();
    assert_eq!(batch, json!({ "missingIds": [unknown, id] }));
    assert_eq!(
        names(&shop.call("ListProducts", &json!({}), None).await.message()),
        [""; 0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_change_the_catalogue() {
    let shop = Shop::open().await;
    let stored = Product::named("tea");
    shop.platform
        .database()
        .insert(std::slice::from_ref(&stored))
        .await;
    let price = json!({ "amount": "1", "currencyCode": "JPY" });
    let calls = [
        ("CreateProduct", json!({ "name": "x", "price": price })),
        (
            "UpdateProduct",
            json!({ "id": stored.id, "name": "x", "updateMask": "name" }),
        ),
        ("DeleteProduct", json!({ "id": stored.id })),
        (
            "UpdateStock",
            json!({ "productId": stored.id, "quantity": 0, "expectedVersion": 1 }),
        ),
    ];
    for (method, message) in &calls {
        let failure = shop.call(method, message, Some(&shop.user)).await.failure();
        assert_eq!(failure.code, "permission_denied", "{method} by a user");
        let failure = shop.call(method, message, None).await.failure();
        assert_eq!(failure.code, "unauthenticated", "{method} without a token");
    }
    let page = shop.call("ListProducts", &json!({}), None).await.message();
    assert_eq!(
        page,
        json!({ "products": [stored.to_json()] }),
        "all is as it was"
    );

    let internal = shop.platform.client();
    for method in ["ReserveStock", "ExpireReservations"] {
        let answer = internal
            .call(&format!("product.v1.InventoryService/{method}"), json!({}))
            .await;
        assert_eq!(
            answer.status.as_u16(),
            404,
            "{method} is not there for the outside: {}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_product_is_refused_field_by_field() {
    let shop = Shop::open().await;
    let wrong = json!({
        "name": " ", "description": "x".repeat(2001), "price": { "amount": "1.234", "currencyCode": "yen" },
        "imageUrl": "javascript:alert(1)", "initialStock": -1,
    });
    for (field, product) in [
        (
            "name",
            json!({ "name": "\u{200b}", "price": { "amount": "1", "currencyCode": "JPY" } }),
        ),
        (
            "price.amount",
            json!({ "name": "x", "price": { "amount": "1980.50", "currencyCode": "JPY" } }),
        ),
        (
            "price.currencyCode",
            json!({ "name": "x", "price": { "amount": "1", "currencyCode": "ABC" } }),
        ),
    ] {
        let failure = shop.by_admin("CreateProduct", product).await.failure();
        assert_eq!(failure.fields(), [field]);
    }
    let failure = shop.by_admin("CreateProduct", wrong).await.failure();
    let expected = [
        "name",
        "description",
        "price.amount",
        "price.currencyCode",
        "imageUrl",
        "initialStock",
    ];
    assert_eq!(
        (failure.code.as_str(), failure.fields()),
        ("invalid_argument", expected.to_vec())
    );
    let bare = shop
        .by_admin("CreateProduct", json!({ "name": "x" }))
        .await
        .failure();
    assert_eq!(bare.fields(), ["price"]);

    let stored = Product::named("tea");
    shop.platform
        .database()
        .insert(std::slice::from_ref(&stored))
        .await;
    for mask in [
        Value::Null,
        json!(""),
        json!("id"),
        json!("name,quantity"),
        json!("price.amount"),
        json!("*"),
    ] {
        let change = json!({ "id": stored.id, "name": "x", "updateMask": mask });
        let failure = shop.by_admin("UpdateProduct", change).await.failure();
        assert_eq!(
            (failure.code.as_str(), failure.fields()),
            ("invalid_argument", vec!["updateMask"]),
            "{mask}"
        );
    }
    let unknown = json!({ "id": Uuid::now_v7(), "name": "x", "updateMask": "name" });
    assert_eq!(
        shop.by_admin("UpdateProduct", unknown).await.failure().code,
        "not_found"
    );
    let count = json!({ "productId": stored.id, "quantity": 1_000_001, "expectedVersion": 0 });
    let failure = shop.by_admin("UpdateStock", count).await.failure();
    assert_eq!(failure.fields(), ["quantity", "expectedVersion"]);
    let many = json!({ "ids": vec![stored.id; 101] });
    assert_eq!(
        shop.call("BatchGetProducts", &many, None)
            .await
            .failure()
            .fields(),
        ["ids"]
    );
    let page = shop.call("ListProducts", &json!({}), None).await.message();
    assert_eq!(
        page,
        json!({ "products": [stored.to_json()] }),
        "nothing was added or changed"
    );
}
