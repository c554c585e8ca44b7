//! Refresh tokens: rotation, reuse, the hook.

use crate::authorization::domain::TokenContents;
use crate::domain::json::Json;
use crate::testing::{World, denied, public, refresh_token, refreshing, run};
use crate::tokens::service::HookAnswer;

#[test]
fn refresh_token_is_replaced_at_each_use() {
    let world = World::new();
    let first = world.signed_in();
    let second = world.refresh(refresh_token(&first)).unwrap();
    let third = world.refresh(refresh_token(&second)).unwrap();
    assert_ne!(refresh_token(&first), refresh_token(&third));
    assert!(!world.is_active(refresh_token(&first)) && world.is_active(refresh_token(&third)));
    assert_eq!(third.scopes, ["openid", "offline_access"]);
    assert!(third.id_token.is_some());
}

#[test]
fn replaced_token_gets_siblings_for_ten_seconds() {
    let world = World::new();
    let first = world.signed_in();
    let one = world.refresh(refresh_token(&first)).unwrap();
    world.store.pass(9);
    let other = world.refresh(refresh_token(&first)).unwrap();
    for sibling in [&one, &other] {
        assert!(world.is_active(refresh_token(sibling)));
        assert!(world.is_active(&sibling.access_token));
    }
}

#[test]
fn replaced_token_that_comes_later_revokes_its_family() {
    let world = World::new();
    let first = world.signed_in();
    let second = world.refresh(refresh_token(&first)).unwrap();
    world.store.pass(10);
    assert_eq!(denied(world.refresh(refresh_token(&first))), "invalid_grant");
    assert_eq!(denied(world.refresh(refresh_token(&second))), "invalid_grant");
    assert!(!world.is_active(&second.access_token));
}

#[test]
fn replaced_token_whose_successor_was_used_revokes_its_family() {
    let world = World::new();
    let first = world.signed_in();
    let second = world.refresh(refresh_token(&first)).unwrap();
    let third = world.refresh(refresh_token(&second)).unwrap();
    assert_eq!(denied(world.refresh(refresh_token(&first))), "invalid_grant");
    for token in [refresh_token(&third), &third.access_token, &first.access_token] {
        assert!(!world.is_active(token));
    }
}

#[test]
fn reuse_in_one_sign_in_does_not_revoke_another() {
    let world = World::new();
    let (stolen, other) = (world.signed_in(), world.signed_in());
    world.refresh(refresh_token(&stolen)).unwrap();
    world.store.pass(10);
    assert_eq!(denied(world.refresh(refresh_token(&stolen))), "invalid_grant");
    assert_eq!(denied(world.refresh(refresh_token(&other))), "granted");
}

#[test]
fn refresh_token_works_for_its_client_only() {
    let world = World::new();
    let tokens = world.signed_in();
    let form = refreshing(refresh_token(&tokens), &[]);
    assert_eq!(denied(world.issue(public("other"), &form)), "invalid_grant");
    assert_eq!(denied(world.issue(public("shop"), &form)), "granted");
}

#[test]
fn client_may_narrow_the_scopes_and_not_widen_them() {
    let world = World::new();
    let tokens = world.signed_in();
    let scoped = |scope| refreshing(refresh_token(&tokens), &[("scope", scope)]);
    for more in ["openid admin", "\"", "openid offline_access admin"] {
        let result = world.issue(public("shop"), &scoped(more));
        assert_eq!(denied(result), "invalid_scope", "{more}");
    }
    let narrowed = world.issue(public("shop"), &scoped("offline_access")).unwrap();
    assert_eq!(narrowed.scopes, ["offline_access"]);
    assert!(narrowed.id_token.is_none());
    let next = world.refresh(refresh_token(&narrowed)).unwrap();
    assert_eq!(
        next.scopes,
        ["openid", "offline_access"],
        "the grant itself is not narrowed"
    );
}

#[test]
fn grant_is_refreshed_while_its_client_is_registered_for_it() {
    let world = World::new();
    let tokens = world.signed_in();
    world.change("shop", |registration| {
        registration.client.scopes = vec!["openid".into()]
    });
    assert_eq!(denied(world.refresh(refresh_token(&tokens))), "invalid_scope");
    world.change("shop", |registration| {
        registration.client.scopes.push("offline_access".into());
        registration.client.audience.clear();
    });
    assert_eq!(denied(world.refresh(refresh_token(&tokens))), "invalid_scope");
    world.change("shop", |registration| {
        registration.client.audience.push("akinai".into())
    });
    assert_eq!(
        denied(world.refresh(refresh_token(&tokens))),
        "granted",
        "not used up"
    );
}

#[test]
fn grant_ends_30_days_after_the_sign_in() {
    let world = World::new();
    let first = world.signed_in();
    world.store.pass(30 * 24 * 3600 - 1);
    let second = world.refresh(refresh_token(&first)).unwrap();
    world.store.pass(1);
    assert_eq!(denied(world.refresh(refresh_token(&second))), "invalid_grant");
}

#[test]
fn hook_decides_whether_tokens_are_issued_and_what_they_contain() {
    let world = World::new();
    let tokens = world.signed_in();
    world.hook.is_configured.set(true);
    assert_eq!(
        denied(world.refresh(refresh_token(&tokens))),
        "failure",
        "the hook is silent"
    );
    world.hook.answer.replace(Some(HookAnswer::Refused));
    assert_eq!(denied(world.refresh(refresh_token(&tokens))), "access_denied");

    let contents = TokenContents {
        access_token: Json::new(r#"{"epoch":4}"#.into()),
        id_token: Json::default(),
    };
    world.hook.answer.replace(Some(HookAnswer::Replaced(contents)));
    let replaced = world.refresh(refresh_token(&tokens)).expect("it was not used up");
    let said = |token: &str| {
        let active = run(world.tokens().active_access_token(token));
        active.unwrap().expect("it is active").token.extra
    };
    assert_eq!(said(&replaced.access_token).as_str(), r#"{"epoch":4}"#);
    world.hook.answer.replace(Some(HookAnswer::Unchanged));
    let unchanged = world.refresh(refresh_token(&replaced)).unwrap();
    assert_eq!(said(&unchanged.access_token).as_str(), r#"{"epoch":3}"#);
}

#[test]
fn hook_is_not_called_for_an_invalid_token() {
    let world = World::new();
    let tokens = world.signed_in();
    world.hook.is_configured.set(true);
    assert_eq!(denied(world.refresh("unknown")), "invalid_grant");
    let form = refreshing(refresh_token(&tokens), &[]);
    assert_eq!(denied(world.issue(public("other"), &form)), "invalid_grant");
    assert_eq!(world.hook.calls.get(), 0);
}
