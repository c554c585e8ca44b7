//! Authentication of clients at the token endpoint.

use crate::clients::domain::{AuthMethod, ClientAuthentication};
use crate::domain::failure::Denied;
use crate::testing::{SECRET, World, basic, denied, form, public, run};
use crate::tokens::service::TokenRequest;

const BY_CLIENT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

#[test]
fn client_authenticates_only_as_it_is_registered() {
    let world = World::new();
    let by = |secret: Option<&str>, method| ClientAuthentication {
        id: "batch".into(),
        secret: secret.map(str::to_owned),
        method,
    };
    for (credentials, expected) in [
        (by(Some(SECRET), AuthMethod::Basic), "granted"),
        (by(Some(SECRET), AuthMethod::Post), "client"),
        (by(Some("wrong"), AuthMethod::Basic), "client"),
        (by(Some(""), AuthMethod::Basic), "client"),
        (by(None, AuthMethod::None), "client"),
        (basic("unknown", SECRET), "client"),
        (public("unknown"), "client"),
        (basic("shop", SECRET), "client"),
    ] {
        let shown = format!("{credentials:?}");
        assert_eq!(
            denied(world.issue(credentials, &form(&BY_CLIENT, &[]))),
            expected,
            "{shown}"
        );
    }
}

#[test]
fn client_uses_only_the_grants_that_it_is_registered_for() {
    let world = World::new();
    let result = world.issue(public("shop"), &form(&BY_CLIENT, &[]));
    assert_eq!(denied(result), "unauthorized_client");
    for grant in ["authorization_code", "refresh_token"] {
        let result = world.issue(basic("batch", SECRET), &form(&[("grant_type", grant)], &[]));
        assert_eq!(denied(result), "unauthorized_client", "{grant}");
    }
}

#[test]
fn wrong_grant_type_is_reported_before_wrong_credentials() {
    let world = World::new();
    for (grant, error) in [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("client_credentials", "client"),
    ] {
        let form = form(&[], &[("grant_type", grant)]);
        let request = TokenRequest {
            form: &form,
            credentials: Err(Denied::Client),
        };
        assert_eq!(denied(run(world.tokens().issue(request))), error, "{grant:?}");
    }
}

#[test]
fn service_gets_an_access_token_for_itself() {
    let world = World::new();
    let request = form(&BY_CLIENT, &[("scope", "admin"), ("audience", "akinai")]);
    let tokens = world.issue(basic("batch", SECRET), &request).unwrap();
    assert_eq!(tokens.scopes, ["admin"]);
    assert!(tokens.id_token.is_none() && tokens.refresh_token.is_none());
    let active = run(world.tokens().active_access_token(&tokens.access_token)).unwrap();
    let active = active.expect("it is new");
    assert!(active.grant.is_none(), "no user has granted anything");
    assert_eq!(active.token.subject, "batch");
    assert_eq!(active.token.client_id, "batch");
}

#[test]
fn service_gets_no_scope_for_users_and_none_that_it_is_not_registered_for() {
    let world = World::new();
    for (name, value, error) in [
        ("scope", "openid", "invalid_scope"),
        ("scope", "offline_access", "invalid_scope"),
        ("scope", "root", "invalid_scope"),
        ("audience", "elsewhere", "invalid_request"),
    ] {
        let result = world.issue(basic("batch", SECRET), &form(&BY_CLIENT, &[(name, value)]));
        assert_eq!(denied(result), error, "{name}={value}");
    }
}

#[test]
fn lifetime_of_an_access_token_depends_on_its_audience() {
    let world = World::new();
    for (audience, seconds) in [("", 900), ("nightly", 86400), ("nightly akinai", 900)] {
        let form = form(&BY_CLIENT, &[("audience", audience)]);
        let tokens = world.issue(basic("batch", SECRET), &form).unwrap();
        assert_eq!(tokens.expires_in, seconds, "{audience}");
    }
    let tokens = world
        .issue(basic("batch", SECRET), &form(&BY_CLIENT, &[]))
        .unwrap();
    world.store.pass(899);
    assert!(world.is_active(&tokens.access_token));
    world.store.pass(1);
    assert!(!world.is_active(&tokens.access_token));
}
