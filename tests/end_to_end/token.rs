//! `cargo xtask token` with the real issuers: the platform accepts the printed token, and a refusal is explained.

use serde_json::json;
use xtask::secret::Secret;
use xtask::token::{WantedToken, obtain};

use crate::sign_in::{Issuer, World, over_both_issuers, shop_at};

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "correct horse battery";

over_both_issuers!(
    printed_token_is_accepted_by_the_platform,
    refusal_of_the_issuer_is_explained,
);

/// A platform with an account, and with the redirect URI of `cargo xtask token` at its application.
async fn world(issuer: Issuer) -> World {
    let world = World::start(issuer).await;
    world
        .set_client("shop", None, shop_at("http://127.0.0.1:3000"))
        .await;
    world.sign_up(EMAIL, PASSWORD).await;
    world
}

/// The token, or the error message.
async fn token(world: &World, password: &str, scopes: &[&str]) -> Result<Secret, String> {
    let wanted = WantedToken {
        issuer: world.issuer_url.parse().expect("an origin"),
        email: EMAIL.to_owned(),
        password: Secret::new(password),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    obtain(&wanted).await.map_err(|error| format!("{error:#}"))
}

async fn printed_token_is_accepted_by_the_platform(issuer: Issuer) {
    let world = world(issuer).await;
    let token = token(&world, PASSWORD, &["openid"]).await.expect("a token");
    let orders = "order.v1.OrderService/ListOrders";
    let answer = world
        .client
        .call_as(Some(token.reveal()), orders, json!({}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn refusal_of_the_issuer_is_explained(issuer: Issuer) {
    let world = world(issuer).await;
    let error = token(&world, "a wrong password", &["openid"]).await;
    let error = error.expect_err("the password is wrong");
    assert!(error.contains("cannot sign in with this password: "), "{error}");
    let error = token(&world, PASSWORD, &["openid", "admin"]).await;
    let error = error.expect_err("they are no admin");
    assert!(error.contains("cargo xtask admin mina@example.com"), "{error}");
    let error = token(&world, PASSWORD, &["openid", "everything"]).await;
    let error = error.expect_err("the client has no such scope");
    assert!(error.contains("invalid_scope"), "{error}");
}
