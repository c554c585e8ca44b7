//! One product.

use super::*;

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
async fn product_is_returned_with_all_its_fields() {
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
async fn anonymous_caller_does_not_see_the_stock() {
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
async fn unknown_product_is_not_found() {
    let platform = Platform::start().await;

    for id in [Uuid::now_v7(), Uuid::nil(), Uuid::max()] {
        let failure = platform.client().call(GET, json!({ "id": id })).await.failure();
        assert_eq!(failure.code, "not_found", "there is no product {id}: {failure:?}");
    }
}
