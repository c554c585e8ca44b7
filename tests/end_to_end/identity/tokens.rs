//! Tokens and signing keys: which tokens are accepted, and what happens when the issuer's keys change or its server stops.

use std::time::Duration;

use harness::{Issuer, now};
use serde_json::{Value, json};

use super::{LIST_PRODUCTS, World, code};

/// Claims of signed tokens that must be refused.
fn wrong_claims(issuer: &Issuer, user: &str) -> Vec<(&'static str, Value)> {
    let claims = issuer.claims(user);
    let change = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    };
    vec![
        ("expired", change("exp", (now() - 60).into())),
        ("not valid yet", change("nbf", (now() + 120).into())),
        ("from the future", change("iat", (now() + 120).into())),
        ("of another issuer", change("iss", "http://issuer.example".into())),
        (
            "of almost our issuer",
            change("iss", format!("{}/", issuer.url()).into()),
        ),
        ("for another API", change("aud", "other".into())),
        ("for a client", change("aud", "shop".into())),
        ("an ID token", change("nonce", "n".into())),
        ("an ID token with at_hash", change("at_hash", "h".into())),
        ("without a client", without("client_id")),
        ("without an end", without("exp")),
        ("without a subject", without("sub")),
        ("bound to a sender", change("cnf", json!({ "jkt": "x" }))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_with_wrong_claims_are_refused() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    for (what, claims) in wrong_claims(&world.issuer, &mina) {
        let answer = world.get_user(&mina, Some(&world.issuer.sign(&claims))).await;
        assert_eq!(code(&answer), "401 unauthenticated", "a token {what}");
        let text = answer.text();
        assert!(!text.contains("eyJ"), "the answer quotes the token: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_new_signing_key_are_accepted_without_a_restart() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    let old = world.issuer.token(&mina);
    assert_eq!(code(&world.get_user(&mina, Some(&old)).await), "200 ok");
    let fetches = world.issuer.fetches();
    world.issuer.rotate();
    // The keys are fetched once in ten seconds at most.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let tokens: Vec<_> = (0..16).map(|_| world.issuer.token(&mina)).collect();
    let answers =
        futures::future::join_all(tokens.iter().map(|token| world.get_user(&mina, Some(token)))).await;
    for answer in answers {
        assert_eq!(
            code(&answer),
            "200 ok",
            "a token of the new key: {}",
            answer.text()
        );
    }
    assert_eq!(world.issuer.fetches(), fetches + 1, "one fetch for all tokens");
    assert_eq!(
        code(&world.get_user(&mina, Some(&old)).await),
        "200 ok",
        "a token of the old key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_accepted_while_the_issuer_is_unavailable() {
    let world = World::start().await;
    let mina = world.user("mina").await;
    assert_eq!(
        code(&world.get_user(&mina, Some(&world.issuer.token(&mina))).await),
        "200 ok"
    );
    world.issuer.set_away(true);
    let new = world.issuer.token(&mina);
    assert_eq!(
        code(&world.get_user(&mina, Some(&new)).await),
        "200 ok",
        "a new token of a known key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_unavailable_without_any_signing_keys() {
    let world = World::start().await;
    world.issuer.set_away(true);
    let mina = world.user("mina").await;
    let answer = world.get_user(&mina, Some(&world.issuer.token(&mina))).await;
    assert_eq!(code(&answer), "503 unavailable", "{}", answer.text());
    assert_eq!(
        code(&world.call(LIST_PRODUCTS, json!({}), None).await),
        "200 ok",
        "public methods are served"
    );
}
