//! Seals for what the bff stores in Redis. A process that can write to Redis can delete a sealed value, or put an older one
//! back until that expires, but cannot forge, alter, move or prolong one.
//!
//! A seal is an HMAC-SHA256 (RFC 2104) over the name of the place, the time of expiry and the content. The content is not
//! encrypted.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::KeyTextError;
use crate::secret::HmacSecret;

/// The purpose from which the key is derived. So another use of the same secret makes no valid seals. Another form of seal
/// needs another purpose.
const PURPOSE: &[u8] = b"akinai seal 1";

/// In front of the content: when it expires (8 bytes, big-endian), and the MAC.
const EXPIRY: usize = 8;
const MAC: usize = 32;

/// Why a sealed value is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short for a seal.
    #[error("it is not sealed")]
    Unsealed,
    /// Made with another key, made for another place, or altered.
    #[error("the seal is not ours, or not of this value")]
    Forged,
    /// Genuine, and too old.
    #[error("the seal has expired")]
    Expired,
}

/// A key that makes and opens seals. Its `Debug` form hides it.
#[derive(Clone, Debug)]
pub struct SealKey(HmacSecret);

impl SealKey {
    /// Reads a secret of 32 to 64 bytes, in base64url without padding; a text of 64 hexadecimal digits is such a text, too.
    ///
    /// # Errors
    /// [`KeyTextError::Encoding`] or [`KeyTextError::Length`].
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        Ok(Self(HmacSecret::parse(text)?.derive(PURPOSE)))
    }

    /// The content, sealed for the place `name` (a Redis key, for instance) until `expires_at`, in seconds since 1970: 40
    /// bytes longer than it was.
    pub fn seal(&self, name: &str, content: &[u8], expires_at: u64) -> Vec<u8> {
        let expiry = expires_at.to_be_bytes();
        let mac = self.mac(name, expiry, content).finalize().into_bytes();
        [&expiry, &mac[..], content].concat()
    }

    /// The content that was sealed for the place `name`, if it has not expired at `now`.
    ///
    /// # Errors
    /// Any [`SealError`]; `Expired` only where the seal is genuine.
    pub fn open<'a>(&self, name: &str, sealed: &'a [u8], now: u64) -> Result<&'a [u8], SealError> {
        let (expiry, rest) = sealed.split_first_chunk::<EXPIRY>().ok_or(SealError::Unsealed)?;
        let (mac, content) = rest.split_first_chunk::<MAC>().ok_or(SealError::Unsealed)?;
        self.mac(name, *expiry, content)
            .verify_slice(mac)
            .map_err(|_| SealError::Forged)?;
        match now < u64::from_be_bytes(*expiry) {
            true => Ok(content),
            false => Err(SealError::Expired),
        }
    }

    /// The name's length goes in front of it: otherwise a byte could move from the name to what follows and leave the MAC
    /// as it is.
    fn mac(&self, name: &str, expiry: [u8; EXPIRY], content: &[u8]) -> Hmac<Sha256> {
        self.0
            .mac()
            .chain_update((name.len() as u64).to_be_bytes())
            .chain_update(name)
            .chain_update(expiry)
            .chain_update(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: &str) -> SealKey {
        SealKey::parse(&letter.repeat(44)).unwrap()
    }

    #[test]
    fn a_seal_opens_until_it_expires() {
        let sealed = key("A").seal("verdict:1", b"valid", 100);
        assert_eq!(sealed.len(), 45, "a seal adds 40 bytes");
        assert_eq!(key("A").open("verdict:1", &sealed, 0), Ok(&b"valid"[..]));
        assert_eq!(key("A").open("verdict:1", &sealed, 99), Ok(&b"valid"[..]));
        for late in [100, 101, u64::MAX] {
            assert_eq!(
                key("A").open("verdict:1", &sealed, late),
                Err(SealError::Expired),
                "at {late}"
            );
        }
        let empty = key("A").seal("", b"", u64::MAX);
        assert_eq!(
            key("A").open("", &empty, 0),
            Ok(&b""[..]),
            "empty content can be sealed"
        );
    }

    #[test]
    fn a_copied_seal_opens_nowhere_else() {
        let sealed = key("A").seal("verdict:1", b"valid", 100);
        for place in ["verdict:2", "verdict:", "verdict:11", "", "VERDICT:1", "jwks"] {
            assert_eq!(
                key("A").open(place, &sealed, 0),
                Err(SealError::Forged),
                "moved to {place:?}"
            );
        }
        assert_eq!(
            key("B").open("verdict:1", &sealed, 0),
            Err(SealError::Forged),
            "another key"
        );
    }

    #[test]
    fn a_prolonged_seal_does_not_open() {
        let mut sealed = key("A").seal("verdict:1", b"valid", 100);
        sealed[..8].copy_from_slice(&200u64.to_be_bytes());
        assert_eq!(key("A").open("verdict:1", &sealed, 150), Err(SealError::Forged));
    }

    /// Without the name's length in it, the MAC would be the same: the expiry's first byte ends the name, and the content's
    /// first byte ends the expiry.
    #[test]
    fn bytes_cannot_move_between_name_expiry_and_content() {
        let sealed = key("A").seal("a", b"bc", 100);
        let (expiry, mac) = (&sealed[..8], &sealed[8..40]);
        assert_eq!(expiry[0], 0, "which is a letter of a name as any other");
        let moved = [&expiry[1..], b"b", mac, b"c"].concat();
        assert_eq!(key("A").open("a\0", &moved, 0), Err(SealError::Forged));
    }

    #[test]
    fn a_value_that_was_never_sealed_does_not_open() {
        for planted in [&b""[..], b"valid", &[0; 39]] {
            assert_eq!(key("A").open("verdict:1", planted, 0), Err(SealError::Unsealed));
        }
        assert_eq!(key("A").open("verdict:1", &[0xff; 64], 0), Err(SealError::Forged));
    }

    #[test]
    fn seals_are_made_with_a_derived_key() {
        let sealed = key("A").seal("a", b"b", u64::MAX);
        let undivided = SealKey(HmacSecret::parse(&"A".repeat(44)).unwrap());
        assert_eq!(
            undivided.open("a", &sealed, 0),
            Err(SealError::Forged),
            "the secret itself makes no seals"
        );
    }

    #[test]
    fn sealing_key_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", key("A")), "SealKey(Secret(…))");
    }
}
