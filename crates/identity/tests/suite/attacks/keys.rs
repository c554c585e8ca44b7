//! The key.

use identity::access::TokenError::*;
use p256::ecdsa;
use rsa::signature::Signer as _;
use serde_json::json;

use super::refused;
use crate::tokens::*;

fn attackers_key() -> (ecdsa::SigningKey, serde_json::Value) {
    let key = ecdsa::SigningKey::from_slice(&[7; 32]).expect("a private key");
    let point = key.verifying_key().to_encoded_point(false);
    let (x, y) = point.x().zip(point.y()).expect("both coordinates");
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
    (key, jwk)
}

fn signed_by_attacker(header: &serde_json::Value) -> String {
    let (key, _) = attackers_key();
    let sign = |signed: &[u8]| {
        let signature: ecdsa::Signature = key.sign(signed);
        signature.to_bytes().to_vec()
    };
    token(&header.to_string(), &claims().to_string(), sign)
}

#[test]
fn signature_of_an_attackers_key_is_refused() {
    let (_, jwk) = attackers_key();
    let forged = signed_by_attacker(&header("ES256"));
    assert!(
        verify_with(&set(&[with(jwk, &json!({"kid": "ec"}))]), &forged).is_ok(),
        "the token is in order"
    );
    refused(&forged, Signature);
}

#[test]
fn an_embedded_key_is_refused() {
    let (_, jwk) = attackers_key();
    refused(
        &signed_by_attacker(&json!({"alg": "ES256", "jwk": jwk})),
        Header("jwk"),
    );
    refused(&with_header(&json!({"jwk": ec_jwk()})), Header("jwk"));
}

#[test]
fn key_set_that_the_token_names_is_refused() {
    for url in ["https://attacker.example/jwks", "https://issuer.example/jwks", ""] {
        refused(
            &signed_by_attacker(&with(header("ES256"), &json!({"jku": url}))),
            Header("jku"),
        );
    }
}

#[test]
fn certificate_that_the_token_names_is_refused() {
    let url = json!({"x5u": "https://attacker.example/cert.pem"});
    refused(&signed_by_attacker(&with(header("ES256"), &url)), Header("x5u"));
    refused(
        &signed_by_attacker(&with(header("ES256"), &json!({"x5c": ["MIIB"]}))),
        Header("x5c"),
    );
}

#[test]
fn kid_with_an_injection_names_no_key() {
    let injections = [
        "../../../../dev/null",
        "/proc/self/environ",
        "ec' or '1'='1",
        "ec\" UNION SELECT 'key",
        "ec|whoami",
        "ec\0",
        "EC",
        " ec",
        "",
        "*",
        "0",
        "rsa,ec",
    ];
    for kid in injections {
        refused(&with_header(&json!({"kid": kid})), UnknownKey);
    }
}

#[test]
fn kid_that_is_long_or_no_text_is_refused() {
    refused(&with_header(&json!({"kid": "k".repeat(256)})), UnknownKey);
    refused(&with_header(&json!({"kid": "k".repeat(257)})), KeyId);
    for other in [json!(["ec"]), json!({"ec": "ec"}), json!(0), json!(true)] {
        refused(&with_header(&json!({"kid": other})), KeyId);
    }
    let null = r#"{"alg":"ES256","kid":null}"#;
    refused(&token(null, &claims().to_string(), es256), KeyId);
}

#[test]
fn token_without_kid_is_accepted_only_if_one_key_fits() {
    let anonymous = with_header(&json!({"kid": null}));
    assert!(
        verify(&anonymous).is_ok(),
        "there is one key for ES256 and one for RS256"
    );
    let (_, other) = attackers_key();
    let two = set(&[ec_jwk(), with(other, &json!({"kid": "other"}))]);
    assert_eq!(verify_with(&two, &anonymous), Err(NoKeyId), "two keys for ES256");
}

#[test]
fn signature_of_an_encryption_key_is_refused() {
    for other_use in [
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": []}),
    ] {
        let keys = set(&[rsa_jwk(), with(ec_jwk(), &other_use)]);
        assert_eq!(
            verify_with(&keys, &with_claims(&json!({}))),
            Err(UnknownKey),
            "{other_use}"
        );
    }
}

#[test]
fn kid_that_two_keys_share_names_no_key() {
    let (_, other) = attackers_key();
    let other = with(other, &json!({"kid": "ec"}));
    for keys in [[ec_jwk(), other.clone()], [other.clone(), ec_jwk()]] {
        let keys = set(&[rsa_jwk(), keys[0].clone(), keys[1].clone()]);
        assert_eq!(verify_with(&keys, &with_claims(&json!({}))), Err(UnknownKey));
        assert_eq!(keys.skipped().len(), 2, "both are skipped");
    }
}
