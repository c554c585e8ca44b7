//! Key sets: used keys, skipped keys, and documents that are no key set.

use identity::jwks::{Jwks, JwksError, SkipReason};
use serde_json::{Value, json};

use crate::tokens::*;

fn parse(document: &Value) -> Result<Jwks, JwksError> {
    Jwks::parse(document.to_string().as_bytes())
}

/// Asserts the reason why a key is skipped. The key is one of the RFC's, with some other members.
#[track_caller]
fn skipped(key: Value, more: Value, expected: SkipReason) {
    let key = with(key, &more);
    let keys = set(&[key, with(rsa_jwk(), &json!({"kid": "good"}))]);
    assert_eq!(keys.skipped(), [(0, expected)], "a key with {more}");
}

fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] >>= (8 - bits % 8) % 8;
    encode(bytes)
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits() {
    for bits in [512, 1024, 2047, 8193, 16384] {
        skipped(rsa_jwk(), json!({"n": modulus(bits)}), SkipReason::Size);
    }
    for bits in [2048, 3072, 4096, 8192] {
        assert!(
            set(&[with(rsa_jwk(), &json!({"n": modulus(bits)}))])
                .skipped()
                .is_empty(),
            "{bits} bits are fine"
        );
    }
}

#[test]
fn an_rsa_key_without_a_sound_exponent_is_skipped() {
    for exponent in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0xff; 8],
        &[2, 0, 0, 0, 1],
        &[0xff; 256],
    ] {
        skipped(rsa_jwk(), json!({"e": encode(exponent)}), SkipReason::Malformed);
    }
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[0, 1, 0, 1]] {
        assert!(
            set(&[with(rsa_jwk(), &json!({"e": encode(exponent)}))])
                .skipped()
                .is_empty(),
            "{exponent:?} is fine"
        );
    }
}

#[test]
fn rsa_key_with_an_even_modulus_is_skipped() {
    let mut even = decode(RSA_N);
    even[255] &= 0xfe;
    skipped(rsa_jwk(), json!({"n": encode(even)}), SkipReason::Malformed);
}

#[test]
fn a_point_that_is_not_on_the_curve_is_skipped() {
    let zeros = encode([0; 32]);
    let cases = [
        json!({"x": EC_Y, "y": EC_X}),
        json!({"x": zeros, "y": zeros}),
        json!({"x": encode([0xff; 32])}),
        json!({"x": encode([1; 31])}),
        json!({"x": encode([[0].as_slice(), &decode(EC_X)].concat())}),
        json!({"y": null}),
        json!({"y": ""}),
        json!({"y": 5}),
        json!({"y": EC_Y.to_owned() + "="}),
    ];
    for case in cases {
        skipped(ec_jwk(), case, SkipReason::Malformed);
    }
}

#[test]
fn a_key_that_is_for_something_else_is_skipped() {
    skipped(ec_jwk(), json!({"use": "enc"}), SkipReason::Use);
    skipped(ec_jwk(), json!({"use": "SIG"}), SkipReason::Use);
    skipped(
        ec_jwk(),
        json!({"key_ops": ["sign", "deriveKey"]}),
        SkipReason::Use,
    );
    skipped(ec_jwk(), json!({"key_ops": "verify"}), SkipReason::Malformed);
    skipped(ec_jwk(), json!({"alg": "ES384"}), SkipReason::Algorithm);
    skipped(ec_jwk(), json!({"alg": "RS256"}), SkipReason::Algorithm);
    for algorithm in ["RS512", "PS256", "RSA-OAEP", "HS256", "none", "rs256"] {
        skipped(rsa_jwk(), json!({"alg": algorithm}), SkipReason::Algorithm);
    }
    let unspecific = json!({"use": null, "alg": null, "key_ops": ["verify"]});
    assert!(
        set(&[with(rsa_jwk(), &unspecific)]).skipped().is_empty(),
        "what it is for may be left open"
    );
}

#[test]
fn a_key_of_an_unknown_type_is_skipped() {
    for kind in ["OKP", "rsa", "Rsa", "AKP", ""] {
        skipped(rsa_jwk(), json!({"kty": kind}), SkipReason::Type);
    }
    for curve in ["P-384", "P-521", "secp256k1", "p-256", ""] {
        skipped(ec_jwk(), json!({"crv": curve}), SkipReason::Type);
    }
    skipped(rsa_jwk(), json!({"kty": null}), SkipReason::Malformed);
    skipped(rsa_jwk(), json!({"kty": 1}), SkipReason::Malformed);
    assert_eq!(
        set(&[json!("key"), rsa_jwk()]).skipped(),
        [(0, SkipReason::Malformed)]
    );
}

#[test]
fn a_key_that_is_not_public_is_skipped() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        skipped(rsa_jwk(), json!({member: "AQAB"}), SkipReason::Private);
    }
    skipped(
        json!({"kty": "oct", "kid": "rsa"}),
        json!({"k": RSA_N, "alg": "HS256"}),
        SkipReason::Private,
    );
}

#[test]
fn a_kid_is_a_text_of_at_most_256_bytes() {
    for wrong in [json!(1), json!(["rsa"]), json!("k".repeat(257))] {
        skipped(rsa_jwk(), json!({"kid": wrong}), SkipReason::Malformed);
    }
}

#[test]
fn kid_may_be_shared_by_keys_that_cannot_be_confused() {
    let shared = json!({"kid": "shared"});
    let token = with_header(&shared);
    let encryption = with(ec_jwk(), &json!({"kid": "shared", "use": "enc"}));
    let cases = [
        (
            vec![with(rsa_jwk(), &shared), with(ec_jwk(), &shared)],
            "of two types",
        ),
        (
            vec![with(ec_jwk(), &shared), with(ec_jwk(), &shared)],
            "the same one twice",
        ),
        (
            vec![encryption, with(ec_jwk(), &shared)],
            "one of them for encryption",
        ),
    ];
    for (keys, case) in cases {
        assert!(verify_with(&set(&keys), &token).is_ok(), "{case}");
    }
}

#[test]
fn document_that_is_no_key_set_is_refused() {
    let cases: [(&[u8], JwksError); 9] = [
        (b"", JwksError::Json),
        (b"[]", JwksError::Json),
        (b"<html>", JwksError::Json),
        (b"{\"keys\":[],\"keys\":[]}", JwksError::Json),
        (b"{}", JwksError::NoList),
        (b"{\"keys\":{}}", JwksError::NoList),
        (b"{\"keys\":null}", JwksError::NoList),
        (b"{\"keys\":[]}", JwksError::NoKey),
        (b"{\"keys\":[{},null,{\"kty\":\"oct\"}]}", JwksError::NoKey),
    ];
    for (document, expected) in cases {
        let error = Jwks::parse(document).unwrap_err();
        assert_eq!(error, expected, "{}", String::from_utf8_lossy(document));
    }
}

#[test]
fn a_key_set_is_limited_in_size() {
    let many = |count| parse(&json!({"keys": vec![rsa_jwk(); count]})).map(|_| ());
    assert_eq!(many(64), Ok(()));
    assert_eq!(many(65), Err(JwksError::TooMany));
    let long = |bytes: usize| {
        let document = json!({"keys": [rsa_jwk()], "padding": ""}).to_string();
        let padding = "x".repeat(bytes - document.len());
        Jwks::parse(
            document
                .replace("\"padding\":\"", &format!("\"padding\":\"{padding}"))
                .as_bytes(),
        )
        .map(|_| ())
    };
    assert_eq!(long(64 * 1024), Ok(()));
    assert_eq!(long(64 * 1024 + 1), Err(JwksError::TooLong));
    let deep = "{\"keys\":".repeat(8_000);
    assert_eq!(Jwks::parse(deep.as_bytes()).map(|_| ()), Err(JwksError::Json));
}
