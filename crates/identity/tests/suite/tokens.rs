//! Tokens for the tests, signed with the private keys that RFC 7515 prints: they have been public all along.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::access::{AccessToken, Policy, TokenError, UnverifiedToken};
use identity::jwks::Jwks;
use p256::ecdsa;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::{BigUint, RsaPrivateKey, pkcs1v15};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const USER: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// The modulus of RFC 7515, A.2.
pub(crate) const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const RSA_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RSA_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";

/// The point of RFC 7515, A.3, and the private key.
pub(crate) const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
pub(crate) const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let number = |text| BigUint::from_bytes_be(&decode(text));
    let primes = vec![number(RSA_P), number(RSA_Q)];
    let exponent = BigUint::from(65537u32);
    RsaPrivateKey::from_components(number(RSA_N), exponent, number(RSA_D), primes)
        .expect("the key of the RFC")
});

static EC: LazyLock<ecdsa::SigningKey> =
    LazyLock::new(|| ecdsa::SigningKey::from_slice(&decode(EC_D)).expect("the key of the RFC"));

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// The RSA key as a JWK named `rsa`.
pub(crate) fn rsa_jwk() -> Value {
    json!({"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": RSA_N, "e": "AQAB"})
}

/// The P-256 key as a JWK named `ec`.
pub(crate) fn ec_jwk() -> Value {
    json!({"kty": "EC", "kid": "ec", "use": "sig", "alg": "ES256", "crv": "P-256", "x": EC_X, "y": EC_Y})
}

/// A value with some members added or replaced; those that are `null` are taken out.
pub(crate) fn with(mut value: Value, more: &Value) -> Value {
    let object = value.as_object_mut().expect("an object");
    for (name, member) in more.as_object().expect("an object") {
        match member {
            Value::Null => object.remove(name),
            member => object.insert(name.clone(), member.clone()),
        };
    }
    value
}

/// The issuer's keys: one of each type.
pub(crate) fn jwks() -> Jwks {
    set(&[rsa_jwk(), ec_jwk()])
}

pub(crate) fn set(keys: &[Value]) -> Jwks {
    Jwks::parse(json!({"keys": keys}).to_string().as_bytes()).expect("a set with a key that can be used")
}

pub(crate) fn policy() -> Policy {
    Policy::new(ISSUER, AUDIENCE).expect("both are there")
}

/// The header of a good token.
pub(crate) fn header(algorithm: &str) -> Value {
    let key = if algorithm == "RS256" { "rsa" } else { "ec" };
    json!({"alg": algorithm, "kid": key, "typ": "at+jwt"})
}

/// The claims of a good token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": USER,
        "client_id": "shop",
        "scope": "openid",
        "iat": NOW,
        "exp": NOW + 300,
    })
}

/// The compact form of a token whose signature a function makes of what is signed.
pub(crate) fn token(header: &str, payload: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) fn rs256(signed: &[u8]) -> Vec<u8> {
    pkcs1v15::SigningKey::<Sha256>::new(RSA.clone())
        .sign(signed)
        .to_vec()
}

pub(crate) fn es256(signed: &[u8]) -> Vec<u8> {
    es256_signature(signed).to_vec()
}

pub(crate) fn es256_signature(signed: &[u8]) -> ecdsa::Signature {
    EC.sign(signed)
}

/// A token signed with the key of the RFC that fits its `alg`. Its other contents can be anything.
pub(crate) fn signed(header: &Value, claims: &Value) -> String {
    let sign = if header["alg"] == "RS256" { rs256 } else { es256 };
    token(&header.to_string(), &claims.to_string(), sign)
}

/// A token that has these claims instead of the usual ones.
pub(crate) fn with_claims(more: &Value) -> String {
    signed(&header("ES256"), &with(claims(), more))
}

/// A token that has these members in its header instead of the usual ones.
pub(crate) fn with_header(more: &Value) -> String {
    signed(&with(header("ES256"), more), &claims())
}

pub(crate) fn verify(token: &str) -> Result<AccessToken, TokenError> {
    verify_with(&jwks(), token)
}

pub(crate) fn verify_with(keys: &Jwks, token: &str) -> Result<AccessToken, TokenError> {
    UnverifiedToken::parse(token)?.verify(keys, &policy(), NOW)
}

#[test]
fn a_good_token_is_accepted_with_either_algorithm() {
    for algorithm in ["RS256", "ES256"] {
        let text = signed(&header(algorithm), &claims());
        let token = verify(&text).unwrap_or_else(|error| panic!("{algorithm} is accepted, but: {error}"));
        assert_eq!(token.subject(), USER);
        assert_eq!(token.client_id(), "shop");
        assert_eq!((token.issued_at(), token.expires_at()), (NOW, NOW + 300));
        assert!(token.scopes().contains("openid") && !token.scopes().contains("admin"));
        assert_eq!((token.epoch(), token.session()), (None, None));
        assert_eq!(
            token.hash(),
            UnverifiedToken::parse(&text).unwrap().hash(),
            "the hash is known before the token is verified"
        );
    }
}

#[test]
fn the_type_of_an_access_token_has_several_spellings() {
    for spelling in [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/JWT",
    ] {
        assert!(
            verify(&with_header(&json!({"typ": spelling}))).is_ok(),
            "{spelling}"
        );
    }
    assert!(
        verify(&with_header(&json!({"typ": null}))).is_ok(),
        "and may be left out"
    );
}

#[test]
fn an_unknown_key_says_that_the_key_set_may_be_old() {
    let error = verify(&with_header(&json!({"kid": "rotated"}))).unwrap_err();
    assert!(error.is_unknown_key(), "{error} can be cured by a newer set");
    let error = verify_with(&set(&[rsa_jwk()]), &with_header(&json!({"kid": null}))).unwrap_err();
    assert!(error.is_unknown_key(), "no key at all of this type: {error}");
    for refused in [
        with_claims(&json!({"exp": 1})),
        with_header(&json!({"alg": "none"})),
    ] {
        assert!(
            !verify(&refused).unwrap_err().is_unknown_key(),
            "no newer set can change this"
        );
    }
}
