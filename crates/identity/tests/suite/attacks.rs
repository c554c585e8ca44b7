//! What an attacker would send instead of an access token: one test each.

use hmac::{Hmac, Mac as _};
use identity::access::TokenError::{self, *};
use identity::access::{Policy, TokenKind, UnverifiedToken};
use identity::caller::{NotAUser, SignedIn};
use identity::{FormError, Part};
use p256::ecdsa;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::{BigUint, RsaPublicKey, signature::Signer as _};
use serde_json::json;
use sha2::Sha256;

use crate::tokens::*;

#[track_caller]
fn refused(token: &str, expected: TokenError) {
    assert_eq!(
        verify(token).map(|_| "accepted"),
        Err(expected),
        "for the token {token}"
    );
}

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

// --- The algorithm and the signature

#[test]
fn no_algorithm_is_no_signature() {
    for none in ["none", "None", "NONE", "nOnE", "", "none "] {
        let header = json!({"alg": none, "typ": "JWT"}).to_string();
        refused(&token(&header, &claims().to_string(), |_| Vec::new()), Algorithm);
        refused(&token(&header, &claims().to_string(), es256), Algorithm);
    }
}

#[test]
fn an_algorithm_is_a_known_name_and_nothing_else() {
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
fn the_public_key_is_no_secret_for_a_mac() {
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
fn an_rs256_header_does_not_fit_an_ec_key() {
    let header = json!({"alg": "RS256", "kid": "ec"}).to_string();
    refused(&token(&header, &claims().to_string(), es256), KeyType);
    refused(&token(&header, &claims().to_string(), rs256), KeyType);
}

#[test]
fn an_es256_header_does_not_fit_an_rsa_key() {
    let header = json!({"alg": "ES256", "kid": "rsa"}).to_string();
    refused(&token(&header, &claims().to_string(), rs256), KeyType);
    refused(&token(&header, &claims().to_string(), es256), KeyType);
}

#[test]
fn an_empty_signature_is_none() {
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
fn a_stripped_signature_leaves_no_token() {
    let good = with_claims(&json!({}));
    refused(good.rsplit_once('.').unwrap().0, Form(FormError::Parts));
}

/// CVE-2022-21449, "psychic signatures", and its neighbours at the edges of the group.
#[test]
fn an_es256_signature_of_zeros_fits_nothing() {
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
fn an_rs256_signature_of_a_trivial_number_fits_nothing() {
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
fn an_es256_signature_is_not_der() {
    let der = |signed: &[u8]| es256_signature(signed).to_der().as_bytes().to_vec();
    refused(
        &token(&header("ES256").to_string(), &claims().to_string(), der),
        Signature,
    );
}

/// RFC 7518 has no "low S" rule. The bearer of a token can make this second spelling of it, which is the same token under
/// another hash: it is verified anew, and gains nothing.
#[test]
fn a_high_s_signature_is_as_good_as_its_twin() {
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
fn a_signature_of_the_wrong_length_fits_nothing() {
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
fn a_signature_is_of_one_token_only() {
    let good = with_claims(&json!({}));
    let (_, signature) = good.rsplit_once('.').unwrap();
    let admin = with_claims(&json!({"scope": "admin"}));
    let (signed, _) = admin.rsplit_once('.').unwrap();
    refused(&format!("{signed}.{signature}"), Signature);
}

#[test]
fn a_truncated_token_is_no_token() {
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

// --- The form

#[test]
fn a_token_has_no_fourth_part() {
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
fn a_jwe_is_no_access_token() {
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
    let places = [Part::Header, Part::Payload, Part::Signature];
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
fn a_token_has_one_spelling_only() {
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
    refused(&format!("Bearer {good}"), Form(FormError::Encoding(Part::Header)));
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
        Form(FormError::Json(Part::Header)),
    );
    let header = header("ES256").to_string();
    refused(
        &token(&header, &deep(2900), es256),
        Form(FormError::Json(Part::Payload)),
    );
    refused(
        &token(&header, &"{\"a\":".repeat(1100), es256),
        Form(FormError::Json(Part::Payload)),
    );
}

#[test]
fn a_header_is_an_object() {
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
            Form(FormError::Json(Part::Header)),
        );
    }
}

#[test]
fn claims_are_an_object() {
    for other in ["", "null", "[]", "\"claims\"", "{", "{}{}", "{\"sub\":\"\u{0}\"}"] {
        refused(
            &token(&header("ES256").to_string(), other, es256),
            Form(FormError::Json(Part::Payload)),
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
            Form(FormError::Json(Part::Header)),
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
            Form(FormError::Json(Part::Payload)),
        );
    }
}

// --- The key

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
fn an_attackers_key_signs_nothing() {
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
fn a_key_set_of_the_tokens_own_choice_is_refused() {
    for url in ["https://attacker.example/jwks", "https://issuer.example/jwks", ""] {
        refused(
            &signed_by_attacker(&with(header("ES256"), &json!({"jku": url}))),
            Header("jku"),
        );
    }
}

#[test]
fn a_certificate_of_the_tokens_own_choice_is_refused() {
    let url = json!({"x5u": "https://attacker.example/cert.pem"});
    refused(&signed_by_attacker(&with(header("ES256"), &url)), Header("x5u"));
    refused(
        &signed_by_attacker(&with(header("ES256"), &json!({"x5c": ["MIIB"]}))),
        Header("x5c"),
    );
}

#[test]
fn a_kid_is_only_ever_compared() {
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
fn a_kid_is_a_short_text() {
    refused(&with_header(&json!({"kid": "k".repeat(256)})), UnknownKey);
    refused(&with_header(&json!({"kid": "k".repeat(257)})), KeyId);
    for other in [json!(["ec"]), json!({"ec": "ec"}), json!(0), json!(true)] {
        refused(&with_header(&json!({"kid": other})), KeyId);
    }
    let null = r#"{"alg":"ES256","kid":null}"#;
    refused(&token(null, &claims().to_string(), es256), KeyId);
}

#[test]
fn a_token_without_kid_needs_a_set_without_choice() {
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
fn a_key_for_encryption_signs_nothing() {
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
fn two_keys_of_one_name_sign_nothing() {
    let (_, other) = attackers_key();
    let other = with(other, &json!({"kid": "ec"}));
    for keys in [[ec_jwk(), other.clone()], [other.clone(), ec_jwk()]] {
        let keys = set(&[rsa_jwk(), keys[0].clone(), keys[1].clone()]);
        assert_eq!(verify_with(&keys, &with_claims(&json!({}))), Err(UnknownKey));
        assert_eq!(keys.skipped().len(), 2, "both are skipped");
    }
}

// --- The header's other members

#[test]
fn critical_extensions_are_refused() {
    for critical in [json!(["exp"]), json!([]), json!("b64"), json!(["b64"])] {
        refused(&with_header(&json!({"crit": critical})), Header("crit"));
    }
}

#[test]
fn an_unencoded_payload_is_refused() {
    for value in [json!(false), json!(true)] {
        refused(&with_header(&json!({"b64": value})), Header("b64"));
    }
    refused(
        &with_header(&json!({"b64": false, "crit": ["b64"]})),
        Header("crit"),
    );
}

#[test]
fn a_token_in_a_token_is_refused() {
    let inner = with_claims(&json!({}));
    let header = with(header("ES256"), &json!({"cty": "JWT"})).to_string();
    refused(&token(&header, &inner, es256), Header("cty"));
}

#[test]
fn a_compressed_token_is_refused() {
    refused(&with_header(&json!({"zip": "DEF"})), Header("zip"));
}

#[test]
fn tokens_of_other_types_are_refused() {
    let others = [
        "id_token",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "akinai-service+jwt",
        "application/application/jwt",
        "text/jwt",
        "jwt ",
        "",
    ];
    for other in others {
        refused(&with_header(&json!({"typ": other})), Type);
    }
    refused(&with_header(&json!({"typ": ["JWT"]})), Type);
}

// --- The claims

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
fn an_id_token_is_no_access_token() {
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
fn a_sender_constrained_token_is_no_bearer_token() {
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
fn a_machine_is_never_an_admin() {
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
fn a_subject_that_is_no_user_id_is_no_user() {
    for subject in [
        "mina",
        "0190163D-8694-739B-AEA5-966C26F8AD91",
        "0190163d8694739baea5966c26f8ad91",
    ] {
        let token = verify(&with_claims(&json!({"sub": subject}))).unwrap();
        assert_eq!(SignedIn::try_from(&token), Err(NotAUser::Subject), "{subject}");
    }
}

// --- What the log sees

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
