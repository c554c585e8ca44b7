//! The issuer's public keys: a JWK Set (RFC 7517), of which only what can verify an access token is kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use rsa::{BigUint, RsaPublicKey, pkcs1v15, signature::Verifier as _};
use serde_json::Value;
use sha2::Sha256;

use crate::json::{self, Object};
use crate::jws::Compact;
use crate::token_error::TokenError;

pub use crate::jws::MAX_KEY_ID;

/// The largest JWK Set, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The most keys that a set may list, usable or not.
pub const MAX_JWKS_KEYS: usize = 64;

/// RFC 7518 (section 3.3) requires at least 2048 bits. The upper limit exists because the time for verifying grows with the
/// square of the size.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The largest RSA key that the library verifies with, in bits.
const LARGEST_OF_LIBRARY: usize = RsaPublicKey::MAX_SIZE;

/// Members that only private and symmetric keys have (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a document is refused as a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// More than [`MAX_JWKS_BYTES`].
    #[error("the JWKS has more than {MAX_JWKS_BYTES} bytes")]
    TooLong,
    /// It is not JSON, not an object, nested too deep, or has a member name twice (RFC 7517, section 4).
    #[error("the JWKS is not a JSON object in which each name comes once")]
    Json,
    /// It has no member `keys`, or one that is not a list (RFC 7517, section 5.1).
    #[error("the JWKS has no list of keys")]
    NoList,
    /// More than [`MAX_JWKS_KEYS`].
    #[error("the JWKS has more than {MAX_JWKS_KEYS} keys")]
    TooMany,
    /// Every key was skipped, or there was none.
    #[error("the JWKS has no key that can verify an RS256 or ES256 signature")]
    NoKey,
}

/// Why a key of a set is skipped. The other keys are used (RFC 7517, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It has private or symmetric parts: every reader of the set could sign with it.
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

/// The algorithm of this name, if access tokens may be signed with it: RSASSA-PKCS1-v1_5 or ECDSA on P-256, both with
/// SHA-256 (RFC 7518, sections 3.3 and 3.4). The library supports a dozen; this is the whole list.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "ES256" => Some(Algorithm::ES256),
        _ => None,
    }
}

/// An issuer's public keys for access tokens.
#[derive(Clone, Debug)]
pub struct Jwks {
    keys: Vec<VerificationKey>,
    skipped: Vec<(usize, SkipReason)>,
}

impl Jwks {
    /// Reads a JWK Set (RFC 7517, section 5).
    ///
    /// A key that cannot be used is skipped: one for encryption, of an unknown type or algorithm, with private parts, of a
    /// size that is too small or too large, or malformed. A `kid` that two *different* keys of one type have names neither
    /// of them: both are skipped, because choosing would be a guess. (RFC 7517, section 4.5, allows one `kid` only for keys of
    /// different types, and there the token's `alg` chooses.)
    ///
    /// # Errors
    /// Every [`JwksError`].
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
        let read: Vec<_> = listed.iter().map(VerificationKey::read).collect();
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

    /// The skipped keys, by their index in the list (from 0), and why: for the log.
    pub fn skipped(&self) -> &[(usize, SkipReason)] {
        &self.skipped
    }

    /// The key that a token names, or, where it names none, the only one that its algorithm has (RFC 7515, section 4.1.4).
    pub(crate) fn find(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<&VerificationKey, TokenError> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) => fitting
                .find(|key| key.id.as_deref() == Some(id))
                .ok_or_else(|| self.missing(id)),
            None => {
                let key = fitting.next().ok_or(TokenError::UnknownKey)?;
                let only = fitting.all(|other| other.numbers == key.numbers);
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

/// A key of the set, parsed once.
#[derive(Clone, Debug)]
pub(crate) struct VerificationKey {
    id: Option<String>,
    algorithm: Algorithm,
    /// Modulus and exponent, or the two coordinates: what tells two keys apart.
    numbers: [Vec<u8>; 2],
    public: PublicKey,
}

#[derive(Clone, Debug)]
enum PublicKey {
    Library(DecodingKey),
    /// An RSA key of more than [`LARGEST_OF_LIBRARY`] bits.
    Large(RsaPublicKey),
}

impl VerificationKey {
    fn read(value: &Value) -> Result<Self, SkipReason> {
        let jwk = value.as_object().ok_or(SkipReason::Malformed)?;
        let kind = text(jwk, "kty")?.ok_or(SkipReason::Malformed)?;
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err(SkipReason::Private);
        }
        verifies(jwk)?;
        let (algorithm, numbers, public) = match kind {
            "RSA" => rsa(jwk)?,
            "EC" => p256(jwk)?,
            _ => return Err(SkipReason::Type),
        };
        let id = text(jwk, "kid")?;
        if id.is_some_and(|id| id.len() > MAX_KEY_ID) {
            return Err(SkipReason::Malformed);
        }
        Ok(Self {
            id: id.map(str::to_owned),
            algorithm,
            numbers,
            public,
        })
    }

    fn clashes(&self, other: &Self) -> bool {
        self.id.is_some()
            && self.id == other.id
            && self.algorithm == other.algorithm
            && self.numbers != other.numbers
    }

    /// Whether the token's signature was made with this key's private half (RFC 7518, sections 3.3 and 3.4).
    pub(crate) fn verifies(&self, token: &Compact<'_>) -> bool {
        match &self.public {
            PublicKey::Library(key) => {
                crypto::verify(token.encoded_signature, token.signed, key, self.algorithm).unwrap_or(false)
            }
            PublicKey::Large(key) => pkcs1v15::Signature::try_from(token.signature.as_slice())
                .and_then(|signature| {
                    pkcs1v15::VerifyingKey::<Sha256>::new(key.clone()).verify(token.signed, &signature)
                })
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

/// The parsed material of a key.
type Material = (Algorithm, [Vec<u8>; 2], PublicKey);

/// RFC 7518, section 6.3.1. The library checks the numbers only when it verifies a token, so they are checked here.
fn rsa(jwk: &Object) -> Result<Material, SkipReason> {
    is_for(Algorithm::RS256, jwk)?;
    let modulus = BigUint::from_bytes_be(&bytes(jwk, "n")?);
    let exponent = BigUint::from_bytes_be(&bytes(jwk, "e")?);
    let bits = modulus.bits();
    if !RSA_BITS.contains(&bits) {
        return Err(SkipReason::Size);
    }
    let numbers = [modulus.to_bytes_be(), exponent.to_bytes_be()];
    // Refuses an even modulus or exponent, with which there is no RSA, and the exponent 1, with which anyone could sign.
    let key = RsaPublicKey::new_with_max_size(modulus, exponent, *RSA_BITS.end())
        .map_err(|_| SkipReason::Malformed)?;
    let public = match bits > LARGEST_OF_LIBRARY {
        true => PublicKey::Large(key),
        false => PublicKey::Library(DecodingKey::from_rsa_raw_components(&numbers[0], &numbers[1])),
    };
    Ok((Algorithm::RS256, numbers, public))
}

/// RFC 7518, section 6.2.1. The library joins the coordinates without checking their lengths, so both must have 32 bytes;
/// and the point must be on the curve.
fn p256(jwk: &Object) -> Result<Material, SkipReason> {
    if text(jwk, "crv")? != Some("P-256") {
        return Err(SkipReason::Type);
    }
    is_for(Algorithm::ES256, jwk)?;
    let coordinate = |name| <[u8; 32]>::try_from(bytes(jwk, name)?).map_err(|_| SkipReason::Malformed);
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    let point = [&[4][..], &x, &y].concat();
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| SkipReason::Malformed)?;
    let public = PublicKey::Library(DecodingKey::from_ec_der(&point));
    Ok((Algorithm::ES256, [x.to_vec(), y.to_vec()], public))
}

fn is_for(expected: Algorithm, jwk: &Object) -> Result<(), SkipReason> {
    match text(jwk, "alg")?.map(algorithm) {
        None => Ok(()),
        Some(named) if named == Some(expected) => Ok(()),
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
