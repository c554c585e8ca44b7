//! Consent: the grants of the user, and the next request, which may skip consent.

use super::super::{BrowserCookies, NextStop};
use crate::authorization::domain::AcceptedConsent;
use crate::testing::{World, consent, login, parameters, request, run, unanswered};

#[test]
fn consent_grants_no_more_than_was_requested() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_consent(&mut browser, &request(&[("scope", "openid")]), login());
    for wrong in [
        consent(&["openid", "admin"]),
        AcceptedConsent {
            audience: vec!["nightly".into()],
            ..consent(&["openid"])
        },
        AcceptedConsent {
            remember_for: -1,
            ..consent(&["openid"])
        },
    ] {
        let result = run(world.authorization().accept_consent(&challenge, wrong));
        assert_eq!(unanswered(result), "invalid");
    }
    let accepted = run(world
        .authorization()
        .accept_consent(&challenge, consent(&["openid"])));
    assert!(accepted.is_ok(), "a refused answer does not use the challenge up");
}

#[test]
fn user_may_grant_less_than_was_requested() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let challenge = world.to_consent(&mut browser, &request(&[]), login());
    let less = AcceptedConsent {
        audience: vec![],
        ..consent(&["openid"])
    };
    let url = run(world.authorization().accept_consent(&challenge, less)).unwrap();
    match world.open(&mut browser, &parameters(&url)) {
        Ok(NextStop::Client { scope, .. }) => assert_eq!(scope, "openid"),
        other => panic!("the browser goes to the client, not to {other:?}"),
    }
}

#[test]
fn remembered_consent_covers_what_was_granted() {
    let (world, mut browser) = (World::new(), BrowserCookies::default());
    let granted = AcceptedConsent {
        remember: true,
        remember_for: 3600,
        audience: vec![],
        ..consent(&["openid"])
    };
    world.code(&mut browser, &request(&[]), login(), granted);
    let mut is_skipped = |scope, audience, more: &[(&str, &str)]| {
        let form = request(&[&[("scope", scope), ("audience", audience)], more].concat());
        let challenge = world.to_consent(&mut browser, &form, login());
        let asked = run(world.authorization().consent_request(&challenge)).unwrap();
        asked.0.flow.consent_skip
    };
    for (scope, audience, expected) in [
        ("openid", "", true),
        ("openid", "akinai", false),
        ("openid offline_access", "", false),
        ("openid admin", "", false),
    ] {
        assert_eq!(is_skipped(scope, audience, &[]), expected, "{scope}, {audience}");
    }
    assert!(
        !is_skipped("openid", "", &[("prompt", "consent")]),
        "the client asks anew"
    );
    assert!(
        !is_skipped("openid", "", &[("client_id", "other")]),
        "another client's"
    );
    world.store.pass(3600);
    assert!(!is_skipped("openid", "", &[]), "its time is over");
}
