//! Authorization codes: PKCE, the redirect URI, one use.

use crate::authorization::service::BrowserCookies;
use crate::clients::domain::GrantType;
use crate::testing::{
    World, consent, denied, exchange, form, login, public, refresh_token, request, run, signing_key,
};

const OTHER_VERIFIER: &str = "another-verifier-of-the-right-length-and-letters";

#[test]
fn code_gives_tokens_with_the_granted_scopes() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let code = world.code(&mut browser, &request(&[]), login(), consent(&["openid"]));
    let tokens = world.issue(public("shop"), &exchange(&code, &[])).unwrap();
    assert_eq!(
        (tokens.scopes.as_slice(), tokens.expires_in),
        (&["openid".to_owned()][..], 900)
    );
    assert!(tokens.id_token.is_some());
    assert!(tokens.refresh_token.is_none(), "offline access was not granted");
    assert!(world.is_active(&tokens.access_token));
    assert!(
        !world.is_active(&tokens.id_token.unwrap()),
        "an ID token is no access token"
    );
}

#[test]
fn code_needs_its_client_its_address_and_its_verifier() {
    let world = World::new();
    let code = world.new_code();
    for (name, value, error) in [
        ("code_verifier", "", "invalid_request"),
        ("code_verifier", "short", "invalid_grant"),
        ("code_verifier", OTHER_VERIFIER, "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "https://shop.example/cc", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("code", "guessed", "invalid_grant"),
    ] {
        let result = world.issue(public("shop"), &exchange(&code, &[(name, value)]));
        assert_eq!(denied(result), error, "{name}={value}");
    }
    let result = world.issue(public("other"), &exchange(&code, &[]));
    assert_eq!(denied(result), "invalid_grant", "another client's");
    let result = world.issue(public("shop"), &exchange(&code, &[]));
    assert_eq!(denied(result), "granted", "the attempts have not used it up");
}

#[test]
fn code_used_twice_revokes_its_tokens() {
    let world = World::new();
    let code = world.new_code();
    let tokens = world.issue(public("shop"), &exchange(&code, &[])).unwrap();
    let again = world.issue(public("shop"), &exchange(&code, &[]));
    assert_eq!(denied(again), "invalid_grant");
    assert!(!world.is_active(&tokens.access_token));
    let refreshed = world.refresh(refresh_token(&tokens));
    assert_eq!(denied(refreshed), "invalid_grant");
}

#[test]
fn code_expires_after_a_minute() {
    let world = World::new();
    let (in_time, late) = (world.new_code(), world.new_code());
    world.store.pass(59);
    assert_eq!(
        denied(world.issue(public("shop"), &exchange(&in_time, &[]))),
        "granted"
    );
    world.store.pass(1);
    assert_eq!(
        denied(world.issue(public("shop"), &exchange(&late, &[]))),
        "invalid_grant"
    );
}

#[test]
fn code_of_a_revoked_grant_is_refused() {
    let world = World::new();
    let code = world.new_code();
    run(world.tokens().revoke_grants_of_client("shop")).unwrap();
    assert_eq!(
        denied(world.issue(public("shop"), &exchange(&code, &[]))),
        "invalid_grant"
    );
}

#[test]
fn without_a_signing_key_no_code_is_used_up() {
    let world = World::empty();
    world.register("shop", |_| {});
    let code = world.new_code();
    let result = world.issue(public("shop"), &exchange(&code, &[]));
    assert_eq!(denied(result), "failure");
    run(world.keys().import(Ok(signing_key(0)))).unwrap();
    assert_eq!(
        denied(world.issue(public("shop"), &exchange(&code, &[]))),
        "granted"
    );
}

#[test]
fn client_that_may_not_refresh_gets_no_refresh_token() {
    let world = World::new();
    world.change("shop", |registration| {
        registration.client.grant_types = vec![GrantType::AuthorizationCode];
    });
    let tokens = world.signed_in();
    assert!(tokens.refresh_token.is_none());
    assert_eq!(tokens.scopes, ["openid", "offline_access"]);
}

#[test]
fn code_is_no_refresh_token() {
    let world = World::new();
    let code = world.new_code();
    let crossed = form(&[("grant_type", "refresh_token"), ("refresh_token", &code)], &[]);
    assert_eq!(denied(world.issue(public("shop"), &crossed)), "invalid_grant");
}
