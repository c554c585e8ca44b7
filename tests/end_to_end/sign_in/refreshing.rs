//! Refresh tokens: rotation, reuse and revocation.

use serde_json::Value;

use super::browser::Browser;
use super::{ALL, EMAIL, Issuer, PASSWORD, World, as_form, encoded, over_both_issuers, parsed, shop};

over_both_issuers!(
    a_refresh_token_that_comes_again_after_its_successor_ends_the_family,
    two_tabs_that_refresh_at_once_are_no_theft,
    a_client_cannot_revoke_the_token_of_another,
);

async fn a_refresh_token_that_comes_again_after_its_successor_ends_the_family(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let first = world.exchange(&back["code"]).await;
    let second = parsed(&world.refresh(&first).await);
    let third = parsed(&world.refresh(&second).await);
    for (what, tokens) in [("stolen", &first), ("newest", &third)] {
        let refused = world.refresh(tokens).await;
        assert_eq!(refused.status, 400, "the {what} one: {}", refused.text());
        let error: Value = serde_json::from_slice(&refused.body).expect("JSON");
        assert_eq!(error["error"], "invalid_grant", "the {what} one");
    }
}

async fn two_tabs_that_refresh_at_once_are_no_theft(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let tokens = world.exchange(&back["code"]).await;
    let one = parsed(&world.refresh(&tokens).await);
    let other = world.refresh(&tokens).await.status;
    let status = match issuer {
        Issuer::Component => 200,
        // Hydra treats it as theft, unless a grace period is configured.
        Issuer::Hydra => 400,
    };
    assert_eq!(other, status, "the other tab");
    assert_eq!(world.refresh(&one).await.status, status, "the first tab again");
}

async fn a_client_cannot_revoke_the_token_of_another(issuer: Issuer) {
    let world = World::start(issuer).await;
    world.sign_up(EMAIL, PASSWORD).await;
    world.set_client("other", None, shop()).await;
    let back = Browser::default()
        .sign_in(&world, "openid offline_access", &ALL)
        .await;
    let tokens = world.exchange(&back["code"]).await;
    let token = tokens["refresh_token"].as_str().expect("a refresh token");
    let form = encoded(&[("client_id", "other"), ("token", token)]);
    let request = as_form(world.issuer.request("POST", "/oauth2/revoke", form.into()));
    let answer = world.issuer.send(request).await;
    let status = match issuer {
        Issuer::Component => 400,
        // ory/hydra#4025.
        Issuer::Hydra => 200,
    };
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(world.refresh(&tokens).await.status, 200, "the token lives");
}
