//! Both ways with `jose`, which we did not write: it signs, we verify; we sign, it verifies.
//!
//! The code that signs is in `tests/clients/jose`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use identity::access::{AccessToken, TokenKind, UnverifiedToken};
use identity::caller::{Principal, SignedIn};
use identity::jwks::{Jwks, SkipReason};
use identity::service_token::{AcceptedKeys, CallClaims, Minter, MintingKey, Verifier};
use kernel::{Scope, UserCaller};
use serde_json::{Value, json};

use crate::tokens::{AUDIENCE, ISSUER, NOW, USER, policy};

const SHARED_KEY: &str = "c2hhcmVkIGJldHdlZW4gYmZmIGFuZCB1c2VyLCBpbiB0ZXN0cw";

/// The output of `sign.js`.
static SIGNED: LazyLock<Value> = LazyLock::new(|| {
    let arguments = ["sign.js", &NOW.to_string(), ISSUER, AUDIENCE, SHARED_KEY];
    let printed = run(Command::new("node").args(arguments).current_dir(client()));
    serde_json::from_str(&printed).expect("JSON")
});

/// The folder of the client, with its packages installed.
fn client() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/jose");
        // `ci` installs exactly what the lock file names, and nothing else.
        run(Command::new("npm").arg("ci").current_dir(&folder));
        folder
    });
    &FOLDER
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} must run ({error}): jose needs Node.js 20 or newer, see https://nodejs.org")
    });
    assert!(
        output.status.success(),
        "{command:?} must succeed, but ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

fn jwks() -> Jwks {
    Jwks::parse(SIGNED["jwks"].to_string().as_bytes()).expect("jose's keys can be used")
}

/// The tokens of one list, each with its name.
fn tokens(list: &str) -> impl Iterator<Item = (&Value, &str, &str)> {
    let tokens = SIGNED[list].as_array().expect("a list");
    assert!(!tokens.is_empty(), "{list} has tokens");
    tokens.iter().map(|entry| {
        let text = |name: &str| entry[name].as_str().expect("a text");
        (entry, text("name"), text("token"))
    })
}

/// A token as `sign.js` describes it.
fn said(token: &AccessToken) -> Value {
    json!({
        "subject": token.subject(),
        "client_id": token.client_id(),
        "machine": token.kind() == TokenKind::Machine,
        "scopes": token.scopes().iter().collect::<Vec<_>>(),
        "epoch": token.epoch(),
        "session": token.session().map(|session| session.as_str()),
        "issued_at": token.issued_at(),
        "expires_at": token.expires_at(),
    })
}

#[test]
fn the_keys_that_sign_are_kept_and_the_others_skipped() {
    let expected = [
        (0, SkipReason::Use),
        (1, SkipReason::Type),
        (2, SkipReason::Type),
        (3, SkipReason::Algorithm),
    ];
    assert_eq!(jwks().skipped(), expected, "RSA-OAEP, Ed25519, P-384 and PS256");
}

#[test]
fn access_token_that_jose_signs_is_accepted_with_its_claims() {
    let keys = jwks();
    for (entry, name, token) in tokens("accepted") {
        let token = UnverifiedToken::parse(token).and_then(|token| token.verify(&keys, &policy(), NOW));
        let token = token.unwrap_or_else(|error| panic!("{name} must be accepted, but: {error}"));
        assert_eq!(said(&token), entry["said"], "{name}");
    }
}

#[test]
fn token_that_jose_signs_for_another_purpose_is_refused() {
    let keys = jwks();
    for (entry, name, token) in tokens("refused") {
        let token = UnverifiedToken::parse(token).and_then(|token| token.verify(&keys, &policy(), NOW));
        let error = token.map(|_| "accepted").map_err(|error| format!("{error:?}"));
        assert_eq!(
            error,
            Err(entry["error"].as_str().expect("a text").to_owned()),
            "{name}"
        );
    }
}

#[test]
fn service_token_that_jose_signs_is_accepted() {
    let accepted = AcceptedKeys::parse(&format!("k1:{SHARED_KEY}")).unwrap();
    let verifier = Verifier::new("user", [("bff", accepted)]).unwrap();
    let call = verifier.verify(SIGNED["service"].as_str().unwrap(), NOW).unwrap();
    assert_eq!((call.caller(), call.request_id().as_str()), ("bff", "r1"));
    assert_eq!(call.principal(), &admin(None));
}

#[test]
fn jose_accepts_our_service_tokens() {
    let minter = Minter::new(
        "bff",
        "user",
        MintingKey::parse(&format!("k1:{SHARED_KEY}")).unwrap(),
    );
    let call = CallClaims {
        principal: &admin(Some(3)),
        request_id: &"r1".parse().unwrap(),
        client_address: Some("192.0.2.1".parse().unwrap()),
    };
    let arguments = [
        "verify.js",
        &NOW.to_string(),
        SHARED_KEY,
        &minter.mint(&call, NOW),
    ];
    let printed = run(Command::new("node").args(arguments).current_dir(client()));
    let expected = json!({
        "header": {"alg": "HS256", "kid": "k1", "typ": "akinai-service+jwt"},
        "claims": {
            "iss": "bff",
            "aud": "user",
            "iat": NOW,
            "exp": NOW + 30,
            "request_id": "r1",
            "client_address": "192.0.2.1",
            "sub": USER,
            "scope": "admin",
            "epoch": 3,
            "sid": "s-1",
        },
    });
    assert_eq!(serde_json::from_str::<Value>(&printed).expect("JSON"), expected);
}

fn admin(epoch: Option<u64>) -> Principal {
    Principal::User(SignedIn {
        user: UserCaller {
            id: USER.parse().expect("a user id"),
            scopes: vec![Scope::Admin],
            session: epoch.map(|_| "s-1".parse().expect("a session")),
        },
        epoch,
    })
}
