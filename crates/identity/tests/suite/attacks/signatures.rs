//! The algorithm and the signature.

use hmac::{Hmac, Mac as _};
use identity::FormError;
use identity::access::TokenError::*;
use p256::ecdsa;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::{BigUint, RsaPublicKey};
use serde_json::json;
use sha2::Sha256;

use super::refused;
use crate::tokens::*;

fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    move |signed| {
        let mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
        mac.chain_update(signed).finalize().into_bytes().to_vec()
    }
}

/// The public key as an attacker may have it: every form that a careless verifier may take for a secret.
fn public_key_forms() -> [Vec<u8>; 4] {
    let modulus = decode(RSA_N);
    let key = RsaPublicKey::new(BigUint::from_bytes_be(&modulus), BigUint::from(65537u32))
        .expect("the key of the RFC");
    let der = key.to_public_key_der().expect("its DER form").into_vec();
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    );
    [pem.into_bytes(), der, modulus, RSA_N.into()]
}

#[test]
fn token_without_an_algorithm_is_refused() {
    for none in ["none", "None", "NONE", "nOnE", "", "none "] {
        let header = json!({"alg": none, "typ": "JWT"}).to_string();
        refused(&token(&header, &claims().to_string(), |_| Vec::new()), Algorithm);
        refused(&token(&header, &claims().to_string(), es256), Algorithm);
    }
}

#[test]
fn algorithm_that_is_unknown_or_no_text_is_refused() {
    for algorithm in [json!(null), json!(["ES256"]), json!(256), json!({"ES256": true})] {
        let header = json!({"alg": algorithm, "kid": "ec"}).to_string();
        refused(&token(&header, &claims().to_string(), es256), Algorithm);
    }
    let others = [
        "es256", "ES256 ", "ES256K", "ES384", "RS1", "RS384", "RS512", "PS256", "EdDSA", "HS256", "HS512",
        "RSA-OAEP", "dir",
    ];
    for other in others {
        refused(&with_header(&json!({"alg": other})), Algorithm);
    }
    refused(&token("{}", &claims().to_string(), es256), Algorithm);
}

#[test]
fn mac_made_with_the_public_key_is_refused() {
    for secret in public_key_forms() {
        for algorithm in ["HS256", "RS256"] {
            let header = json!({"alg": algorithm, "kid": "rsa"}).to_string();
            let expected = if algorithm == "HS256" {
                Algorithm
            } else {
                Signature
            };
            refused(&token(&header, &claims().to_string(), hs256(&secret)), expected);
        }
    }
}

#[test]
fn rs256_header_with_an_ec_key_is_refused() {
    let header = json!({"alg": "RS256", "kid": "ec"}).to_string();
    refused(&token(&header, &claims().to_string(), es256), KeyType);
    refused(&token(&header, &claims().to_string(), rs256), KeyType);
}

#[test]
fn es256_header_with_an_rsa_key_is_refused() {
    let header = json!({"alg": "ES256", "kid": "rsa"}).to_string();
    refused(&token(&header, &claims().to_string(), rs256), KeyType);
    refused(&token(&header, &claims().to_string(), es256), KeyType);
}

#[test]
fn empty_signature_is_refused() {
    for algorithm in ["RS256", "ES256"] {
        refused(
            &token(&header(algorithm).to_string(), &claims().to_string(), |_| {
                Vec::new()
            }),
            Signature,
        );
    }
}

#[test]
fn token_without_its_signature_is_refused() {
    let good = with_claims(&json!({}));
    refused(good.rsplit_once('.').unwrap().0, Form(FormError::Parts));
}

/// CVE-2022-21449, "psychic signatures", and its neighbours at the edges of the group.
#[test]
fn es256_signature_of_zeros_is_refused() {
    let order = hex_bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let zero = vec![0; 32];
    let one = [&zero[..31], &[1]].concat();
    let edges = [&zero, &one, &order, &vec![0xff; 32]];
    for r in edges {
        for s in edges {
            let header = header("ES256").to_string();
            refused(
                &token(&header, &claims().to_string(), |_| [&r[..], &s[..]].concat()),
                Signature,
            );
        }
    }
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn rs256_signature_of_a_trivial_number_is_refused() {
    let n = decode(RSA_N);
    let mut one = vec![0; 256];
    one[255] = 1;
    let mut minus_one = n.clone();
    minus_one[255] -= 1;
    for signature in [
        vec![0; 256],
        one,
        minus_one,
        n,
        vec![0xff; 256],
        vec![1],
        vec![0; 257],
    ] {
        let header = header("RS256").to_string();
        refused(
            &token(&header, &claims().to_string(), |_| signature.clone()),
            Signature,
        );
    }
}

#[test]
fn es256_signature_in_der_is_refused() {
    let der = |signed: &[u8]| es256_signature(signed).to_der().as_bytes().to_vec();
    refused(
        &token(&header("ES256").to_string(), &claims().to_string(), der),
        Signature,
    );
}

/// RFC 7518 has no "low S" rule. The bearer of a token can make this second spelling of it, which is the same token under
/// another hash: it is verified anew, and gains nothing.
#[test]
fn high_s_signature_is_accepted_like_its_low_s_form() {
    let twin = |signed: &[u8]| {
        let (r, s) = es256_signature(signed).split_scalars();
        ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec()
    };
    let (one, other) = (
        token(&header("ES256").to_string(), &claims().to_string(), es256),
        token(&header("ES256").to_string(), &claims().to_string(), twin),
    );
    let (one, other) = (verify(&one).unwrap(), verify(&other).unwrap());
    assert_eq!(
        (one.subject(), one.expires_at()),
        (other.subject(), other.expires_at())
    );
    assert_ne!(one.hash(), other.hash());
}

#[test]
fn signature_of_the_wrong_length_is_refused() {
    for (algorithm, sign) in [("RS256", rs256 as fn(&[u8]) -> Vec<u8>), ("ES256", es256)] {
        let header = header(algorithm).to_string();
        let shorter = |signed: &[u8]| sign(signed).split_last().unwrap().1.to_vec();
        refused(&token(&header, &claims().to_string(), shorter), Signature);
        refused(
            &token(&header, &claims().to_string(), |signed| {
                [sign(signed), vec![0]].concat()
            }),
            Signature,
        );
        refused(
            &token(&header, &claims().to_string(), |signed| {
                [vec![0], sign(signed)].concat()
            }),
            Signature,
        );
    }
}

#[test]
fn signature_of_another_token_is_refused() {
    let good = with_claims(&json!({}));
    let (_, signature) = good.rsplit_once('.').unwrap();
    let admin = with_claims(&json!({"scope": "admin"}));
    let (signed, _) = admin.rsplit_once('.').unwrap();
    refused(&format!("{signed}.{signature}"), Signature);
}

#[test]
fn truncated_token_is_refused() {
    for algorithm in ["RS256", "ES256"] {
        let good = signed(&header(algorithm), &claims());
        for end in 0..good.len() {
            assert!(verify(&good[..end]).is_err(), "the first {end} bytes of {good}");
        }
    }
}

#[test]
fn a_token_with_any_bit_flipped_is_refused() {
    let keys = jwks();
    for algorithm in ["RS256", "ES256"] {
        let good = signed(&header(algorithm), &claims());
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(bad) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(verify_with(&keys, &bad).is_err(), "bit {bit} of {good}");
        }
    }
}
