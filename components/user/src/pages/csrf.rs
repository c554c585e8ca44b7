//! That a form was sent by the page that we made for this browser, and no other page made it send one.
//!
//! The browser has a cookie with a random text; each form has the MAC of it, of the page and of the challenge. Another site can
//! have a browser send a form, but cannot read the cookie or a page, so it has no such MAC; and that of one challenge is none
//! for another. The cookie is a session's, `SameSite=Lax` (the browser comes here from the issuer, which may be another site), and
//! with TLS has the prefix `__Host-`, so that no neighbour below the same domain can set it (RFC 6265bis, section 4.1.3.2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::keys::PageKey;
use crate::hydra::Challenge;

/// What the key is used for here.
const PURPOSE: &str = "csrf";

/// Bytes of the cookie.
const BYTES: usize = 16;

/// The name of the field in each form.
pub(crate) const FIELD: &str = "csrf";

/// What the browser's cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(String);

impl Nonce {
    /// A new one. None if the host has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The one in a cookie, if it is one of ours by its form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.into()))
    }

    /// The field of the form of a page for a challenge.
    pub(crate) fn field(&self, key: &PageKey, page: &str, challenge: &Challenge) -> String {
        URL_SAFE_NO_PAD.encode(key.mac(PURPOSE, &self.parts(page, challenge)))
    }

    /// Whether a field is that of this page, this challenge and this browser.
    pub(crate) fn vouches_for(&self, field: &str, key: &PageKey, page: &str, challenge: &Challenge) -> bool {
        let field = URL_SAFE_NO_PAD.decode(field).unwrap_or_default();
        key.verifies(&field, PURPOSE, &self.parts(page, challenge))
    }

    fn parts<'a>(&'a self, page: &'a str, challenge: &'a Challenge) -> [&'a [u8]; 3] {
        [page.as_bytes(), challenge.as_str().as_bytes(), self.0.as_bytes()]
    }

    /// The header that has the browser keep it until it is closed.
    pub(crate) fn cookie(&self, is_secure: bool) -> String {
        let (name, value) = (name(is_secure), &self.0);
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
    }
}

/// The cookie's name.
pub(crate) fn name(is_secure: bool) -> &'static str {
    match is_secure {
        true => "__Host-akinai_page",
        false => "akinai_page",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hydra::Kind;

    fn challenge(text: &str) -> Challenge {
        Challenge::parse(Kind::Login, text).unwrap()
    }

    #[test]
    fn a_field_is_for_one_browser_one_page_and_one_challenge() {
        let key = PageKey::parse(&"A".repeat(44)).unwrap();
        let (mine, others) = (Nonce::new().unwrap(), Nonce::new().unwrap());
        let field = mine.field(&key, "login", &challenge("c"));
        assert!(mine.vouches_for(&field, &key, "login", &challenge("c")));
        assert!(
            !others.vouches_for(&field, &key, "login", &challenge("c")),
            "another browser"
        );
        assert!(
            !mine.vouches_for(&field, &key, "register", &challenge("c")),
            "another page"
        );
        assert!(
            !mine.vouches_for(&field, &key, "login", &challenge("d")),
            "another challenge"
        );
        let other_key = PageKey::parse(&"B".repeat(44)).unwrap();
        assert!(
            !mine.vouches_for(&field, &other_key, "login", &challenge("c")),
            "another key"
        );
        for wrong in ["", "x", &field[1..], &field.to_uppercase(), "\u{0}"] {
            assert!(
                !mine.vouches_for(wrong, &key, "login", &challenge("c")),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_cookie_is_random_and_out_of_reach() {
        let nonce = Nonce::new().unwrap();
        assert_ne!(Some(&nonce), Nonce::new().as_ref());
        assert_eq!(Nonce::parse(&nonce.0), Some(nonce.clone()), "it comes back");
        for planted in [
            "",
            "x",
            &"A".repeat(23),
            "AAAA AAAAAAAAAAAAAAAAA",
            &"A".repeat(10_000),
        ] {
            assert_eq!(Nonce::parse(planted), None, "{planted:.30}");
        }
        let secure = nonce.cookie(true);
        assert!(secure.starts_with("__Host-akinai_page=") && secure.ends_with("; Secure"));
        assert!(secure.contains("; Path=/; HttpOnly; SameSite=Lax"));
        assert!(
            !nonce.cookie(false).contains("Secure"),
            "or a browser on plain HTTP drops it"
        );
    }
}
