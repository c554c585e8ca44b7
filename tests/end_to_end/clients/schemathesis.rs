//! Tests the platform against the OpenAPI document with Schemathesis from PyPI. It generates requests from the document. No
//! answer may be a server error, or an answer that the document does not allow.
//!
//! Its configuration is in `clients/schemathesis`. With `AKINAI_SCHEMATHESIS_SECONDS=600` it runs for 600 seconds.

use harness::now;
use serde_json::json;
use tokio::process::Command;
use xtask::workspace::Workspace;

use super::{Shop, client, command, python};

/// The number of requests that are generated for an operation if no time is given.
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

/// A token that does not expire during a long run.
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

/// Creates an order of the token's user. Returns its id.
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
