//! What tokens say.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// How long ID tokens live, in seconds.
pub(crate) const ID_TOKEN: i64 = 3600;

/// The `typ` of access tokens (RFC 9068, section 2.1): an ID token, signed with the same key, has another, and neither passes
/// for the other.
pub(crate) const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The `typ` of ID tokens.
pub(crate) const ID_TOKEN_TYPE: &str = "JWT";

/// Claims of ID tokens that are the issuer's own: consent puts nothing in their place.
const RESERVED: [&str; 18] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "rat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "client_id",
];

/// Whom an access token is about, and what it allows.
#[derive(Debug)]
pub(crate) struct AccessClaims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) audience: &'a [String],
    pub(crate) scopes: &'a [String],
    /// `jti`: see [`token_id`].
    pub(crate) id: &'a str,
    /// In seconds since 1970.
    pub(crate) now: i64,
    /// In seconds.
    pub(crate) lifespan: i64,
    /// What consent put there.
    pub(crate) extra: &'a Map<String, Value>,
}

/// As Hydra has them: scopes as the list `scp`, and what consent put there in `ext`, where none of it can pass for a claim of
/// the issuer's.
pub(crate) fn access_claims(token: &AccessClaims<'_>) -> Map<String, Value> {
    object(json!({
        "iss": token.issuer,
        "sub": token.subject,
        "aud": token.audience,
        "client_id": token.client_id,
        "scp": token.scopes,
        "jti": token.id,
        "iat": token.now,
        "nbf": token.now,
        "exp": token.now + token.lifespan,
        "ext": token.extra,
    }))
}

/// Who has logged in, how and when, for the client.
#[derive(Debug)]
pub(crate) struct IdClaims<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) id: &'a str,
    pub(crate) session_id: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) acr: &'a str,
    pub(crate) amr: &'a [String],
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// When the request came: in seconds since 1970.
    pub(crate) requested_at: i64,
    /// In seconds since 1970.
    pub(crate) now: i64,
    /// The access token that comes with it.
    pub(crate) access_token: &'a str,
    /// What consent put there.
    pub(crate) extra: &'a Map<String, Value>,
}

/// OpenID Connect Core, section 2.
pub(crate) fn id_claims(token: &IdClaims<'_>) -> Map<String, Value> {
    let mut claims = public_claims(token.extra);
    claims.extend(object(json!({
        "iss": token.issuer,
        "sub": token.subject,
        "aud": [token.client_id],
        "jti": token.id,
        "sid": token.session_id,
        "auth_time": token.authenticated_at,
        "rat": token.requested_at,
        "iat": token.now,
        "exp": token.now + ID_TOKEN,
        "at_hash": at_hash(token.access_token),
    })));
    if let Some(nonce) = token.nonce {
        claims.insert("nonce".into(), nonce.into());
    }
    if !token.acr.is_empty() {
        claims.insert("acr".into(), token.acr.into());
    }
    if !token.amr.is_empty() {
        claims.insert("amr".into(), json!(token.amr));
    }
    claims
}

/// What consent says about the user, without what is the issuer's to say.
pub(crate) fn public_claims(extra: &Map<String, Value>) -> Map<String, Value> {
    let kept = extra
        .iter()
        .filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// OpenID Connect Core, section 3.1.3.6: the left half of the hash that the signature uses.
fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

/// An access token's `jti`: the grant that it comes from, so that it dies with it, or nothing for a client's own; and what
/// makes it unique.
pub(crate) fn token_id(grant: Option<&str>, unique: &str) -> String {
    format!("{}.{unique}", grant.unwrap_or_default())
}

/// The grant that a `jti` names; `None` for a client's own token.
pub(crate) fn grant_of(token_id: &str) -> Option<&str> {
    let (grant, _) = token_id.split_once('.')?;
    Some(grant).filter(|grant| !grant.is_empty())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use identity::access::{Policy, TokenError, UnverifiedToken};
    use identity::caller::SignedIn;
    use identity::jwks::Jwks;
    use signing::SigningKey;

    use super::*;

    const USER: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
    const NOW: i64 = 1_800_000_000;

    fn extra(value: Value) -> Map<String, Value> {
        object(value)
    }

    fn access<'a>(
        subject: &'a str,
        scopes: &'a [String],
        audience: &'a [String],
        extra: &'a Map<String, Value>,
    ) -> AccessClaims<'a> {
        AccessClaims {
            issuer: "https://id.example",
            subject,
            client_id: "shop",
            audience,
            scopes,
            id: "g.1",
            now: NOW,
            lifespan: 900,
            extra,
        }
    }

    fn id<'a>(access_token: &'a str, nonce: Option<&'a str>, extra: &'a Map<String, Value>) -> IdClaims<'a> {
        IdClaims {
            issuer: "https://id.example",
            subject: USER,
            client_id: "shop",
            id: "i",
            session_id: "s-1",
            nonce,
            acr: "0",
            amr: &[],
            authenticated_at: NOW - 5,
            requested_at: NOW - 9,
            now: NOW,
            access_token,
            extra,
        }
    }

    fn keys(key: &SigningKey) -> Jwks {
        Jwks::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).expect("a key set")
    }

    #[test]
    fn our_access_tokens_are_read_by_the_bff_and_our_id_tokens_are_not() {
        let key = SigningKey::generate().unwrap();
        let policy = Policy::new("https://id.example", "akinai").unwrap();
        let (scopes, audience) = (["openid", "admin"].map(str::to_owned), ["akinai".to_owned()]);
        let session = extra(json!({"epoch": 3, "sid": "s-1"}));
        let claims = access_claims(&access(USER, &scopes, &audience, &session));
        let token = key.sign(ACCESS_TOKEN_TYPE, &claims).unwrap();
        let read = UnverifiedToken::parse(&token).unwrap();
        let read = read.verify(&keys(&key), &policy, NOW as u64).unwrap();
        let signed_in = SignedIn::try_from(&read).expect("a user");
        assert_eq!(
            (signed_in.epoch, signed_in.user.id.to_string()),
            (Some(3), USER.to_owned())
        );
        assert_eq!(
            signed_in.user.session.map(|id| id.to_string()).as_deref(),
            Some("s-1")
        );
        assert!(read.scopes().contains("admin"));

        // Whatever consent puts into it, and with no nonce: it has an audience of its own, too.
        for (nonce, planted) in [
            (Some("n"), json!({})),
            (
                None,
                json!({"client_id": "shop", "aud": ["akinai"], "at_hash": null, "scp": ["admin"]}),
            ),
        ] {
            let extra = extra(planted);
            let claims = id_claims(&id(&token, nonce, &extra));
            let id_token = key.sign(ID_TOKEN_TYPE, &claims).unwrap();
            let read = UnverifiedToken::parse(&id_token).unwrap();
            let refused = read.verify(&keys(&key), &policy, NOW as u64);
            assert!(matches!(refused, Err(TokenError::IdToken(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_client_s_own_token_is_a_machine_s() {
        let key = SigningKey::generate().unwrap();
        let policy = Policy::new("https://id.example", "akinai").unwrap();
        let (scopes, audience, none) = (["admin".to_owned()], ["akinai".to_owned()], Map::new());
        let claims = access_claims(&access("shop", &scopes, &audience, &none));
        let token = key.sign(ACCESS_TOKEN_TYPE, &claims).unwrap();
        let read = UnverifiedToken::parse(&token).unwrap();
        let read = read.verify(&keys(&key), &policy, NOW as u64).unwrap();
        assert!(SignedIn::try_from(&read).is_err(), "a machine is no user");
        assert!(!read.scopes().contains("admin"), "and no admin");
    }

    #[test]
    fn consent_cannot_speak_for_the_issuer() {
        let planted = extra(
            json!({"name": "Hana", "sub": "admin", "iss": "https://evil", "exp": 9, "sid": "x", "nonce": "y"}),
        );
        let claims = id_claims(&id("t", None, &planted));
        assert_eq!(
            (&claims["name"], &claims["sub"], &claims["sid"]),
            (&json!("Hana"), &json!(USER), &json!("s-1"))
        );
        assert_eq!(claims.get("nonce"), None);
        assert_eq!(public_claims(&planted), extra(json!({"name": "Hana"})));
        let planted = extra(json!({"sub": "admin", "nonce": "y"}));
        let claims = access_claims(&access(USER, &[], &[], &planted));
        assert_eq!((&claims["sub"], claims.get("nonce")), (&json!(USER), None));
    }

    /// OpenID Connect Core, section A.3 (its token and `at_hash`).
    #[test]
    fn at_hash_is_that_of_the_specification() {
        assert_eq!(
            at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }

    #[test]
    fn a_token_knows_its_grant() {
        assert_eq!(grant_of(&token_id(Some("g1"), "u")), Some("g1"));
        for none in [&token_id(None, "u"), "", "u"] {
            assert_eq!(grant_of(none), None, "{none:?}");
        }
    }
}
