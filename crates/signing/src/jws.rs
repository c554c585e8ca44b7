//! Reading back what was signed here: access tokens that are introspected, ID tokens that come as hints.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{BigUint, RsaPublicKey, pkcs1v15, signature::Verifier as _};
use serde_json::{Map, Value};
use sha2::Sha256;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// A token that one of the keys has signed. Whether it has expired is not looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// What it calls itself (`typ`): tokens of one kind must not pass for another (RFC 8725, section 3.11).
    pub kind: String,
    /// What it says.
    pub claims: Map<String, Value>,
}

/// Public keys by their ids.
#[derive(Debug, Default)]
pub struct VerifyingKeys(Vec<(String, RsaPublicKey)>);

impl VerifyingKeys {
    /// The keys of these JWKs, as [`SigningKey::public_jwk`](crate::SigningKey::public_jwk) wrote them; others are skipped.
    pub fn new<'a>(jwks: impl IntoIterator<Item = &'a Value>) -> Self {
        Self(jwks.into_iter().filter_map(read).collect())
    }

    /// What a token says, if one of these keys has signed it with RS256: no other algorithm is known here.
    pub fn verify(&self, token: &str) -> Option<Verified> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = object(header)?;
        if header.get("alg")? != "RS256" || header.contains_key("crit") {
            return None;
        }
        let id = header.get("kid")?.as_str()?;
        let (_, key) = self.0.iter().find(|(known, _)| known == id)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signature = pkcs1v15::Signature::try_from(signature.as_slice()).ok()?;
        pkcs1v15::VerifyingKey::<Sha256>::new(key.clone())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        Some(Verified {
            kind: header
                .get("typ")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            claims: object(payload)?,
        })
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn read(jwk: &Value) -> Option<(String, RsaPublicKey)> {
    let number = |member: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(jwk.get(member)?.as_str()?).ok()?;
        Some(BigUint::from_bytes_be(&bytes))
    };
    let key = RsaPublicKey::new(number("n")?, number("e")?).ok()?;
    Some((jwk.get("kid")?.as_str()?.to_owned(), key))
}

#[cfg(test)]
mod tests {
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
}
