//! The OpenAPI document against the platform, by Schemathesis from PyPI: it makes requests up from the document, and no answer
//! may be a server error or one that the document does not allow.
//!
//! What it tries and checks is in `clients/schemathesis`. `AKINAI_SCHEMATHESIS_SECONDS=600` has it go on for so long.

use serde_json::json;
use tokio::process::Command;
use xtask::workspace::Workspace;

use super::{Shop, client, command, python};

/// How many requests are made up for an operation, where no time is given.
const REQUESTS: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_gets_only_answers_that_the_openapi_document_allows() {
    let shop = Shop::open().await;
    let mut schemathesis = schemathesis(&shop).await;
    schemathesis
        .env("AKINAI_LEAVING_TOKEN", shop.token("leaving").await)
        .env("AKINAI_ADMIN_TOKEN", shop.admin_token("ken").await);
    let mina = shop.account("mina").await;
    let token = shop.issuer.token(&mina);
    schemathesis
        .env("AKINAI_ORDER", order(&shop, &token).await)
        .env("AKINAI_USER", mina)
        .env("AKINAI_TOKEN", token);
    shop.must_pass(&mut schemathesis).await;
}

async fn schemathesis(shop: &Shop) -> Command {
    let folder = client("schemathesis");
    let python = python::environment(&folder).await;
    let mut schemathesis = command(python.with_file_name("schemathesis"), &folder);
    schemathesis
        .arg("run")
        .arg(Workspace::here().root().join("docs/openapi.json"))
        .args(["--url", &shop.platform.url()]);
    match std::env::var("AKINAI_SCHEMATHESIS_SECONDS") {
        Ok(seconds) => schemathesis.args(["--max-time", &seconds]),
        Err(_) => schemathesis.args(["--max-examples", REQUESTS]),
    };
    schemathesis
}

/// An order of a token's user; its id.
async fn order(shop: &Shop, token: &str) -> String {
    let request = json!({
        "idempotencyKey": "one",
        "shippingAddress": { "name": "山田 花", "country": "JP", "city": "京都市", "line1": "寺町通" },
        "items": [{ "productId": shop.catalogue[0]["id"], "quantity": 1 }],
    });
    let client = shop.platform.client();
    let answer = client
        .call_as(Some(token), "order.v1.OrderService/CreateOrder", request)
        .await
        .message();
    let id = answer["order"]["id"].as_str();
    id.expect("an order has an id").to_owned()
}
