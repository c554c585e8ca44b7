//! Authorization requests: which requests are refused, and where the error is shown.

use super::super::{BrowserCookies, NextStop};
use crate::clients::domain::GrantType;
use crate::testing::{CALLBACK, USER, World, consent, ended, login, parameters, request, run};

#[test]
fn request_goes_over_login_and_consent_to_the_client() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_login(&mut browser, &request(&[("login_hint", "h")]));
    let asked = run(world.authorization().login_request(&challenge)).unwrap();
    assert_eq!(asked.request.scopes, ["openid", "offline_access"]);
    assert_eq!(asked.request.hints.login_hint, "h");
    assert_eq!((asked.flow.login_skip, asked.flow.subject), (false, None));
    assert_eq!(asked.client.client.id, "shop");
    assert!(asked.url.starts_with("https://id.example/oauth2/auth?"));

    let url = run(world.authorization().accept_login(&challenge, login())).unwrap();
    let Ok(NextStop::Consent { challenge, .. }) = world.open(&mut browser, &parameters(&url)) else {
        panic!("the browser goes to the consent page");
    };
    let asked = run(world.authorization().consent_request(challenge.reveal()));
    let (asked, accepted) = asked.unwrap();
    assert_eq!((accepted.subject.as_str(), accepted.acr.as_str()), (USER, "1"));
    assert!(!asked.flow.consent_skip);

    let consent = consent(&["openid"]);
    let url = run(world.authorization().accept_consent(challenge.reveal(), consent)).unwrap();
    match world.open(&mut browser, &parameters(&url)) {
        Ok(NextStop::Client { target, scope, .. }) => {
            assert_eq!(target.redirect_uri, CALLBACK);
            assert_eq!(target.state.as_deref(), Some("the state"));
            assert_eq!(scope, "openid");
        }
        other => panic!("the browser goes to the client, not to {other:?}"),
    }
}

#[test]
fn error_of_an_unknown_redirect_uri_or_client_is_shown_to_the_user_only() {
    let world = World::new();
    for (name, value, error) in [
        ("redirect_uri", "https://shop.example/cc", "invalid_request"),
        ("redirect_uri", "https://shop.example/cb/", "invalid_request"),
        ("redirect_uri", "http://shop.example/cb", "invalid_request"),
        ("redirect_uri", "https://shop.example.evil/cb", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("client_id", "unknown", "invalid_client"),
        ("client_id", "", "invalid_request"),
    ] {
        let result = world.open(&mut BrowserCookies::default(), &request(&[(name, value)]));
        assert_eq!(ended(result), format!("user: {error}"), "{name}={value}");
    }
}

#[test]
fn request_with_a_fault_is_refused_at_the_client() {
    let world = World::new();
    for (name, value, error) in [
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "openid root", "invalid_scope"),
        ("audience", "elsewhere", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("id_token_hint", "nonsense", "invalid_request"),
    ] {
        let result = world.open(&mut BrowserCookies::default(), &request(&[(name, value)]));
        assert_eq!(ended(result), format!("client: {error}"), "{name}={value}");
    }
    world.change("shop", |registration| {
        registration.client.grant_types = vec![GrantType::RefreshToken];
    });
    let result = world.open(&mut BrowserCookies::default(), &request(&[]));
    assert_eq!(ended(result), "client: unauthorized_client");
}

#[test]
fn two_verifiers_in_one_request_are_refused() {
    let verifiers = [("login_verifier", "a"), ("consent_verifier", "b")];
    let result = World::new().open(&mut BrowserCookies::default(), &request(&verifiers));
    assert_eq!(ended(result), "user: invalid_request");
}
