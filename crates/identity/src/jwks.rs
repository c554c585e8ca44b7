//! The issuer's public keys: a JWK Set (RFC 7517), of which only what can verify an access token is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::EncodedPoint;
use rsa::{BigUint, RsaPublicKey, pkcs1v15, signature::Verifier as _};
use serde_json::Value;
use sha2::Sha256;

use crate::access::TokenError;
use crate::json::{self, Object};

/// The largest JWK Set, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The most keys that a set may list, usable or not.
pub const MAX_JWKS_KEYS: usize = 64;

/// The longest `kid`, in bytes, of a key or a token.
pub const MAX_KEY_ID: usize = 256;

/// RFC 7518 (section 3.3) asks for at least 2048 bits. Verifying takes time with the square of the size, which is the
/// reason for the other end.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Members that only private and symmetric keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a document is no set of keys that tokens can be verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// More than [`MAX_JWKS_BYTES`].
    #[error("the JWKS has more than {MAX_JWKS_BYTES} bytes")]
    TooLong,
    /// Not JSON, not an object, nested too deep, or a member name that comes twice anywhere (RFC 7517, section 4).
    #[error("the JWKS is not a JSON object in which each name comes once")]
    Json,
    /// No member `keys`, or one that is no list (RFC 7517, section 5.1).
    #[error("the JWKS has no list of keys")]
    NoList,
    /// More than [`MAX_JWKS_KEYS`].
    #[error("the JWKS has more than {MAX_JWKS_KEYS} keys")]
    TooMany,
    /// Every key was skipped, or there was none.
    #[error("the JWKS has no key that can verify an RS256 or ES256 signature")]
    NoKey,
}

/// Why a key of a set is not used. The rest of the set is (RFC 7517, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It has private or symmetric parts: whoever can read the set could sign with it.
    #[error("it is not a public key")]
    Private,
    /// It is for another use than signatures (RFC 7517, sections 4.2 and 4.3).
    #[error("it is not for verifying signatures")]
    Use,
    /// It is neither an RSA key nor one on P-256 (RFC 7518, section 6.1).
    #[error("its type is neither RSA nor EC on P-256")]
    Type,
    /// It is for another algorithm than the one its type verifies here (RFC 7517, section 4.4).
    #[error("its algorithm is neither RS256 for RSA nor ES256 for EC")]
    Algorithm,
    /// An RSA key of fewer than 2048 or more than 8192 bits.
    #[error("it has fewer than 2048 or more than 8192 bits")]
    Size,
    /// A member is missing or not what it must be, the point is not on the curve, or the exponent is even or 1.
    #[error("it is malformed")]
    Malformed,
    /// Another key of the same type has the same `kid`.
    #[error("another key has the same kid")]
    Ambiguous,
}

/// The algorithms that an access token may be signed with. This is the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    Rs256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// An issuer's public keys for access tokens.
#[derive(Clone, Debug)]
pub struct Jwks {
    keys: Vec<Key>,
    skipped: Vec<(usize, SkipReason)>,
}

impl Jwks {
    /// Reads a JWK Set (RFC 7517, section 5).
    ///
    /// A key that cannot be used is skipped: one for encryption, of an unknown type or algorithm, with private parts, of a
    /// size that is too small or too large, or malformed. A `kid` that two *different* keys of one type have names neither
    /// of them: which was meant would be a guess, so both are skipped. (RFC 7517, section 4.5, allows it only to keys of
    /// different types, and there the token's `alg` tells which is meant.)
    ///
    /// # Errors
    /// More than [`MAX_JWKS_BYTES`] or [`MAX_JWKS_KEYS`], not a JWK Set, or no key in it that can be used.
    pub fn parse(document: &[u8]) -> Result<Self, JwksError> {
        if document.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLong);
        }
        let document = json::object(document).ok_or(JwksError::Json)?;
        let listed = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(JwksError::NoList)?;
        if listed.len() > MAX_JWKS_KEYS {
            return Err(JwksError::TooMany);
        }
        let read: Vec<_> = listed.iter().map(Key::read).collect();
        let mut jwks = Self {
            keys: Vec::new(),
            skipped: Vec::new(),
        };
        for (index, key) in read.iter().enumerate() {
            match key {
                Err(reason) => jwks.skipped.push((index, *reason)),
                Ok(key) if read.iter().flatten().any(|other| key.clashes(other)) => {
                    jwks.skipped.push((index, SkipReason::Ambiguous));
                }
                Ok(key) => jwks.keys.push(key.clone()),
            }
        }
        match jwks.keys.is_empty() {
            true => Err(JwksError::NoKey),
            false => Ok(jwks),
        }
    }

    /// The keys that are not used, by their place in the list (the first is 0), and why: for the log.
    pub fn skipped(&self) -> &[(usize, SkipReason)] {
        &self.skipped
    }

    /// The key that a token names, or, where it names none, the only one that its algorithm has (RFC 7515, section 4.1.4).
    pub(crate) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Result<&Key, TokenError> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm);
        match id {
            Some(id) => fitting
                .find(|key| key.id.as_deref() == Some(id))
                .ok_or_else(|| self.missing(id)),
            None => {
                let key = fitting.next().ok_or(TokenError::UnknownKey)?;
                let only = fitting.all(|other| other.public == key.public);
                only.then_some(key).ok_or(TokenError::NoKeyId)
            }
        }
    }

    fn missing(&self, id: &str) -> TokenError {
        match self.keys.iter().any(|key| key.id.as_deref() == Some(id)) {
            true => TokenError::KeyType,
            false => TokenError::UnknownKey,
        }
    }
}

/// One key, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: Option<String>,
    public: PublicKey,
}

#[derive(Clone, Debug, PartialEq)]
enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl Key {
    fn read(value: &Value) -> Result<Self, SkipReason> {
        let jwk = value.as_object().ok_or(SkipReason::Malformed)?;
        let kind = text(jwk, "kty")?.ok_or(SkipReason::Malformed)?;
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err(SkipReason::Private);
        }
        verifies(jwk)?;
        let public = match kind {
            "RSA" => PublicKey::Rsa(rsa(jwk)?),
            "EC" => PublicKey::P256(p256(jwk)?),
            _ => return Err(SkipReason::Type),
        };
        let id = text(jwk, "kid")?;
        if id.is_some_and(|id| id.len() > MAX_KEY_ID) {
            return Err(SkipReason::Malformed);
        }
        Ok(Self {
            id: id.map(str::to_owned),
            public,
        })
    }

    fn algorithm(&self) -> Algorithm {
        match self.public {
            PublicKey::Rsa(_) => Algorithm::Rs256,
            PublicKey::P256(_) => Algorithm::Es256,
        }
    }

    fn clashes(&self, other: &Self) -> bool {
        self.id.is_some()
            && self.id == other.id
            && self.algorithm() == other.algorithm()
            && self.public != other.public
    }

    /// Whether the signature over these bytes was made with this key's private half (RFC 7518, sections 3.3 and 3.4).
    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            PublicKey::Rsa(key) => pkcs1v15::Signature::try_from(signature)
                .and_then(|signature| {
                    pkcs1v15::VerifyingKey::<Sha256>::new(key.clone()).verify(signed, &signature)
                })
                .is_ok(),
            // Two numbers of 32 bytes, neither of them 0 (CVE-2022-21449): `from_slice` sees to both.
            PublicKey::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| key.verify(signed, &signature))
                .is_ok(),
        }
    }
}

fn verifies(jwk: &Object) -> Result<(), SkipReason> {
    let for_signatures = text(jwk, "use")?.is_none_or(|value| value == "sig");
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => return Err(SkipReason::Malformed),
    };
    match for_signatures && may_verify {
        true => Ok(()),
        false => Err(SkipReason::Use),
    }
}

/// RFC 7518, section 6.3.1.
fn rsa(jwk: &Object) -> Result<RsaPublicKey, SkipReason> {
    is_for(Algorithm::Rs256, jwk)?;
    let modulus = BigUint::from_bytes_be(&bytes(jwk, "n")?);
    let exponent = BigUint::from_bytes_be(&bytes(jwk, "e")?);
    if !RSA_BITS.contains(&modulus.bits()) {
        return Err(SkipReason::Size);
    }
    // Refuses an even modulus or exponent, with which there is no RSA, and the exponent 1, with which everybody signs.
    RsaPublicKey::new_with_max_size(modulus, exponent, *RSA_BITS.end()).map_err(|_| SkipReason::Malformed)
}

/// RFC 7518, section 6.2.1. That the point is on the curve is checked in `from_encoded_point`.
fn p256(jwk: &Object) -> Result<p256::ecdsa::VerifyingKey, SkipReason> {
    if text(jwk, "crv")? != Some("P-256") {
        return Err(SkipReason::Type);
    }
    is_for(Algorithm::Es256, jwk)?;
    let coordinate = |name| <[u8; 32]>::try_from(bytes(jwk, name)?).map_err(|_| SkipReason::Malformed);
    let point =
        EncodedPoint::from_affine_coordinates(&coordinate("x")?.into(), &coordinate("y")?.into(), false);
    p256::ecdsa::VerifyingKey::from_encoded_point(&point).map_err(|_| SkipReason::Malformed)
}

fn is_for(algorithm: Algorithm, jwk: &Object) -> Result<(), SkipReason> {
    match text(jwk, "alg")?.map(Algorithm::named) {
        None => Ok(()),
        Some(named) if named == Some(algorithm) => Ok(()),
        Some(_) => Err(SkipReason::Algorithm),
    }
}

fn bytes(jwk: &Object, name: &str) -> Result<Vec<u8>, SkipReason> {
    let text = text(jwk, name)?.ok_or(SkipReason::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SkipReason::Malformed)
}

fn text<'a>(jwk: &'a Object, name: &str) -> Result<Option<&'a str>, SkipReason> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::Malformed),
    }
}
