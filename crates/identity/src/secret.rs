//! Shared keys, for service tokens and seals.

use std::fmt;

use base64::{DecodeSliceError, Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Why a text is refused as a key, or a set of keys is refused. The text is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not base64url.
    #[error("a key must be base64url without padding")]
    Encoding,
    /// Shorter than a SHA-256, which RFC 7518 (section 3.2) forbids, or longer than a block of it, which adds nothing.
    #[error("a key must have 32 to 64 bytes")]
    Length,
    /// No name in front of the key, or one with other characters or more of them.
    #[error("a key must be given as NAME:KEY, the name being 1 to 64 letters, digits, '.', '_' or '-'")]
    Name,
    /// There is no key.
    #[error("there must be at least one key")]
    None,
    /// A key is given to two callers, or two keys have one name.
    #[error("a key, or the name of one, is given twice")]
    Shared,
}

/// A shared key. It is wiped from memory when dropped, and its `Debug` form hides it.
#[derive(Clone)]
pub(crate) struct HmacSecret(Zeroizing<[u8; Self::MOST]>);

impl HmacSecret {
    const LEAST: usize = 32;
    /// SHA-256's block: HMAC fills shorter keys with zeros up to here (RFC 2104, section 2), and so does this type.
    const MOST: usize = 64;

    /// Reads 32 to 64 bytes from base64url without padding. (64 hexadecimal digits are base64url, too: of 48 bytes.)
    pub(crate) fn parse(text: &str) -> Result<Self, KeyTextError> {
        let mut block = Zeroizing::new([0; Self::MOST]);
        match URL_SAFE_NO_PAD.decode_slice(text, block.as_mut()) {
            Ok(Self::LEAST..) => Ok(Self(block)),
            Ok(_) | Err(DecodeSliceError::OutputSliceTooSmall) => Err(KeyTextError::Length),
            Err(DecodeSliceError::DecodeError(_)) => Err(KeyTextError::Encoding),
        }
    }

    /// Derives another key, one per purpose, so that a MAC for one purpose is not valid for another.
    pub(crate) fn derive(&self, purpose: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; Self::MOST]);
        let derived = self.mac().chain_update(purpose).finalize().into_bytes();
        block[..derived.len()].copy_from_slice(&derived);
        Self(block)
    }

    /// The beginning of an HMAC-SHA256 (RFC 2104) with this key. Its `verify_slice` takes the same time wherever two MACs
    /// differ.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new((&*self.0).into())
    }

    /// Whether the other one is the same key.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let other = other.mac().finalize().into_bytes();
        self.mac().verify_slice(&other).is_ok()
    }
}

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_key_has_32_to_64_bytes_in_base64url() {
        let text = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xfb; bytes]);
        let cases = [
            (text(32), None),
            (text(64), None),
            ("0123456789abcdef".repeat(4), None),
            (String::new(), Some(KeyTextError::Length)),
            (text(31), Some(KeyTextError::Length)),
            (text(65), Some(KeyTextError::Length)),
            (text(10_000), Some(KeyTextError::Length)),
            (text(33).replace('-', "+"), Some(KeyTextError::Encoding)),
            (text(32) + "=", Some(KeyTextError::Encoding)),
            (format!(" {}", text(32)), Some(KeyTextError::Encoding)),
        ];
        for (text, expected) in cases {
            assert_eq!(HmacSecret::parse(&text).err(), expected, "{text:?}");
        }
    }

    /// RFC 4231, test cases 1 and 2, whose keys are shorter than what `parse` takes.
    #[test]
    fn the_mac_is_that_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 2] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ];
        for (key, data, expected) in cases {
            let mut block = Zeroizing::new([0; 64]);
            block[..key.len()].copy_from_slice(key);
            let mac = HmacSecret(block).mac().chain_update(data).finalize().into_bytes();
            assert_eq!(hex(&mac), expected);
        }
    }

    #[test]
    fn a_derived_key_is_another_key() {
        let key = HmacSecret::parse(&"A".repeat(43)).unwrap();
        let purposes = [key.derive(b"a"), key.derive(b"b")];
        assert!(key.same(&key.clone()) && purposes[0].same(&key.derive(b"a")));
        assert!(!key.same(&purposes[0]) && !purposes[0].same(&purposes[1]));
    }

    #[test]
    fn secret_does_not_show_in_debug_output() {
        let key = HmacSecret::parse(&"QUFB".repeat(11)).unwrap();
        assert_eq!(format!("{key:?}"), "Secret(…)");
    }
}
