//! A private key: reading it, signing with it, and its public half.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{
        AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, PublicKeyUse, RSAKeyParameters, RSAKeyType,
        ThumbprintHash,
    },
};
use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _},
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::random::System;

/// RFC 7518 (section 3.3) requires at least 2048 bits. The upper limit exists because the time for signing grows with the
/// cube of the size.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Why a text is refused as a signing key. The text is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Neither PKCS#8 nor PKCS#1 in PEM, or not an RSA key.
    #[error("it is not an RSA private key in PEM")]
    Pem,
    /// A member is missing or malformed (RFC 7518, section 6.3.2): `n`, `e`, `d`, `p` and `q` have to be there.
    #[error("it is not an RSA private key as a JWK with n, e, d, p and q")]
    Jwk,
    /// `alg` or `use` names another purpose.
    #[error("it is not for signing with RS256")]
    Use,
    /// Fewer than 2048 bits, or more than 4096.
    #[error("it has fewer than 2048 or more than 4096 bits")]
    Size,
    /// The parts do not belong together.
    #[error("its parts do not belong together")]
    Broken,
    /// The key cannot sign, or cannot be made or encoded.
    #[error("the key cannot be used")]
    Unusable,
}

/// An RSA key that signs with RS256 (RFC 7518, section 3.3). Its `Debug` form shows its id alone.
pub struct SigningKey {
    id: String,
    key: RsaPrivateKey,
    /// The same key, as the library signs with it.
    pub(crate) encoding: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// Reads a PEM: PKCS#8 (`PRIVATE KEY`, RFC 5958) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`SigningKeyError::Pem`], [`Size`](SigningKeyError::Size) or [`Broken`](SigningKeyError::Broken).
    pub fn from_pem(pem: &str) -> Result<Self, SigningKeyError> {
        let pem = pem.trim();
        let key = RsaPrivateKey::from_pkcs8_pem(pem)
            .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem).map_err(|_| ()));
        Self::checked(key.map_err(|()| SigningKeyError::Pem)?)
    }

    /// Reads a JWK with private members (RFC 7518, section 6.3.2). Its `kid` is not taken over: see [`SigningKey::id`].
    ///
    /// # Errors
    /// Any [`SigningKeyError`] but [`Pem`](SigningKeyError::Pem).
    pub fn from_jwk(jwk: &Value) -> Result<Self, SigningKeyError> {
        let says = |member: &str, value: &str| jwk.get(member).is_none_or(|given| given == value);
        if jwk.get("kty").is_none_or(|kind| kind != "RSA") {
            return Err(SigningKeyError::Jwk);
        }
        if !says("alg", "RS256") || !says("use", "sig") {
            return Err(SigningKeyError::Use);
        }
        let number = |member: &str| {
            let text = jwk
                .get(member)
                .and_then(Value::as_str)
                .filter(|text| text.len() <= 1024);
            let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            bytes
                .map(|bytes| BigUint::from_bytes_be(&bytes))
                .ok_or(SigningKeyError::Jwk)
        };
        let primes = vec![number("p")?, number("q")?];
        let key = RsaPrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes);
        Self::checked(key.map_err(|_| SigningKeyError::Broken)?)
    }

    /// Makes a new key of 2048 bits. Natively this takes a fraction of a second; inside WebAssembly it takes many seconds.
    ///
    /// # Errors
    /// [`SigningKeyError::Unusable`].
    pub fn generate() -> Result<Self, SigningKeyError> {
        let key = RsaPrivateKey::new(&mut System, *BITS.start()).map_err(|_| SigningKeyError::Unusable)?;
        Self::new(key)
    }

    /// The private key itself (PKCS#8 in PEM), to be imported into the issuer.
    ///
    /// # Errors
    /// [`SigningKeyError::Unusable`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SigningKeyError> {
        let pem = self.key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF);
        pem.map_err(|_| SigningKeyError::Unusable)
    }

    /// Reads what [`SigningKey::to_der`] has written. The key was checked when it was imported.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        Self::new(RsaPrivateKey::from_pkcs8_der(der).ok()?).ok()
    }

    pub(crate) fn to_der(&self) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
        let document = self.key.to_pkcs8_der().map_err(|_| SigningKeyError::Unusable)?;
        Ok(Zeroizing::new(document.as_bytes().to_vec()))
    }

    fn checked(key: RsaPrivateKey) -> Result<Self, SigningKeyError> {
        if !BITS.contains(&key.n().bits()) {
            return Err(SigningKeyError::Size);
        }
        let is_whole = key.primes().len() == 2 && key.validate().is_ok();
        match is_whole {
            true => Self::new(key),
            false => Err(SigningKeyError::Broken),
        }
    }

    fn new(key: RsaPrivateKey) -> Result<Self, SigningKeyError> {
        let der = key.to_pkcs1_der().map_err(|_| SigningKeyError::Unusable)?;
        let encoding = EncodingKey::from_rsa_der(der.as_bytes());
        let number = |number: &BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        let mut public = public_key(number(key.n()), number(key.e()));
        let id = thumbprint(&public)?;
        public.common.key_id = Some(id.clone());
        Ok(Self {
            id,
            key,
            encoding,
            public,
        })
    }

    /// The key's id in tokens (`kid`): its thumbprint (RFC 7638). Ids in requests are ignored. So one key has one id, and no
    /// two keys have the same id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half as a JWK (RFC 7517), for the issuer's key set.
    pub fn public_jwk(&self) -> Value {
        serde_json::to_value(&self.public).unwrap_or_default()
    }

    /// A signed token (RFC 7519; compact form of RFC 7515) with these claims. `kind` is its `typ`.
    ///
    /// Signing is blinded: its time shows nothing about the key.
    ///
    /// # Errors
    /// [`SigningKeyError::Unusable`].
    pub fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String, SigningKeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.id.clone());
        header.typ = Some(kind.to_owned());
        encode(&header, claims, &self.encoding).map_err(|_| SigningKeyError::Unusable)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

fn public_key(n: String, e: String) -> Jwk {
    Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::RS256),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::RSA(RSAKeyParameters {
            key_type: RSAKeyType::RSA,
            n,
            e,
        }),
    }
}

/// RFC 7638, section 3.
fn thumbprint(key: &Jwk) -> Result<String, SigningKeyError> {
    key.thumbprint(ThumbprintHash::SHA256)
        .map_err(|_| SigningKeyError::Unusable)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7638, section 3.1.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9\
                 1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = public_key(n.to_owned(), "AQAB".to_owned());
        assert_eq!(
            thumbprint(&key).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn a_key_is_the_same_key_as_pem_and_as_jwk() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().id(), key.id());
        let number = |number: &BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        let mut jwk = key.public_jwk();
        jwk["d"] = number(key.key.d()).into();
        jwk["p"] = number(&key.key.primes()[0]).into();
        jwk["q"] = number(&key.key.primes()[1]).into();
        jwk["kid"] = "chosen".into();
        assert_eq!(SigningKey::from_jwk(&jwk).unwrap().id(), key.id());

        let other = SigningKey::generate().unwrap();
        let changed = |member: &str, value: Value| {
            let mut jwk = jwk.clone();
            jwk[member] = value;
            SigningKey::from_jwk(&jwk).unwrap_err()
        };
        assert_eq!(changed("use", json!("enc")), SigningKeyError::Use);
        assert_eq!(changed("alg", json!("PS256")), SigningKeyError::Use);
        assert_eq!(changed("kty", json!("EC")), SigningKeyError::Jwk);
        assert_eq!(changed("d", json!("A".repeat(10_000))), SigningKeyError::Jwk);
        assert_eq!(
            changed("d", number(other.key.d()).into()),
            SigningKeyError::Broken
        );
        assert_eq!(changed("p", Value::Null), SigningKeyError::Jwk);
        let public = SigningKey::from_jwk(&key.public_jwk()).unwrap_err();
        assert_eq!(public, SigningKeyError::Jwk, "a public key signs nothing");
    }

    #[test]
    fn small_keys_and_garbage_are_refused() {
        let small = RsaPrivateKey::new(&mut System, 1024).unwrap();
        let pem = small.to_pkcs8_pem(Default::default()).unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), SigningKeyError::Size);
        let rest = &pem[40..];
        for wrong in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            rest,
            "\0",
            &"A".repeat(1 << 20),
        ] {
            assert_eq!(
                SigningKey::from_pem(wrong).unwrap_err(),
                SigningKeyError::Pem,
                "{wrong:.30}"
            );
        }
    }

    #[test]
    fn neither_the_public_half_nor_debug_output_show_the_private_one() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.id()));
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(key.public_jwk().get(member).is_none(), "{member} is private");
        }
    }
}
