//! Revocation and introspection of tokens.

use crate::authorization::domain::AcceptedConsent;
use crate::authorization::service::BrowserCookies;
use crate::testing::{
    SECRET, USER, World, basic, consent, denied, form, login, public, refresh_token, request, run,
};
use crate::tokens::domain::GrantFilter;

#[test]
fn client_revokes_its_own_tokens_only() {
    let world = World::new();
    let revoke = |client, token: &str| {
        run(world
            .tokens()
            .revoke(&form(&[("token", token)], &[]), &public(client)))
    };
    for with_refresh_token in [true, false] {
        let tokens = world.signed_in();
        let token = match with_refresh_token {
            true => refresh_token(&tokens),
            false => &tokens.access_token,
        };
        assert_eq!(denied(revoke("other", token)), "invalid_grant");
        assert_eq!(denied(revoke("unknown", token)), "client");
        assert_eq!(denied(revoke("shop", "")), "invalid_request");
        assert_eq!(
            denied(revoke("shop", "nonsense")),
            "granted",
            "RFC 7009, section 2.2"
        );
        assert!(world.is_active(refresh_token(&tokens)));
        assert_eq!(denied(revoke("shop", token)), "granted");
        assert!(!world.is_active(refresh_token(&tokens)) && !world.is_active(&tokens.access_token));
        assert_eq!(denied(revoke("other", token)), "granted", "it is no longer valid");
    }
}

#[test]
fn service_revokes_its_own_access_token() {
    let world = World::new();
    let by_client = form(&[("grant_type", "client_credentials")], &[]);
    let issue = || {
        world
            .issue(basic("batch", SECRET), &by_client)
            .unwrap()
            .access_token
    };
    let (revoked, other) = (issue(), issue());
    let form = form(&[("token", &revoked)], &[]);
    assert_eq!(
        denied(run(world.tokens().revoke(&form, &public("shop")))),
        "invalid_grant"
    );
    assert!(world.is_active(&revoked));
    run(world.tokens().revoke(&form, &basic("batch", SECRET))).unwrap();
    assert!(!world.is_active(&revoked) && world.is_active(&other));
}

#[test]
fn introspection_compares_scopes_and_refuses_a_replaced_token() {
    let world = World::new();
    let tokens = world.signed_in();
    let is_active = |token: &str, scope: &str| {
        let seen = run(world.tokens().introspect(token, scope)).unwrap();
        !matches!(seen, crate::tokens::service::Introspection::Inactive)
    };
    for token in [refresh_token(&tokens), &tokens.access_token] {
        assert!(is_active(token, "") && is_active(token, "openid"));
        assert!(!is_active(token, "openid admin") && !is_active(token, "\""));
    }
    world.refresh(refresh_token(&tokens)).unwrap();
    assert!(!is_active(refresh_token(&tokens), ""));
    assert!(!is_active("nonsense", ""));
}

#[test]
fn grants_are_listed_and_revoked_by_user_session_and_client() {
    let world = World::new();
    let first = world.signed_in();
    let second = world.signed_in();
    let list = |session: Option<&str>| {
        run(world.tokens().grants(GrantFilter {
            subject: USER,
            session,
            after: "",
            limit: 10,
        }))
        .unwrap()
    };
    let grants = list(None);
    assert_eq!(grants.len(), 2);
    let session = grants[0].session_id.clone();
    assert_eq!(list(Some(&session)).len(), 1);

    run(world.tokens().revoke_grant(&grants[0].id)).unwrap();
    assert_eq!(list(None).len(), 1);
    let living = [&first, &second].map(|tokens| world.is_active(&tokens.access_token));
    assert_eq!(living.iter().filter(|is_active| **is_active).count(), 1);
    run(world.tokens().revoke_grants_of(USER, Some("other"))).unwrap();
    assert_eq!(list(None).len(), 1, "another client's grants");
    run(world.tokens().revoke_grants_of(USER, Some("shop"))).unwrap();
    assert_eq!(list(None).len(), 0);
}

#[test]
fn revoking_a_user_s_grants_forgets_remembered_consent() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let kept = AcceptedConsent {
        remember: true,
        ..consent(&["openid"])
    };
    world.code(&mut browser, &request(&[]), login(), kept);
    let mut is_skipped = || {
        let form = request(&[("scope", "openid")]);
        let challenge = world.to_consent(&mut browser, &form, login());
        let asked = run(world.authorization().consent_request(&challenge)).unwrap();
        asked.0.flow.consent_skip
    };
    assert!(is_skipped());
    run(world.tokens().revoke_grants_of(USER, None)).unwrap();
    assert!(!is_skipped());
}
