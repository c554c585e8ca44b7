//! Changes of the catalogue by admins.

use harness::{Answer, Issuer, Setup};
use http::{HeaderValue, header};

use super::*;

/// A platform with an admin and a user who is not an admin.
struct CatalogueTest {
    platform: Platform,
    _issuer: Issuer,
    admin: String,
    user: String,
}

impl CatalogueTest {
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
async fn admin_adds_changes_counts_and_deletes_a_product() {
    let shop = CatalogueTest::open().await;
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
        "the mask names it and it is empty, so it is removed"
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

    let public = shop
        .call("GetProduct", &json!({ "id": id }), None)
        .await
        .message()["product"]
        .clone();
    assert_eq!(
        (&public["available"], &public["quantity"]),
        (&json!(40), &Value::Null)
    );
    let unknown = Uuid::now_v7();
    let ids = json!({ "ids": [unknown, id] });
    let batch = shop.call("BatchGetProducts", &ids, None).await.message();
    assert_eq!(batch, json!({ "products": [public], "missingIds": [unknown] }));

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
    let shop = CatalogueTest::open().await;
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
        "everything is unchanged"
    );

    let internal = shop.platform.client();
    for method in ["ReserveStock", "ExpireReservations"] {
        let answer = internal
            .call(&format!("product.v1.InventoryService/{method}"), json!({}))
            .await;
        assert_eq!(
            answer.status.as_u16(),
            404,
            "{method} must not exist for clients: {}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_the_paths_of_their_fields() {
    let shop = CatalogueTest::open().await;
    let wrong = json!({
        "name": " ", "description": "x".repeat(2001), "price": { "amount": "1.234", "currencyCode": "yen" },
        "imageUrl": "javascript:alert(1)", "initialStock": -1,
    });
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
    // A mask that is absent, null or empty names no field, and so changes nothing.
    for mask in [Value::Null, json!(""), json!("name,quantity"), json!("*")] {
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
    let list = json!({ "query": "x".repeat(101), "pageToken": "?", "pageSize": 101 });
    for (method, message, expected) in [
        ("ListProducts", list, &["pageSize", "pageToken", "query"][..]),
        ("GetProduct", json!({ "id": "\0" }), &["id"]),
        (
            "BatchGetProducts",
            json!({ "ids": [stored.id, "42"] }),
            &["ids[1]"],
        ),
    ] {
        let failure = shop.call(method, &message, None).await.failure();
        assert_eq!(failure.code, "invalid_argument", "{method}: {failure:?}");
        assert_eq!(failure.fields(), expected, "{method}");
    }
    let page = shop.call("ListProducts", &json!({}), None).await.message();
    assert_eq!(
        page,
        json!({ "products": [stored.to_json()] }),
        "nothing was added or changed"
    );
}
