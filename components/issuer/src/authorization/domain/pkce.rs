//! Proof Key for Code Exchange (RFC 7636). Only the method S256 is supported: RFC 9700 (section 2.1.1) advises against
//! `plain`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// The base64url of a verifier's SHA-256. The client sends the verifier when it exchanges the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge(String);

impl Challenge {
    /// Reads a challenge (RFC 7636, section 4.2); `None` for a text that is not 32 bytes in base64url.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
        (decoded.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The challenge of a verifier: 43 to 128 unreserved characters (RFC 7636, section 4.1). `None` for anything else.
    pub(crate) fn of(verifier: &str) -> Option<Self> {
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_in_form = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
        is_in_form.then(|| Self(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let challenge = Challenge::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(Challenge::parse(challenge.as_str()), Some(challenge));
    }

    #[test]
    fn malformed_verifiers_are_refused() {
        for good in ["a".repeat(43), "~".repeat(128)] {
            assert!(Challenge::of(&good).is_some(), "{good}");
        }
        let a = |length| "a".repeat(length);
        for wrong in [
            a(0),
            a(42),
            a(129),
            a(1 << 20),
            format!("{} ", a(43)),
            format!("{}é", a(43)),
        ] {
            assert!(Challenge::of(&wrong).is_none(), "{wrong:.60}");
        }
    }

    #[test]
    fn a_challenge_is_32_bytes_in_base64url() {
        let a = |length| "A".repeat(length);
        for wrong in [
            a(0),
            a(42),
            a(44),
            format!("{}=", a(43)),
            format!("+{}", a(42)),
            a(1 << 20),
        ] {
            assert!(Challenge::parse(&wrong).is_none(), "{wrong:.60}");
        }
    }
}
