//! The OpenAPI document against the platform, by Schemathesis from PyPI: it makes requests up from the document, and no answer
//! may be a server error or one that the document does not allow.
//!
//! What it tries and checks is in `clients/schemathesis`. `AKINAI_SCHEMATHESIS_SECONDS=600` has it go on for so long.

use harness::now;
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
    let (leaving, ken, mina) = (
        shop.account("leaving").await,
        shop.account("ken").await,
        shop.account("mina").await,
    );
    shop.make_admin(&ken).await;
    let token = token_of(&shop, &mina, "openid");
    schemathesis
        .env("AKINAI_LEAVING_TOKEN", token_of(&shop, &leaving, "openid"))
        .env("AKINAI_ADMIN_TOKEN", token_of(&shop, &ken, "openid admin"))
        .env("AKINAI_ORDER", order(&shop, &token).await)
        .env("AKINAI_USER", mina)
        .env("AKINAI_TOKEN", token);
    shop.must_pass(&mut schemathesis).await;
}

/// A token that a long run does not outlive.
fn token_of(shop: &Shop, user: &str, scope: &str) -> String {
    let mut claims = shop.issuer.claims(user);
    claims["scope"] = scope.into();
    claims["exp"] = (now() + 4 * 3600).into();
    shop.issuer.sign(&claims)
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
