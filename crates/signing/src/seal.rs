//! Private keys as the database keeps them: XChaCha20-Poly1305 under a key that is not in the database. A reader of a
//! backup cannot sign, and a writer to the database cannot replace a key by another one.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{SigningKey, SigningKeyError};

/// The purpose from which the key is derived. So another use of the same secret cannot open these values.
const PURPOSE: &[u8] = b"akinai signing keys 1";

/// XChaCha20's nonce: long enough that random ones are never equal.
const NONCE: usize = 24;

/// The reason why a key cannot be sealed or opened. It contains no part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySealError {
    /// The secret is not 32 to 64 bytes in base64url without padding.
    #[error("the sealing key must be 32 to 64 bytes in base64url without padding")]
    Secret,
    /// Sealed with another secret, for another key id, or damaged.
    #[error("the signing key was sealed with another sealing key, or is damaged")]
    Foreign,
    /// The key cannot be encoded.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

/// The key that encrypts signing keys. Its `Debug` form hides it.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Reads a secret of 32 to 64 bytes in base64url without padding; 64 hexadecimal digits are such a text, too.
    ///
    /// # Errors
    /// [`KeySealError::Secret`].
    pub fn parse(text: &str) -> Result<Self, KeySealError> {
        let secret = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
        let secret = secret.ok().filter(|secret| (32..=64).contains(&secret.len()));
        let secret = secret.ok_or(KeySealError::Secret)?;
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&secret).map_err(|_| KeySealError::Secret)?;
        Ok(Self(Zeroizing::new(
            mac.chain_update(PURPOSE).finalize().into_bytes().into(),
        )))
    }

    /// The key, sealed under its own id: base64url of nonce and ciphertext.
    ///
    /// # Errors
    /// [`KeySealError::Key`].
    pub fn seal(&self, key: &SigningKey) -> Result<String, KeySealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SigningKeyError::Unusable)?;
        let der = key.to_der()?;
        let payload = Payload {
            msg: &der,
            aad: key.id().as_bytes(),
        };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| SigningKeyError::Unusable)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The key that was sealed under this id.
    ///
    /// # Errors
    /// [`KeySealError::Foreign`].
    pub fn open(&self, id: &str, sealed: &str) -> Result<SigningKey, KeySealError> {
        let sealed = URL_SAFE_NO_PAD
            .decode(sealed)
            .map_err(|_| KeySealError::Foreign)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(KeySealError::Foreign)?;
        let payload = Payload {
            msg: sealed,
            aad: id.as_bytes(),
        };
        let der = self.cipher().decrypt(XNonce::from_slice(nonce), payload);
        let der = Zeroizing::new(der.map_err(|_| KeySealError::Foreign)?);
        let key = SigningKey::from_der(&der).ok_or(KeySealError::Foreign)?;
        (key.id() == id).then_some(key).ok_or(KeySealError::Foreign)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_with_its_own_secret_and_id_alone() {
        let (ours, theirs) = (secret('A'), secret('B'));
        let key = SigningKey::generate().unwrap();
        let sealed = ours.seal(&key).unwrap();
        assert_eq!(ours.open(key.id(), &sealed).unwrap().id(), key.id());
        assert_ne!(
            sealed,
            ours.seal(&key).unwrap(),
            "each seal has a nonce of its own"
        );

        assert_eq!(theirs.open(key.id(), &sealed).unwrap_err(), KeySealError::Foreign);
        assert_eq!(ours.open("another", &sealed).unwrap_err(), KeySealError::Foreign);
        let flipped = format!("{}{}", &sealed[..sealed.len() - 2], "AA");
        for damaged in ["", "AAAA", "not base64!", &flipped] {
            assert_eq!(
                ours.open(key.id(), damaged).unwrap_err(),
                KeySealError::Foreign,
                "{damaged:.20}"
            );
        }
    }

    #[test]
    fn a_secret_has_32_to_64_bytes() {
        for wrong in [
            "",
            &"A".repeat(42),
            &"A".repeat(87),
            &format!("{}=", "A".repeat(43)),
            "+/",
        ] {
            assert_eq!(
                SealingKey::parse(wrong).unwrap_err(),
                KeySealError::Secret,
                "{wrong:?}"
            );
        }
        assert!(SealingKey::parse(&"0123456789abcdef".repeat(4)).is_ok());
    }

    fn secret(letter: char) -> SealingKey {
        SealingKey::parse(&letter.to_string().repeat(44)).unwrap()
    }
}
