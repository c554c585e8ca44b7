//! When an access token counts: from `nbf` and `iat` to `exp`, with 30 seconds of skew.

use identity::access::TokenError::{self, *};
use serde_json::json;

use crate::tokens::*;

#[track_caller]
fn check(claims: serde_json::Value, expected: Result<(), TokenError>) {
    assert_eq!(
        verify(&with_claims(&claims)).map(|_| ()),
        expected,
        "{claims} at {NOW}"
    );
}

#[test]
fn an_expired_token_is_refused_after_30_seconds() {
    check(json!({"exp": NOW}), Ok(()));
    check(json!({"exp": NOW - 29}), Ok(()));
    check(json!({"exp": NOW - 30}), Err(Expired));
    check(json!({"exp": NOW as f64 - 29.5}), Err(Expired));
    check(json!({"exp": 0}), Err(Expired));
}

#[test]
fn a_token_from_the_future_is_refused_beyond_30_seconds() {
    check(json!({"nbf": NOW + 30}), Ok(()));
    check(json!({"nbf": NOW + 31}), Err(NotYetValid));
    check(json!({"iat": NOW + 30}), Ok(()));
    check(json!({"iat": NOW + 31}), Err(IssuedInFuture));
    check(json!({"iat": 0, "nbf": 0}), Ok(()));
}

#[test]
fn token_without_exp_or_iat_is_refused() {
    check(json!({"exp": null}), Err(Missing("exp")));
    check(json!({"iat": null}), Err(Missing("iat")));
    check(json!({"nbf": null}), Ok(()));
}

#[test]
fn time_that_is_no_number_is_refused() {
    for claim in ["exp", "iat", "nbf"] {
        let wrong = [
            json!(NOW.to_string()),
            json!("never"),
            json!(-1),
            json!(-0.1),
            json!([NOW]),
            json!({}),
            json!(true),
        ];
        for value in wrong {
            check(json!({claim: value}), Err(Malformed(claim)));
        }
    }
}

#[test]
fn time_after_the_year_9999_is_refused() {
    check(json!({"exp": 253_402_300_799u64}), Ok(()));
    for huge in [
        json!(253_402_300_800u64),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(1e18),
        json!(f64::MAX),
    ] {
        check(json!({"exp": huge}), Err(Malformed("exp")));
    }
    let payload = claims()
        .to_string()
        .replace(&format!("\"exp\":{}", NOW + 300), "\"exp\":1e999");
    assert!(payload.contains("1e999"));
    let token = token(&header("ES256").to_string(), &payload, es256);
    assert!(verify(&token).is_err(), "a number that is infinite is not JSON");
}

#[test]
fn extreme_clocks_cause_no_overflow() {
    use identity::access::UnverifiedToken;
    let text = with_claims(&json!({}));
    let token = UnverifiedToken::parse(&text).unwrap();
    assert_eq!(token.verify(&jwks(), &policy(), u64::MAX), Err(Expired));
    assert_eq!(token.verify(&jwks(), &policy(), 0), Err(IssuedInFuture));
}
