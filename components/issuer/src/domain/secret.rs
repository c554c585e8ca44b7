//! Random secrets: challenges, verifiers, codes, refresh tokens, cookies and client secrets. Each is valid for any
//! caller who has it.
//!
//! The database stores only their SHA-256. A slow password hash protects texts that people choose, because such a text
//! can be guessed. These secrets have 256 random bits (a secret that an admin sets has at least 32 characters) and
//! cannot be guessed. A fast hash keeps the token endpoint fast, because every request there contains a client's
//! secret.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandomness;

/// A new random value: 256 bits in base64url. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads a received value. `None` if it has another form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let decoded = URL_SAFE_NO_PAD
            .decode(text.as_bytes().get(..43).filter(|_| text.len() == 43)?)
            .ok()?;
        (decoded.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The value itself, to send it to its owner.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The form in which the database stores a secret: its SHA-256, as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash(String);

impl Hash {
    /// The hash of a text that was received.
    pub(crate) fn of(secret: &str) -> Self {
        Self(
            Sha256::digest(secret)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// Reads a hash from the database.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether they are equal. The comparison takes the same time wherever they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        web::constant_time::equal(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

/// A new id: 128 random bits as hexadecimal digits. It is not a secret.
pub(crate) fn new_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_hidden_in_debug_output() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!(one, other);
        assert_eq!(Token::parse(one.reveal()), Some(one.clone()));
        assert_eq!(format!("{one:?} {:?}", one.hash()), "Token(…) Hash(…)");
        assert!(one.hash().is(&one.hash()) && !one.hash().is(&other.hash()));
        assert_ne!(new_id(), new_id());
    }

    #[test]
    fn text_of_another_form_is_refused() {
        let long = "A".repeat(44);
        for wrong in [
            "",
            "A",
            &long[..42],
            &long,
            "é".repeat(22).as_str(),
            &" ".repeat(43),
            &"+".repeat(43),
        ] {
            assert_eq!(Token::parse(wrong), None, "{wrong:?}");
        }
    }
}
