//! Service tokens: what a component accepts from another one, and what an attacker inside the platform would try.

use hmac::{Hmac, Mac as _};
use identity::caller::{Principal, SignedIn};
use identity::service_token::{
    AcceptedKeys, CallClaims, Minter, MintingKey, ServiceCall, ServiceTokenError, Verifier,
};
use identity::{FormError, KeyTextError, TokenPart};
use kernel::{Caller, Scope, UserCaller};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::tokens::{NOW, USER, claims, decode, es256, header, rs256, signed, token, with};

fn key(letter: char) -> String {
    letter.to_string().repeat(44)
}

/// The keys that the user service accepts: an old and a new key of the bff, and another key of the order component.
fn verifier() -> Verifier {
    let accepted = |text: String| AcceptedKeys::parse(&text).expect("keys");
    let bff = accepted(format!("bff-1:{} bff-2:{}", key('A'), key('B')));
    Verifier::new(
        "user",
        [("bff", bff), ("order", accepted(format!("order-1:{}", key('C'))))],
    )
    .expect("keys of their own")
}

fn minter(issuer: &str, audience: &str, name: &str, letter: char) -> Minter {
    Minter::new(
        issuer,
        audience,
        MintingKey::parse(&format!("{name}:{}", key(letter))).expect("a key"),
    )
}

fn user() -> Principal {
    Principal::User(SignedIn {
        user: UserCaller {
            id: USER.parse().expect("a user id"),
            scopes: vec![Scope::Admin],
            session: Some("s-1".parse().expect("a session")),
        },
        epoch: Some(7),
    })
}

fn mint(minter: &Minter, principal: &Principal) -> String {
    let call = CallClaims {
        principal,
        request_id: &"r1".parse().expect("a request id"),
        client_address: Some("2001:db8::1".parse().expect("an address")),
    };
    minter.mint(&call, NOW)
}

fn good() -> String {
    mint(&minter("bff", "user", "bff-1", 'A'), &user())
}

fn verify(token: &str) -> Result<ServiceCall, ServiceTokenError> {
    verifier().verify(token, NOW)
}

#[track_caller]
fn refused(token: &str, expected: ServiceTokenError) {
    assert_eq!(
        verify(token).map(|_| "accepted"),
        Err(expected),
        "for the token {token}"
    );
}

fn hs256(letter: char) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = decode(&key(letter));
    move |signed| {
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.chain_update(signed).finalize().into_bytes().to_vec()
    }
}

/// A token with the bff's first key, and with the header and claims of the test; `null` removes a member.
fn forged(header: &Value, claims: &Value) -> String {
    let usual_header = json!({"alg": "HS256", "kid": "bff-1", "typ": "akinai-service+jwt"});
    let usual_claims = json!({"iss": "bff", "aud": "user", "iat": NOW, "exp": NOW + 30, "request_id": "r1"});
    let (header, claims) = (with(usual_header, header), with(usual_claims, claims));
    token(&header.to_string(), &claims.to_string(), hs256('A'))
}

#[test]
fn a_call_arrives_as_it_was_sent() {
    for principal in [Principal::Anonymous, user()] {
        for minter in [
            minter("bff", "user", "bff-1", 'A'),
            minter("bff", "user", "bff-2", 'B'),
            minter("order", "user", "order-1", 'C'),
        ] {
            let call = verify(&mint(&minter, &principal)).unwrap();
            assert_eq!(call.principal(), &principal);
            assert_eq!(call.request_id().as_str(), "r1");
            assert_eq!(call.client_address(), Some("2001:db8::1".parse().unwrap()));
        }
    }
    assert_eq!(verify(&good()).unwrap().caller(), "bff");
    assert_eq!(
        verify(&mint(&minter("order", "user", "order-1", 'C'), &user()))
            .unwrap()
            .caller(),
        "order"
    );
}

#[test]
fn a_call_makes_the_caller_of_a_use_case() {
    let caller = Caller::from(verify(&good()).unwrap().principal());
    assert!(caller.is_admin() && caller.is_user(USER.parse().unwrap()));
    let anonymous = mint(&minter("bff", "user", "bff-1", 'A'), &Principal::Anonymous);
    assert_eq!(
        Caller::from(verify(&anonymous).unwrap().principal()),
        Caller::Anonymous
    );
}

#[test]
fn a_service_token_lives_for_30_seconds() {
    let at = |now| verifier().verify(&good(), now).map(|_| ());
    for now in [NOW - 5, NOW, NOW + 30, NOW + 34] {
        assert_eq!(at(now), Ok(()), "{} seconds after", now as i64 - NOW as i64);
    }
    for (now, expected) in [
        (NOW - 6, ServiceTokenError::IssuedInFuture),
        (NOW + 35, ServiceTokenError::Expired),
        (u64::MAX, ServiceTokenError::Expired),
        (0, ServiceTokenError::IssuedInFuture),
    ] {
        assert_eq!(
            at(now),
            Err(expected),
            "{} seconds after",
            now as i64 - NOW as i64
        );
    }
}

#[test]
fn a_longer_life_than_30_seconds_is_refused() {
    refused(
        &forged(&json!({}), &json!({"exp": NOW + 31})),
        ServiceTokenError::Lifetime,
    );
    refused(
        &forged(&json!({}), &json!({"exp": u64::MAX})),
        ServiceTokenError::Lifetime,
    );
    refused(
        &forged(&json!({}), &json!({"iat": 0})),
        ServiceTokenError::Lifetime,
    );
    refused(
        &forged(&json!({}), &json!({"iat": NOW + 1, "exp": NOW})),
        ServiceTokenError::Lifetime,
    );
}

#[test]
fn access_token_is_refused_as_a_service_token() {
    refused(&signed(&header("RS256"), &claims()), ServiceTokenError::Kind);
    refused(&signed(&header("ES256"), &claims()), ServiceTokenError::Kind);
    refused(
        &forged(&json!({"typ": "at+jwt"}), &json!({})),
        ServiceTokenError::Kind,
    );
    refused(
        &forged(&json!({"typ": "JWT"}), &json!({})),
        ServiceTokenError::Kind,
    );
    refused(
        &forged(&json!({"typ": null}), &json!({})),
        ServiceTokenError::Kind,
    );
}

#[test]
fn service_token_is_refused_as_an_access_token() {
    use identity::access::{TokenError, UnverifiedToken};
    assert_eq!(UnverifiedToken::parse(&good()).err(), Some(TokenError::Type));
}

#[test]
fn only_hs256_makes_a_service_token() {
    for algorithm in ["none", "None", "HS384", "HS512", "RS256", "ES256", "hs256", ""] {
        refused(
            &forged(&json!({"alg": algorithm}), &json!({})),
            ServiceTokenError::Kind,
        );
    }
    refused(
        &forged(&json!({"alg": null}), &json!({})),
        ServiceTokenError::Kind,
    );
    let header = json!({"alg": "none", "kid": "bff-1", "typ": "akinai-service+jwt"}).to_string();
    refused(
        &token(&header, &claims().to_string(), |_| Vec::new()),
        ServiceTokenError::Kind,
    );
}

#[test]
fn a_header_with_anything_more_is_refused() {
    for more in [
        json!({"crit": []}),
        json!({"b64": false}),
        json!({"jwk": {}}),
        json!({"cty": "JWT"}),
        json!({"x": 1}),
    ] {
        refused(&forged(&more, &json!({})), ServiceTokenError::Kind);
    }
    refused(
        &forged(&json!({"kid": null}), &json!({})),
        ServiceTokenError::Kind,
    );
    refused(&forged(&json!({"kid": 1}), &json!({})), ServiceTokenError::Kind);
}

#[test]
fn signature_of_an_unknown_key_is_refused() {
    refused(
        &mint(&minter("bff", "user", "bff-1", 'Z'), &user()),
        ServiceTokenError::Signature,
    );
    refused(
        &mint(&minter("bff", "user", "mine", 'Z'), &user()),
        ServiceTokenError::UnknownKey,
    );
    let header = json!({"alg": "HS256", "kid": "bff-1", "typ": "akinai-service+jwt"}).to_string();
    for sign in [
        rs256 as fn(&[u8]) -> Vec<u8>,
        es256,
        |_| Vec::new(),
        |_| vec![0; 32],
    ] {
        refused(
            &token(&header, &claims().to_string(), sign),
            ServiceTokenError::Signature,
        );
    }
}

#[test]
fn key_of_another_caller_does_not_pass_for_this_one() {
    refused(
        &mint(&minter("bff", "user", "order-1", 'C'), &user()),
        ServiceTokenError::Issuer,
    );
    refused(
        &mint(&minter("order", "user", "bff-1", 'A'), &user()),
        ServiceTokenError::Issuer,
    );
    refused(
        &mint(&minter("bff", "user", "bff-1", 'C'), &user()),
        ServiceTokenError::Signature,
    );
    refused(
        &forged(&json!({}), &json!({"iss": "BFF"})),
        ServiceTokenError::Issuer,
    );
    refused(
        &forged(&json!({}), &json!({"iss": ""})),
        ServiceTokenError::Issuer,
    );
}

#[test]
fn a_token_for_another_component_is_refused() {
    for audience in ["product", "User", "users", "use", ""] {
        refused(
            &mint(&minter("bff", audience, "bff-1", 'A'), &user()),
            ServiceTokenError::Audience,
        );
    }
    refused(
        &forged(&json!({}), &json!({"aud": ["user"]})),
        ServiceTokenError::Claims,
    );
    refused(
        &forged(&json!({}), &json!({"aud": null})),
        ServiceTokenError::Claims,
    );
}

#[test]
fn an_old_key_is_accepted_until_it_is_removed() {
    let old = mint(&minter("bff", "user", "bff-1", 'A'), &user());
    let new = mint(&minter("bff", "user", "bff-2", 'B'), &user());
    assert!(
        verify(&old).is_ok() && verify(&new).is_ok(),
        "while both are there"
    );
    let accepted = AcceptedKeys::parse(&format!("bff-2:{}", key('B'))).unwrap();
    let later = Verifier::new("user", [("bff", accepted)]).unwrap();
    assert!(later.verify(&new, NOW).is_ok());
    assert_eq!(later.verify(&old, NOW), Err(ServiceTokenError::UnknownKey));
}

#[test]
fn claims_that_are_malformed_are_refused() {
    let wrong = [
        json!({"iat": null}),
        json!({"exp": null}),
        json!({"iat": -1}),
        json!({"exp": (NOW + 30) as f64}),
        json!({"exp": (NOW + 30).to_string()}),
        json!({"request_id": null}),
        json!({"request_id": ""}),
        json!({"request_id": "a\nb"}),
        json!({"request_id": "r".repeat(129)}),
        json!({"client_address": "localhost"}),
        json!({"client_address": "127.0.0.1:80"}),
        json!({"sub": "mina"}),
        json!({"sub": USER.to_uppercase()}),
        json!({"sub": ""}),
        json!({"sub": USER, "sid": "a b"}),
        json!({"sub": USER, "epoch": -1}),
        json!({"sub": USER, "scope": ["admin"]}),
    ];
    for claims in wrong {
        refused(&forged(&json!({}), &claims), ServiceTokenError::Claims);
    }
    for half in [
        json!({"scope": "admin"}),
        json!({"epoch": 1}),
        json!({"sid": "s"}),
    ] {
        refused(&forged(&json!({}), &half), ServiceTokenError::Claims);
    }
    let twice = format!(
        r#"{{"iss":"bff","aud":"user","iat":{NOW},"exp":{NOW},"request_id":"r","sub":"{USER}","sub":"{USER}"}}"#
    );
    let header = json!({"alg": "HS256", "kid": "bff-1", "typ": "akinai-service+jwt"}).to_string();
    refused(
        &token(&header, &twice, hs256('A')),
        ServiceTokenError::Form(FormError::Json(TokenPart::Payload)),
    );
    let list = format!(r#"["bff","user",{NOW},{NOW},"r1"]"#);
    refused(
        &token(&header, &list, hs256('A')),
        ServiceTokenError::Form(FormError::Json(TokenPart::Payload)),
    );
}

#[test]
fn unknown_claims_and_scopes_are_ignored() {
    let call = verify(&forged(
        &json!({}),
        &json!({"traceparent": "00-1", "sub": USER, "scope": "admin stock"}),
    ))
    .unwrap();
    assert!(Caller::from(call.principal()).is_admin());
    let call = verify(&forged(&json!({}), &json!({"sub": USER, "scope": "notadmin"}))).unwrap();
    assert!(!Caller::from(call.principal()).is_admin());
}

#[test]
fn a_service_token_with_any_bit_flipped_is_refused() {
    let verifier = verifier();
    let good = good();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(bad) = String::from_utf8(bytes) else {
            continue;
        };
        assert!(verifier.verify(&bad, NOW).is_err(), "bit {bit} of {good}");
    }
}

#[test]
fn an_oversized_service_token_is_refused() {
    refused(
        &forged(&json!({}), &json!({"padding": "x".repeat(4096)})),
        ServiceTokenError::Form(FormError::TooLong(4096)),
    );
}

#[test]
fn keys_are_given_by_name() {
    let cases = [
        (format!("k1:{}", key('A')), None),
        (format!("K.1_a-b:{}", key('A')), None),
        (key('A'), Some(KeyTextError::Name)),
        (format!(":{}", key('A')), Some(KeyTextError::Name)),
        (format!("k 1:{}", key('A')), Some(KeyTextError::Name)),
        (
            format!("{}:{}", "k".repeat(65), key('A')),
            Some(KeyTextError::Name),
        ),
        ("k1:".to_owned(), Some(KeyTextError::Length)),
        (format!("k1:{}", &key('A')[..40]), Some(KeyTextError::Length)),
        (format!("k1:k2:{}", key('A')), Some(KeyTextError::Encoding)),
        (format!("k1:{} ", key('A')), Some(KeyTextError::Encoding)),
        (String::new(), Some(KeyTextError::Name)),
    ];
    for (text, expected) in cases {
        assert_eq!(MintingKey::parse(&text).err(), expected, "{text:?}");
    }
    assert_eq!(AcceptedKeys::parse(" \n").err(), Some(KeyTextError::None));
    assert!(
        AcceptedKeys::parse(&format!("\n a:{}\n b:{} \n", key('A'), key('B'))).is_ok(),
        "over several lines"
    );
}

#[test]
fn callers_cannot_share_a_key() {
    let accepted = |text: String| AcceptedKeys::parse(&text).unwrap();
    let cases = [
        (format!("a:{}", key('A')), format!("b:{}", key('A')), "a key"),
        (format!("a:{}", key('A')), format!("a:{}", key('B')), "a name"),
        (
            format!("a:{} b:{}", key('A'), key('A')),
            format!("c:{}", key('C')),
            "a key, by one caller",
        ),
    ];
    for (bff, order, what) in cases {
        let verifier = Verifier::new("user", [("bff", accepted(bff)), ("order", accepted(order))]);
        assert_eq!(
            verifier.err(),
            Some(KeyTextError::Shared),
            "{what} is given twice"
        );
    }
    assert_eq!(
        Verifier::new("user", []).err(),
        Some(KeyTextError::None),
        "no component could ever call"
    );
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let signing = MintingKey::parse(&format!("k1:{}", key('Q'))).unwrap();
    let accepted = AcceptedKeys::parse(&format!("k1:{}", key('Q'))).unwrap();
    let minter = Minter::new("bff", "user", signing.clone());
    let verifier = Verifier::new("user", [("bff", accepted.clone())]).unwrap();
    for shown in [
        format!("{signing:?}"),
        format!("{accepted:?}"),
        format!("{minter:?}"),
        format!("{verifier:?}"),
    ] {
        assert!(
            shown.contains("Secret(…)") && !shown.contains("QQQ") && !shown.contains("65, 4"),
            "{shown}"
        );
    }
}
