//! The story that the README tells with curl, request by request: from signing up to a confirmed order.

use std::collections::BTreeMap;

use harness::{Issuer, Setup};
use serde_json::{Value, json};

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Somebody without a token.
    Anybody,
    /// Whoever signs up in the story.
    Hana,
    /// Whoever fills the catalogue.
    Admin,
}

/// A request of the story. `$NAME` in its message stands for what an earlier answer had.
struct Step {
    who: Who,
    method: &'static str,
    message: &'static str,
    /// Where in the answer something is that is needed later, and what it is called then.
    kept: &'static [(&'static str, &'static str)],
    /// Where in the answer, and what must be there.
    expected: &'static [(&'static str, &'static str)],
}

const STORY: [Step; 8] = [
    Step {
        who: Who::Anybody,
        method: "user.v1.UserService/CreateUser",
        message: r#"{"email": "hana@example.com", "password": "correct horse battery staple", "name": "山田 花"}"#,
        kept: &[("/user/id", "USER")],
        expected: &[("/user/email", "hana@example.com")],
    },
    Step {
        who: Who::Admin,
        method: "product.v1.ProductService/CreateProduct",
        message: r#"{"name": "宇治抹茶", "price": {"amount": "1980", "currencyCode": "JPY"}, "initialStock": 5}"#,
        kept: &[("/product/id", "PRODUCT")],
        expected: &[("/product/price/amount", "1980.00")],
    },
    Step {
        who: Who::Anybody,
        method: "product.v1.ProductService/ListProducts",
        message: r#"{"query": "抹茶"}"#,
        kept: &[],
        expected: &[("/products/0/id", "$PRODUCT"), ("/products/0/available", "5")],
    },
    Step {
        who: Who::Hana,
        method: "order.v1.OrderService/AddToCart",
        message: r#"{"productId": "$PRODUCT", "quantity": 2}"#,
        kept: &[],
        expected: &[("/cart/totalAmount/amount", "3960.00")],
    },
    Step {
        who: Who::Hana,
        method: "order.v1.OrderService/GetCart",
        message: "{}",
        kept: &[],
        expected: &[
            ("/cart/items/0/name", "宇治抹茶"),
            ("/cart/items/0/quantity", "2"),
        ],
    },
    Step {
        who: Who::Hana,
        method: "order.v1.OrderService/CreateOrder",
        message: r#"{
            "idempotencyKey": "my-first-order",
            "shippingAddress": {"name": "山田 花", "postalCode": "604-8571", "country": "JP", "region": "京都府",
                                "city": "京都市", "line1": "寺町通御池上る"},
            "expectedTotal": {"amount": "3960", "currencyCode": "JPY"}
        }"#,
        kept: &[("/order/id", "ORDER")],
        expected: &[
            ("/order/status", "ORDER_STATUS_CONFIRMED"),
            ("/order/totalAmount/amount", "3960.00"),
        ],
    },
    Step {
        who: Who::Hana,
        method: "order.v1.OrderService/GetOrder",
        message: r#"{"id": "$ORDER"}"#,
        kept: &[],
        expected: &[
            ("/order/status", "ORDER_STATUS_CONFIRMED"),
            ("/order/userId", "$USER"),
        ],
    },
    Step {
        who: Who::Anybody,
        method: "product.v1.ProductService/GetProduct",
        message: r#"{"id": "$PRODUCT"}"#,
        kept: &[],
        expected: &[("/product/available", "3")],
    },
];

/// What earlier answers had, in its places.
fn filled(text: &str, known: &BTreeMap<&str, String>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${name}"), value)
    })
}

/// What is at this place of an answer, as text.
fn at(answer: &Value, place: &str) -> String {
    match answer.pointer(place) {
        Some(Value::String(text)) => text.clone(),
        other => json!(other).to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_the_readme_is_true() {
    let issuer = Issuer::start().await;
    let setup = Setup::new()
        .await
        .variable("issuer", issuer.url())
        .variable("issuer_origin", issuer.url());
    let platform = setup.start().await;
    let admin = "0190163d-8694-739b-aea5-966c26f8ad91";
    let account = format!(
        "insert into user_service.users (id, email, email_key, password_hash, roles)
         values ('{admin}', 'admin@example.com', 'admin@example.com', '$argon2id$', '{{admin}}')"
    );
    platform
        .database()
        .sql()
        .batch_execute(&account)
        .await
        .expect("an account");
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for step in STORY {
        let token = match step.who {
            Who::Anybody => None,
            Who::Hana => Some(issuer.token(&known["USER"])),
            Who::Admin => Some(issuer.admin_token(admin)),
        };
        let message = filled(step.message, &known);
        let message = serde_json::from_str(&message).expect("a message of the story is JSON");
        let answer = platform
            .client()
            .call_as(token.as_deref(), step.method, message)
            .await
            .message();
        for (place, name) in step.kept {
            known.insert(name, at(&answer, place));
        }
        for (place, expected) in step.expected {
            let expected = filled(expected, &known);
            assert_eq!(
                at(&answer, place),
                expected,
                "{} of {}: {answer}",
                place,
                step.method
            );
        }
    }
}
