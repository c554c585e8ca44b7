//! The claims.

use identity::access::TokenError::*;
use identity::access::{Policy, TokenKind};
use identity::caller::{NotAUser, SignedIn};
use serde_json::json;

use super::refused;
use crate::tokens::*;

#[test]
fn another_issuer_is_refused() {
    let others = [
        "https://issuer.example/",
        "https://issuer.example.attacker.example",
        "https://issuer.exampl",
        "https://ISSUER.example",
        "http://issuer.example",
        "https://issuer.example#",
        " https://issuer.example",
        "https://issuer%2eexample",
        "",
    ];
    for other in others {
        refused(&with_claims(&json!({"iss": other})), Issuer);
    }
    refused(&with_claims(&json!({"iss": [ISSUER]})), Malformed("iss"));
    refused(&with_claims(&json!({"iss": null})), Missing("iss"));
}

#[test]
fn another_audience_is_refused() {
    let others = [
        json!("https://api.example/"),
        json!("https://api.exampl"),
        json!("https://api.example.attacker.example"),
        json!("https://API.example"),
        json!("https://other.example https://api.example"),
        json!("shop"),
        json!(""),
        json!([]),
        json!([""]),
        json!(["https://api.example/", "https://api.exampl"]),
    ];
    for other in others {
        refused(&with_claims(&json!({"aud": other})), Audience);
    }
    refused(
        &with_claims(&json!({"aud": {"https://api.example": 1}})),
        Malformed("aud"),
    );
    refused(&with_claims(&json!({"aud": null})), Missing("aud"));
    assert!(
        verify(&with_claims(&json!({"aud": ["x", AUDIENCE]}))).is_ok(),
        "one of a list is enough"
    );
}

#[test]
fn an_empty_issuer_or_audience_cannot_be_configured() {
    assert_eq!(Policy::new("", AUDIENCE), None, "an empty iss would pass");
    assert_eq!(Policy::new(ISSUER, ""), None, "an empty aud would pass");
}

#[test]
fn id_token_is_refused_as_an_access_token() {
    for nonce in [json!("n-0S6_WzA2Mj"), json!(""), json!(0), json!(false)] {
        refused(&with_claims(&json!({"nonce": nonce})), IdToken("nonce"));
    }
    refused(
        &with_claims(&json!({"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"})),
        IdToken("at_hash"),
    );
    let null = claims().to_string().replacen('{', r#"{"nonce":null,"#, 1);
    refused(
        &token(&header("ES256").to_string(), &null, es256),
        IdToken("nonce"),
    );
    refused(&with_claims(&json!({"client_id": null})), Missing("client_id"));
    refused(
        &with_claims(&json!({"client_id": null, "azp": "shop"})),
        Missing("client_id"),
    );
}

#[test]
fn sender_constrained_token_is_refused() {
    for confirmation in [
        json!({"jkt": "0ZcOCORZNYy"}),
        json!({"x5t#S256": "bwcK0esc3AC"}),
        json!({}),
    ] {
        refused(&with_claims(&json!({"cnf": confirmation})), SenderConstrained);
    }
}

#[test]
fn a_token_without_a_subject_is_refused() {
    refused(&with_claims(&json!({"sub": null})), Missing("sub"));
    for subject in [
        json!(""),
        json!(7),
        json!([USER]),
        json!("u".repeat(256)),
        json!("a\nb"),
    ] {
        refused(&with_claims(&json!({"sub": subject})), Malformed("sub"));
    }
}

#[test]
fn token_of_a_machine_never_has_the_scope_admin() {
    let machine = verify(&with_claims(&json!({"sub": "shop", "scope": "admin stock"}))).unwrap();
    assert_eq!(machine.kind(), TokenKind::Machine);
    assert_eq!(
        machine.scopes().iter().collect::<Vec<_>>(),
        ["stock"],
        "admin is gone"
    );
    assert_eq!(SignedIn::try_from(&machine), Err(NotAUser::Machine));

    let disguised = verify(&with_claims(
        &json!({"sub": USER, "client_id": USER, "scope": "admin"}),
    ))
    .unwrap();
    assert_eq!(
        SignedIn::try_from(&disguised),
        Err(NotAUser::Machine),
        "though its name is a user's id"
    );
    assert!(!disguised.scopes().contains("admin"));
}

#[test]
fn only_the_exact_scope_makes_an_admin() {
    let admin = |claims| {
        let token = verify(&with_claims(&claims)).unwrap();
        SignedIn::try_from(&token).unwrap().user.scopes == [kernel::Scope::Admin]
    };
    for scope in ["admin", "openid admin", "admin openid"] {
        assert!(admin(json!({"scope": scope})), "{scope:?} has it");
    }
    for scope in [
        "notadmin",
        "admins",
        "Admin",
        "ADMIN",
        "user:admin",
        "admin:read",
        "admin,openid",
        "ad min",
        "",
    ] {
        assert!(!admin(json!({"scope": scope})), "{scope:?} has it not");
    }
    assert!(
        !admin(json!({"scope": null, "roles": ["admin"], "admin": true})),
        "no other claim counts"
    );
}

#[test]
fn scopes_that_contradict_each_other_are_refused() {
    refused(
        &with_claims(&json!({"scope": "openid", "scp": ["openid", "admin"]})),
        Contradiction("scope"),
    );
    refused(
        &with_claims(&json!({"scope": "openid", "scp": []})),
        Contradiction("scope"),
    );
}

#[test]
fn an_epoch_that_contradicts_itself_is_refused() {
    refused(
        &with_claims(&json!({"epoch": 9, "ext": {"epoch": 3}})),
        Contradiction("epoch"),
    );
    refused(
        &with_claims(&json!({"sid": "a", "ext": {"sid": "b"}})),
        Contradiction("sid"),
    );
    refused(&with_claims(&json!({"epoch": -1})), Malformed("epoch"));
}

#[test]
fn subject_that_is_no_user_id_names_no_user() {
    for subject in [
        "mina",
        "0190163D-8694-739B-AEA5-966C26F8AD91",
        "0190163d8694739baea5966c26f8ad91",
    ] {
        let token = verify(&with_claims(&json!({"sub": subject}))).unwrap();
        assert_eq!(SignedIn::try_from(&token), Err(NotAUser::Subject), "{subject}");
    }
}
