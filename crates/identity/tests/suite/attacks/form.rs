//! The form of a token, and what the log shows of it.

use identity::access::TokenError::*;
use identity::access::UnverifiedToken;
use identity::{FormError, TokenPart};
use serde_json::json;

use super::refused;
use crate::tokens::*;

#[test]
fn token_with_a_fourth_part_is_refused() {
    let good = with_claims(&json!({}));
    for bad in [
        format!("{good}."),
        format!("{good}.e30"),
        format!(".{good}"),
        good.replacen('.', "..", 1),
    ] {
        refused(&bad, Form(FormError::Parts));
    }
}

#[test]
fn jwe_is_refused_as_an_access_token() {
    let encrypted = json!({"alg": "RSA-OAEP", "enc": "A256GCM"}).to_string();
    refused(
        &format!("{}.a2V5.aXY.dGV4dA.dGFn", encode(&encrypted)),
        Form(FormError::Parts),
    );
    refused(&token(&encrypted, "text", es256), Header("enc"));
}

#[test]
fn padding_is_refused() {
    let good = with_claims(&json!({}));
    let parts: Vec<_> = good.split('.').collect();
    let places = [TokenPart::Header, TokenPart::Payload, TokenPart::Signature];
    for (place, part) in places.into_iter().enumerate() {
        for padding in ["=", "=="] {
            let mut bad: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            bad[place] += padding;
            refused(&bad.join("."), Form(FormError::Encoding(part)));
        }
    }
}

/// 64 bytes leave four bits of the last character unused: with a lenient decoder, 16 texts would be one token.
#[test]
fn second_spelling_of_a_token_is_refused() {
    let good = with_claims(&json!({}));
    let (start, last) = good.split_at(good.len() - 1);
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        let spelled = format!("{start}{other}");
        assert_eq!(
            verify(&spelled).is_ok(),
            last == other.to_string(),
            "ending in {other}"
        );
    }
}

#[test]
fn white_space_is_refused() {
    let good = with_claims(&json!({}));
    for space in [" ", "\n", "\r\n", "\t", "\0", "\u{a0}"] {
        for bad in [
            format!("{space}{good}"),
            format!("{good}{space}"),
            good.replacen('.', &format!(".{space}"), 1),
        ] {
            assert!(
                matches!(verify(&bad), Err(Form(FormError::Encoding(_)))),
                "{bad:?}"
            );
        }
    }
    refused(
        &format!("Bearer {good}"),
        Form(FormError::Encoding(TokenPart::Header)),
    );
}

#[test]
fn the_standard_alphabet_is_refused() {
    let good = with_claims(&json!({"sub": "????>>>>~~~~"}));
    assert!(
        good.contains(['-', '_']),
        "the token has one of the two letters: {good}"
    );
    let bad = good.replace('-', "+").replace('_', "/");
    assert!(matches!(verify(&bad), Err(Form(FormError::Encoding(_)))), "{bad}");
}

#[test]
fn an_oversized_token_is_refused_before_it_is_read() {
    let big = |bytes: usize| with_claims(&json!({"padding": "x".repeat(bytes)}));
    assert!(verify(&big(5000)).is_ok(), "a large token is fine");
    refused(&big(6200), Form(FormError::TooLong(8192)));
    refused(&"a".repeat(8193), Form(FormError::TooLong(8192)));
    refused(&"a".repeat(8192), Form(FormError::Parts));
}

#[test]
fn deeply_nested_json_is_refused() {
    let deep = |levels: usize| {
        format!(
            "{{\"alg\":\"ES256\",\"x\":{}{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    refused(
        &token(&deep(2900), "{}", es256),
        Form(FormError::Json(TokenPart::Header)),
    );
    let header = header("ES256").to_string();
    refused(
        &token(&header, &deep(2900), es256),
        Form(FormError::Json(TokenPart::Payload)),
    );
    refused(
        &token(&header, &"{\"a\":".repeat(1100), es256),
        Form(FormError::Json(TokenPart::Payload)),
    );
}

#[test]
fn header_that_is_no_object_is_refused() {
    for other in [
        "",
        "null",
        "[]",
        "\"ES256\"",
        "{",
        "{\"alg\":\"ES256\"}{}",
        "\u{feff}{\"alg\":\"ES256\"}",
    ] {
        refused(
            &token(other, &claims().to_string(), es256),
            Form(FormError::Json(TokenPart::Header)),
        );
    }
}

#[test]
fn claims_that_are_no_object_are_refused() {
    for other in ["", "null", "[]", "\"claims\"", "{", "{}{}", "{\"sub\":\"\u{0}\"}"] {
        refused(
            &token(&header("ES256").to_string(), other, es256),
            Form(FormError::Json(TokenPart::Payload)),
        );
    }
}

#[test]
fn a_header_member_that_comes_twice_is_refused() {
    let twice = [
        r#"{"alg":"ES256","kid":"ec","alg":"none"}"#,
        r#"{"alg":"none","kid":"ec","alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"ec","\u0061lg":"ES256"}"#,
        r#"{"alg":"ES256","kid":"ec","kid":"ec"}"#,
    ];
    for header in twice {
        refused(
            &token(header, &claims().to_string(), es256),
            Form(FormError::Json(TokenPart::Header)),
        );
    }
}

#[test]
fn a_claim_that_comes_twice_is_refused() {
    let usual = claims().to_string();
    for twice in [
        r#""sub":"other""#,
        r#""scope":"admin""#,
        r#""exp":99999999999"#,
        r#""x":{"a":1,"a":2}"#,
    ] {
        let payload = usual.replacen('{', &format!("{{{twice},"), 1);
        refused(
            &token(&header("ES256").to_string(), &payload, es256),
            Form(FormError::Json(TokenPart::Payload)),
        );
    }
}

#[test]
fn neither_errors_nor_debug_output_show_the_token() {
    let good = with_claims(&json!({"sub": "secret-subject"}));
    let unverified = UnverifiedToken::parse(&good).unwrap();
    let shown = format!("{unverified:?}");
    assert!(
        shown.len() < 120 && shown.contains(&unverified.hash().to_string()),
        "only the hash: {shown}"
    );
    for part in good.split('.') {
        assert!(!shown.contains(part), "{shown} must not show the token");
    }
}
