//! Tokens as JWTs: their claims as JSON, signed and read with the issuer's keys.

use std::rc::Rc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use signing::SigningKey;

use super::domain::{
    AccessClaims, ID_TOKEN_LIFETIME, IdClaims, IdTokenHint, VerifiedAccessToken, is_reserved,
};
use super::service::{TokenKeys, TokenSigner};
use crate::domain::failure::InternalFailure;
use crate::domain::json::Json;
use crate::json::{members, unread};
use crate::keys::document::verifying_keys;
use crate::keys::service::{KeyStore, PublishedKey};
use crate::keys::vault::KeyVault;

/// The `typ` of access tokens (RFC 9068, section 2.1). ID tokens are signed with the same key and have another `typ`,
/// so neither is accepted in place of the other.
const ACCESS_TOKEN: &str = "at+jwt";

/// The `typ` of ID tokens.
const ID_TOKEN: &str = "JWT";

/// The issuer's keys for the use cases.
pub(crate) struct JwtKeys<S> {
    pub(crate) store: S,
    pub(crate) vault: KeyVault,
    /// The claim `iss`.
    pub(crate) issuer: Rc<str>,
}

/// The signing key, and the database's time.
#[derive(Debug)]
pub(crate) struct JwtSigner {
    key: Rc<SigningKey>,
    issuer: Rc<str>,
    /// In seconds since 1970.
    now: i64,
}

impl<S: KeyStore> TokenKeys for JwtKeys<S> {
    type Signer = JwtSigner;

    async fn signer(&self) -> Result<JwtSigner, InternalFailure> {
        let sealed = self.store.signing_key().await?.ok_or(InternalFailure::NoKey)?;
        Ok(JwtSigner {
            now: sealed.now,
            key: self.vault.open(sealed)?,
            issuer: Rc::clone(&self.issuer),
        })
    }

    async fn read_id_token(&self, token: &str) -> Result<Option<IdTokenHint>, InternalFailure> {
        let keys = self.store.known_keys().await?;
        let Some(claims) = self.read(keys, token, ID_TOKEN) else {
            return Ok(None);
        };
        let all = unread(&Value::Object(claims.clone()));
        let read: Option<ReadIdToken> = parsed(claims);
        Ok(read.map(|read| IdTokenHint {
            subject: read.sub,
            session_id: read.sid,
            client_id: read.aud.into_iter().next().unwrap_or_default(),
            claims: all,
        }))
    }

    async fn read_access_token(&self, token: &str) -> Result<Option<VerifiedAccessToken>, InternalFailure> {
        let keys = self.store.published_keys().await?;
        let claims = self.read(keys, token, ACCESS_TOKEN);
        let read: Option<ReadAccessToken> = claims.and_then(parsed);
        Ok(read.map(Into::into))
    }
}

impl<S> JwtKeys<S> {
    /// The claims of our token of this type. Its times are not checked.
    fn read(&self, keys: Vec<PublishedKey>, token: &str, kind: &str) -> Option<Map<String, Value>> {
        let verified = verifying_keys(keys)
            .verify(token)
            .filter(|verified| verified.kind == kind)?;
        let issuer = verified.claims.get("iss");
        let is_ours = issuer.is_some_and(|issuer| issuer == &*self.issuer);
        is_ours.then_some(verified.claims)
    }
}

fn parsed<T: DeserializeOwned>(claims: Map<String, Value>) -> Option<T> {
    serde_json::from_value(claims.into()).ok()
}

impl TokenSigner for JwtSigner {
    fn sign_access_token(&self, claims: &AccessClaims<'_>) -> Result<String, InternalFailure> {
        self.sign(
            ACCESS_TOKEN,
            &SignedAccessToken::new(&self.issuer, self.now, claims),
        )
    }

    fn sign_id_token(&self, claims: &IdClaims<'_>) -> Result<String, InternalFailure> {
        self.sign(ID_TOKEN, &SignedIdToken::new(&self.issuer, self.now, claims))
    }
}

impl JwtSigner {
    fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String, InternalFailure> {
        let signed = self.key.sign(kind, claims);
        signed.map_err(|error| InternalFailure::Broken(error.to_string()))
    }
}

/// The claims of an access token in Hydra's form: the scopes are a list, `scp`, and the claims from consent are in
/// `ext`, where they cannot look like claims of the issuer.
#[derive(Serialize)]
struct SignedAccessToken<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a [String],
    client_id: &'a str,
    scp: &'a [String],
    jti: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    ext: Map<String, Value>,
}

impl<'a> SignedAccessToken<'a> {
    fn new(issuer: &'a str, now: i64, claims: &AccessClaims<'a>) -> Self {
        Self {
            iss: issuer,
            sub: claims.subject,
            aud: claims.audience,
            client_id: claims.client_id,
            scp: claims.scopes,
            jti: claims.id,
            iat: now,
            nbf: now,
            exp: now + claims.lifespan,
            ext: members(claims.extra),
        }
    }
}

/// The claims of an ID token (OpenID Connect Core, section 2).
#[derive(Serialize)]
struct SignedIdToken<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: [&'a str; 1],
    jti: &'a str,
    sid: &'a str,
    auth_time: i64,
    rat: i64,
    iat: i64,
    exp: i64,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    acr: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    /// The claims from consent. None of them has one of the names above.
    #[serde(flatten)]
    added: Map<String, Value>,
}

impl<'a> SignedIdToken<'a> {
    fn new(issuer: &'a str, now: i64, claims: &IdClaims<'a>) -> Self {
        Self {
            iss: issuer,
            sub: claims.subject,
            aud: [claims.client_id],
            jti: claims.id,
            sid: claims.session_id,
            auth_time: claims.authenticated_at,
            rat: claims.requested_at,
            iat: now,
            exp: now + ID_TOKEN_LIFETIME,
            at_hash: at_hash(claims.access_token),
            nonce: claims.nonce,
            acr: claims.acr,
            amr: claims.amr,
            added: added_claims(claims.extra),
        }
    }
}

/// The claims from consent for ID tokens and userinfo, without those that only the issuer writes.
pub(crate) fn added_claims(extra: &Json) -> Map<String, Value> {
    let mut claims = members(extra);
    claims.retain(|name, _| !is_reserved(name));
    claims
}

/// OpenID Connect Core, section 3.1.3.6: the left half of the hash that the signature uses.
fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

/// The claims of a received ID token.
#[derive(Deserialize)]
struct ReadIdToken {
    sub: String,
    #[serde(default)]
    sid: String,
    #[serde(default)]
    aud: Vec<String>,
}

/// The claims of a received access token.
#[derive(Deserialize)]
struct ReadAccessToken {
    sub: String,
    client_id: String,
    #[serde(default)]
    aud: Vec<String>,
    #[serde(default)]
    scp: Vec<String>,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(default)]
    ext: Value,
}

impl From<ReadAccessToken> for VerifiedAccessToken {
    fn from(read: ReadAccessToken) -> Self {
        Self {
            subject: read.sub,
            client_id: read.client_id,
            audience: read.aud,
            scopes: read.scp,
            id: read.jti,
            issued_at: read.iat,
            not_before: read.nbf,
            expires_at: read.exp,
            extra: unread(&read.ext),
        }
    }
}

#[cfg(test)]
mod tests {
    use identity::access::{Policy, TokenError, UnverifiedToken};
    use identity::caller::SignedIn;
    use identity::jwks::Jwks;
    use serde_json::json;

    use super::*;

    const USER: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
    const NOW: i64 = 1_800_000_000;

    fn extra(value: Value) -> Json {
        unread(&value)
    }

    fn signer(key: SigningKey) -> JwtSigner {
        JwtSigner {
            key: Rc::new(key),
            issuer: "https://id.example".into(),
            now: NOW,
        }
    }

    fn id_token_claims(claims: &IdClaims<'_>) -> Value {
        serde_json::to_value(SignedIdToken::new("https://id.example", NOW, claims)).unwrap()
    }

    fn access<'a>(
        subject: &'a str,
        scopes: &'a [String],
        audience: &'a [String],
        extra: &'a Json,
    ) -> AccessClaims<'a> {
        AccessClaims {
            subject,
            client_id: "shop",
            audience,
            scopes,
            id: "g.1",
            lifespan: 900,
            extra,
        }
    }

    fn id<'a>(access_token: &'a str, nonce: Option<&'a str>, extra: &'a Json) -> IdClaims<'a> {
        IdClaims {
            subject: USER,
            client_id: "shop",
            id: "i",
            session_id: "s-1",
            nonce,
            acr: "0",
            amr: &[],
            authenticated_at: NOW - 5,
            requested_at: NOW - 9,
            access_token,
            extra,
        }
    }

    fn keys(key: &SigningKey) -> Jwks {
        Jwks::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).expect("a key set")
    }

    #[test]
    fn the_bff_accepts_our_access_tokens_and_refuses_our_id_tokens() {
        let key = SigningKey::generate().unwrap();
        let policy = Policy::new("https://id.example", "akinai").unwrap();
        let (scopes, audience) = (["openid", "admin"].map(str::to_owned), ["akinai".to_owned()]);
        let session = extra(json!({"epoch": 3, "sid": "s-1"}));
        let keys = keys(&key);
        let signer = signer(key);
        let token = signer
            .sign_access_token(&access(USER, &scopes, &audience, &session))
            .unwrap();
        let read = UnverifiedToken::parse(&token).unwrap();
        let read = read.verify(&keys, &policy, NOW as u64).unwrap();
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

        // An ID token is refused with any claims from consent, and without a nonce. Its audience also differs.
        for (nonce, planted) in [
            (Some("n"), json!({})),
            (
                None,
                json!({"client_id": "shop", "aud": ["akinai"], "at_hash": null, "scp": ["admin"]}),
            ),
        ] {
            let extra = extra(planted);
            let id_token = signer.sign_id_token(&id(&token, nonce, &extra)).unwrap();
            let read = UnverifiedToken::parse(&id_token).unwrap();
            let refused = read.verify(&keys, &policy, NOW as u64);
            assert!(matches!(refused, Err(TokenError::IdToken(_))), "{refused:?}");
        }
    }

    #[test]
    fn client_credentials_token_names_no_user_and_no_admin() {
        let key = SigningKey::generate().unwrap();
        let policy = Policy::new("https://id.example", "akinai").unwrap();
        let (scopes, audience, none) = (["admin".to_owned()], ["akinai".to_owned()], Json::default());
        let keys = keys(&key);
        let token = signer(key)
            .sign_access_token(&access("shop", &scopes, &audience, &none))
            .unwrap();
        let read = UnverifiedToken::parse(&token).unwrap();
        let read = read.verify(&keys, &policy, NOW as u64).unwrap();
        assert!(SignedIn::try_from(&read).is_err(), "a machine is no user");
        assert!(!read.scopes().contains("admin"), "and no admin");
    }

    #[test]
    fn consent_cannot_write_the_issuer_s_claims() {
        let planted = extra(
            json!({"name": "Hana", "sub": "admin", "iss": "https://evil", "exp": 9, "sid": "x", "nonce": "y"}),
        );
        let claims = id_token_claims(&id("t", None, &planted));
        assert_eq!(
            (&claims["name"], &claims["sub"], &claims["sid"]),
            (&json!("Hana"), &json!(USER), &json!("s-1"))
        );
        assert_eq!(claims.get("nonce"), None);
        assert_eq!(Value::Object(added_claims(&planted)), json!({"name": "Hana"}));
        let planted = extra(json!({"sub": "admin", "nonce": "y"}));
        let claims = access(USER, &[], &[], &planted);
        let claims =
            serde_json::to_value(SignedAccessToken::new("https://id.example", NOW, &claims)).unwrap();
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
}
