//! Whatever comes in: nothing panics, nothing forged gets through, and what we make ourselves comes back as it was.

use std::net::IpAddr;
use std::sync::LazyLock;

use identity::access::UnverifiedToken;
use identity::caller::{Principal, SignedIn};
use identity::jwks::Jwks;
use identity::seal::{SealError, SealKey};
use identity::service_token::{AcceptedKeys, CallClaims, Minter, MintingKey, Verifier};
use kernel::{Scope, UserCaller};
use proptest::prelude::*;

use crate::tokens::*;

static KEYS: LazyLock<Jwks> = LazyLock::new(jwks);
static GOOD: LazyLock<[String; 2]> =
    LazyLock::new(|| ["RS256", "ES256"].map(|algorithm| signed(&header(algorithm), &claims())));

const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";

fn verifier() -> Verifier {
    let keys = AcceptedKeys::parse(&format!("k:{KEY}")).expect("a key");
    Verifier::new("user", [("bff", keys)]).expect("a caller")
}

fn seal_key() -> SealKey {
    SealKey::parse(KEY).expect("a key")
}

/// A JSON object of names that headers, claims and keys have, with values that are nearly right, and some names twice.
fn nearly_json() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "alg",
        "kid",
        "typ",
        "crit",
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "scp",
        "scope",
        "ext",
        "epoch",
        "sid",
        "client_id",
        "keys",
        "kty",
        "n",
        "e",
        "x",
        "y",
        "crv",
        "use",
    ];
    const VALUES: &[&str] = &[
        "null",
        "true",
        "-1",
        "0",
        "1e9",
        "1800000000",
        "1e308",
        r#""""#,
        r#""RS256""#,
        r#""ES256""#,
        r#""HS256""#,
        r#""RSA""#,
        r#""EC""#,
        r#""P-256""#,
        r#""AQAB""#,
        r#""admin""#,
        "[1]",
        r#"["admin"]"#,
        r#"[{"kty":"EC"}]"#,
        "{}",
        r#"{"epoch":1}"#,
    ];
    let member = (prop::sample::select(NAMES), prop::sample::select(VALUES));
    let member = member.prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn principal() -> impl Strategy<Value = Principal> {
    let session = prop::option::of("[!-~]{1,128}");
    let user = (
        any::<u128>(),
        any::<bool>(),
        prop::option::of(any::<u64>()),
        session,
    );
    prop::option::of(user).prop_map(|user| match user {
        None => Principal::Anonymous,
        Some((id, admin, epoch, session)) => Principal::User(SignedIn {
            user: UserCaller {
                id: uuid::Uuid::from_u128(id).into(),
                scopes: if admin { vec![Scope::Admin] } else { vec![] },
                session: session.map(|session| session.parse().expect("a session")),
            },
            epoch,
        }),
    })
}

proptest! {
    #[test]
    fn no_text_is_a_token_by_chance(text in any::<String>(), now in any::<u64>()) {
        prop_assert!(verify(&text).is_err());
        prop_assert!(verifier().verify(&text, now).is_err());
    }

    #[test]
    fn no_bytes_are_a_key_set_by_chance(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Jwks::parse(&bytes).is_err());
    }

    #[test]
    fn malformed_key_set_is_refused_without_a_panic(json in nearly_json()) {
        prop_assert!(Jwks::parse(json.as_bytes()).is_err());
    }

    #[test]
    fn signed_malformed_token_is_refused_without_a_panic(header in nearly_json(), payload in nearly_json(), now in any::<u64>()) {
        let text = token(&header, &payload, es256);
        prop_assert!(verify(&text).is_err());
        prop_assert!(verifier().verify(&text, now).is_err());
    }

    #[test]
    fn malformed_claims_cause_no_panic(more in nearly_json(), now in any::<u64>()) {
        let Ok(more) = serde_json::from_str(&more) else { return Ok(()) };
        let text = with_claims(&more);
        if let Ok(token) = UnverifiedToken::parse(&text) {
            let _ = token.verify(&KEYS, &policy(), now);
        }
    }

    #[test]
    fn token_with_replaced_characters_is_refused(which in 0usize..2, at in any::<prop::sample::Index>(), cut in 0usize..6, paste in "[A-Za-z0-9_.=-]{0,6}") {
        let good = &GOOD[which];
        let at = at.index(good.len());
        let end = (at + cut).min(good.len());
        let bad = format!("{}{paste}{}", &good[..at], &good[end..]);
        prop_assume!(bad != *good);
        prop_assert!(verify_with(&KEYS, &bad).is_err(), "{bad}");
    }

    #[test]
    fn sealed_value_opens_until_it_expires(name in any::<String>(), content in any::<Vec<u8>>(), expires_at in 1..=u64::MAX, before in any::<u64>()) {
        let sealed = seal_key().seal(&name, &content, expires_at);
        prop_assert_eq!(seal_key().open(&name, &sealed, before % expires_at), Ok(&content[..]));
        prop_assert_eq!(seal_key().open(&name, &sealed, expires_at), Err(SealError::Expired));
    }

    #[test]
    fn a_seal_with_any_byte_changed_does_not_open(content in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), change in 1..=u8::MAX) {
        let mut sealed = seal_key().seal("name", &content, u64::MAX);
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        prop_assert_eq!(seal_key().open("name", &sealed, 0), Err(SealError::Forged));
    }

    #[test]
    fn a_seal_cut_or_lengthened_does_not_open(content in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 1..9)) {
        let sealed = seal_key().seal("name", &content, u64::MAX);
        prop_assert!(seal_key().open("name", &sealed[..at.index(sealed.len())], 0).is_err());
        prop_assert!(seal_key().open("name", &[&sealed[..], &more].concat(), 0).is_err());
    }

    #[test]
    fn a_seal_opens_in_its_place_only(name in any::<String>(), other in any::<String>(), content in any::<Vec<u8>>()) {
        prop_assume!(name != other);
        let sealed = seal_key().seal(&name, &content, u64::MAX);
        prop_assert_eq!(seal_key().open(&other, &sealed, 0), Err(SealError::Forged));
    }

    #[test]
    fn every_call_arrives_as_it_was_sent(principal in principal(), request_id in "[!-~]{1,128}", client_address in any::<Option<IpAddr>>(), now in 0..u64::MAX - 30) {
        let request_id = request_id.parse().unwrap();
        let call = CallClaims { principal: &principal, request_id: &request_id, client_address };
        let token = Minter::new("bff", "user", MintingKey::parse(&format!("k:{KEY}")).unwrap()).mint(&call, now);
        let arrived = verifier().verify(&token, now).unwrap();
        prop_assert_eq!(arrived.principal(), &principal);
        prop_assert_eq!(arrived.request_id(), &request_id);
        prop_assert_eq!(arrived.client_address(), client_address);
    }
}
