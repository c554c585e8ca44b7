//! Reading tokens that were signed here: access tokens that are introspected, and ID tokens that come back as hints.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

/// The longest token that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// A token that one of the keys has signed. Its times are not checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Its type (`typ`): a token of one type must not pass for another (RFC 8725, section 3.11).
    pub kind: String,
    /// Its claims.
    pub claims: Map<String, Value>,
}

/// Public keys by their ids. Each is parsed once.
#[derive(Default)]
pub struct VerifyingKeys(Vec<(String, DecodingKey)>);

impl VerifyingKeys {
    /// The keys of these JWKs, as [`SigningKey::public_jwk`](crate::SigningKey::public_jwk) wrote them; others are skipped.
    pub fn new<'a>(jwks: impl IntoIterator<Item = &'a Value>) -> Self {
        Self(jwks.into_iter().filter_map(read).collect())
    }

    /// The token, if one of these keys has signed it with RS256. No other algorithm is accepted.
    pub fn verify(&self, token: &str) -> Option<Verified> {
        if token.len() > LONGEST {
            return None;
        }
        let header = decode_header(token).ok().filter(|header| header.crit.is_none())?;
        let (_, key) = self.0.iter().find(|(id, _)| Some(id) == header.kid.as_ref())?;
        let token = decode(token, key, &signature_alone()).ok()?;
        Some(Verified {
            kind: token.header.typ.unwrap_or_default(),
            claims: token.claims,
        })
    }
}

impl fmt::Debug for VerifyingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// The claims are judged by the callers of this crate: an ID token may be expired and still be a hint.
fn signature_alone() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

fn read(jwk: &Value) -> Option<(String, DecodingKey)> {
    let text = |member: &str| jwk.get(member)?.as_str();
    let key = DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?;
    Some((text("kid")?.to_owned(), key))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::SigningKey;

    fn claims(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(claims) => claims,
            other => panic!("claims are an object, not {other}"),
        }
    }

    #[test]
    fn a_token_is_read_back_and_an_altered_one_is_not() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let keys = VerifyingKeys::new([&key.public_jwk(), &other.public_jwk()]);
        let token = key.sign("at+jwt", &claims(json!({"sub": "hana"}))).unwrap();
        let read = keys.verify(&token).expect("our own token is read");
        assert_eq!(
            (read.kind.as_str(), &read.claims["sub"]),
            ("at+jwt", &json!("hana"))
        );

        let (head, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"admin"}"#);
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": key.id()}).to_string());
        let stranger = VerifyingKeys::new([&other.public_jwk()]);
        assert_eq!(stranger.verify(&token), None, "its key is not known there");
        for wrong in [
            format!("{header}.{payload}.{signature}"),
            format!("{none}.{payload}."),
            format!("{head}."),
            format!("{token}A"),
            format!(".{token}"),
            String::new(),
            "..".to_owned(),
            "a".repeat(1 << 20),
        ] {
            assert_eq!(keys.verify(&wrong), None, "{wrong:.60} must not pass");
        }
    }

    /// RFC 8725, section 2.1: a token must not choose the algorithm that it is verified with.
    #[test]
    fn token_of_another_algorithm_or_with_a_critical_header_is_refused() {
        let key = SigningKey::generate().unwrap();
        let keys = VerifyingKeys::new([&key.public_jwk()]);
        let public = key.public_jwk().to_string();
        let hmac = EncodingKey::from_secret(public.as_bytes());
        let header = |algorithm| Header {
            kid: Some(key.id().to_owned()),
            ..Header::new(algorithm)
        };
        let claims = json!({"sub": "admin"});
        let ours = encode(&header(Algorithm::RS256), &claims, &key.encoding).unwrap();
        assert!(keys.verify(&ours).is_some(), "the key and the id are right");
        for (algorithm, key) in [
            (Algorithm::HS256, &hmac),
            (Algorithm::RS384, &key.encoding),
            (Algorithm::RS512, &key.encoding),
            (Algorithm::PS256, &key.encoding),
        ] {
            let token = encode(&header(algorithm), &claims, key).unwrap();
            assert_eq!(keys.verify(&token), None, "{algorithm:?}");
        }
        let critical = Header {
            crit: Some(vec!["exp".to_owned()]),
            ..header(Algorithm::RS256)
        };
        let token = encode(&critical, &claims, &key.encoding).unwrap();
        assert_eq!(keys.verify(&token), None, "a critical header");
    }
}
