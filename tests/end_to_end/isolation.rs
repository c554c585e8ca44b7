//! Instances serve many callers at the same time. No caller may see the data of another.

use futures::future::join_all;
use harness::{Client, Platform, Product};
use http::HeaderValue;
use serde_json::json;

/// The most requests that the host sends to one instance at the same time.
const CALLERS: usize = 16;

/// More requests than an instance serves in its life, so that instances are also replaced during the test.
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_interleaved_callers_get_only_their_own_answers() {
    let platform = Platform::start().await;
    let products: Vec<Product> = (0..CALLERS)
        .map(|number| Product {
            description: "x".repeat(number * 100),
            ..Product::named(format!("only for {number:02}"))
        })
        .collect();
    platform.database().insert(&products).await;

    let callers = products
        .iter()
        .enumerate()
        .map(|(number, product)| caller(platform.client(), number, product));
    join_all(callers).await;
}

/// One caller: reads its product, searches for it, opens an account and makes an error, in a loop without pauses.
async fn caller(client: &Client, number: usize, product: &Product) {
    for round in 0..ROUNDS {
        let id = format!("caller-{number}-round-{round}");

        let read = send(
            client,
            &id,
            "product.v1.ProductService/GetProduct",
            json!({ "id": product.id }),
        )
        .await;
        assert_eq!(
            read.message(),
            json!({ "product": product.to_json() }),
            "{id} must get the product it asked for"
        );

        let query = json!({ "query": product.name, "pageSize": 100 });
        let found = send(client, &id, "product.v1.ProductService/ListProducts", query)
            .await
            .message();
        let mine = found["products"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|found| *found == product.to_json());
        assert!(mine, "{id} must find its own product, but got {found}");

        let wrong = "w".repeat(number + 1);
        let failed = send(
            client,
            &id,
            "product.v1.ProductService/GetProduct",
            json!({ "id": wrong }),
        )
        .await;
        assert_eq!(failed.failure().fields(), ["id"], "{id} must get its own error");

        if round % 10 == 0 {
            let email = format!("{id}@example.com");
            let request = json!({ "email": email, "password": "correct horse", "name": id });
            let user = send(client, &id, "user.v1.UserService/CreateUser", request)
                .await
                .message();
            assert_eq!(
                user["user"]["email"],
                email.as_str(),
                "{id} must get the account it opened"
            );
            assert_eq!(
                user["user"]["name"],
                id.as_str(),
                "{id} must get the account it opened"
            );
        }
    }
}

async fn send(client: &Client, id: &str, method: &str, message: serde_json::Value) -> harness::Answer {
    let mut request = client.post(&format!("/{method}"), message.to_string());
    request
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_str(id).expect("a valid id"));
    let answer = client.send(request).await;
    assert_eq!(
        answer.header("x-request-id"),
        Some(id),
        "{id} must get its own request id back"
    );
    answer
}
