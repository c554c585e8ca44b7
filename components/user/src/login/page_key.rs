//! The key of the pages: it authenticates forms, and hides the names of the counts of attempts.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use spin_adapters::variables;

/// The variable with the key: 32 bytes or more, in base64url without padding.
const KEY: &str = "page_key";

/// The smallest number of bytes of a key: the output size of SHA-256.
const MIN_BYTES: usize = 32;

/// A key for MACs that only this component can make. Its `Debug` form hides it.
#[derive(Clone)]
pub(crate) struct PageKey(Hmac<Sha256>);

/// A text that is not a key. The message does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key must have 32 bytes or more in base64url without padding")]
pub(crate) struct PageKeyError;

impl PageKey {
    /// Reads the variable `page_key`. The text of the error is for the log, and safe there.
    pub(crate) async fn from_variable() -> Result<Self, String> {
        let text = variables::get(KEY).await.map_err(|error| error.to_string())?;
        Self::parse(&text).map_err(|error| format!("variable {KEY}: {error}"))
    }

    /// Reads 32 bytes or more, in base64url without padding.
    pub(crate) fn parse(text: &str) -> Result<Self, PageKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| PageKeyError)?;
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| PageKeyError)?;
        (bytes.len() >= MIN_BYTES)
            .then_some(Self(mac))
            .ok_or(PageKeyError)
    }

    /// The HMAC-SHA256 of some texts for one purpose. The length of each text is hashed before the text, so no byte can
    /// move from one text to the next.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.of(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether this is the MAC of these texts. The comparison takes the same time for every wrong MAC.
    pub(crate) fn verifies(&self, mac: &[u8], purpose: &str, parts: &[&[u8]]) -> bool {
        self.of(purpose, parts).verify_slice(mac).is_ok()
    }

    fn of(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [purpose.as_bytes()].into_iter().chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_depends_on_the_key_the_purpose_and_each_part() {
        let key = |letter: &str| PageKey::parse(&letter.repeat(44)).unwrap();
        let mac = key("A").mac("p", &[b"ab", b"c"]);
        assert!(key("A").verifies(&mac, "p", &[b"ab", b"c"]));
        assert!(!key("B").verifies(&mac, "p", &[b"ab", b"c"]), "another key");
        assert!(!key("A").verifies(&mac, "q", &[b"ab", b"c"]), "another purpose");
        assert!(!key("A").verifies(&mac, "p", &[b"a", b"bc"]), "a byte moved");
        assert!(!key("A").verifies(&mac[..31], "p", &[b"ab", b"c"]), "cut off");
        assert!(!key("A").verifies(b"", "p", &[b"ab", b"c"]), "no MAC");
    }

    #[test]
    fn short_key_is_refused() {
        for wrong in ["", "A", &"A".repeat(42), "not base64url, whatever its length is!"] {
            assert_eq!(PageKey::parse(wrong).err(), Some(PageKeyError), "{wrong:?}");
        }
        assert_eq!(
            format!("{:?}", PageKey::parse(&"A".repeat(44)).unwrap()),
            "PageKey(…)"
        );
    }
}
