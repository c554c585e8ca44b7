//! Protection against cross-site request forgery: a form is accepted only if our page created it for this browser.
//!
//! The browser has a cookie with a random text. Each form has a MAC of this text, the page and the challenge. Another site can make
//! a browser send a form, but it can read neither the cookie nor the page, so it has no valid MAC. A MAC is valid for one challenge.
//! The browser keeps the cookie until it is closed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::request::Parts;
use web::cookie::{CookieName, Lifetime};

use super::random_text::RandomText;
use crate::login::{hydra::RequestChallenge, page_key::PageKey};

/// The purpose of the MACs.
const PURPOSE: &str = "csrf";

const COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_page",
    plain: "akinai_page",
};

/// The name of the field in each form.
pub(crate) const FIELD: &str = "csrf";

/// The random text in the browser's cookie.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PageNonce(RandomText<16>);

impl PageNonce {
    /// The text of the browser that sent the request, or a new one for a browser without the cookie. `None` if the host has no
    /// random numbers.
    pub(crate) fn of(head: &Parts, is_secure: bool) -> Option<Self> {
        let known = COOKIE.read(&head.headers, is_secure).and_then(RandomText::parse);
        known.or_else(RandomText::new).map(Self)
    }

    /// The value of [`FIELD`] in the form of a page for a challenge.
    pub(crate) fn field(&self, key: &PageKey, page: &str, challenge: &RequestChallenge) -> String {
        URL_SAFE_NO_PAD.encode(key.mac(PURPOSE, &self.parts(page, challenge)))
    }

    /// Whether this is the value for this page, this challenge and this browser.
    pub(crate) fn verifies(
        &self,
        field: &str,
        key: &PageKey,
        page: &str,
        challenge: &RequestChallenge,
    ) -> bool {
        let field = URL_SAFE_NO_PAD.decode(field).unwrap_or_default();
        key.verifies(&field, PURPOSE, &self.parts(page, challenge))
    }

    fn parts<'a>(&'a self, page: &'a str, challenge: &'a RequestChallenge) -> [&'a [u8]; 3] {
        [
            page.as_bytes(),
            challenge.as_str().as_bytes(),
            self.0.as_str().as_bytes(),
        ]
    }

    /// The `Set-Cookie` header with the text. The browser keeps it until it is closed.
    pub(crate) fn cookie(&self, is_secure: bool) -> String {
        COOKIE.set(self.0.as_str(), Lifetime::Session, is_secure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::hydra::ChallengeKind;

    fn challenge(text: &str) -> RequestChallenge {
        RequestChallenge::parse(ChallengeKind::Login, text).unwrap()
    }

    #[test]
    fn field_is_valid_for_one_browser_one_page_and_one_challenge() {
        let key = PageKey::parse(&"A".repeat(44)).unwrap();
        let nonce = || PageNonce(RandomText::new().expect("random numbers"));
        let (mine, others) = (nonce(), nonce());
        let field = mine.field(&key, "login", &challenge("c"));
        assert!(mine.verifies(&field, &key, "login", &challenge("c")));
        assert!(
            !others.verifies(&field, &key, "login", &challenge("c")),
            "another browser"
        );
        assert!(
            !mine.verifies(&field, &key, "register", &challenge("c")),
            "another page"
        );
        assert!(
            !mine.verifies(&field, &key, "login", &challenge("d")),
            "another challenge"
        );
        let other_key = PageKey::parse(&"B".repeat(44)).unwrap();
        assert!(
            !mine.verifies(&field, &other_key, "login", &challenge("c")),
            "another key"
        );
        for wrong in ["", "x", &field[1..], &field.to_uppercase(), "\u{0}"] {
            assert!(!mine.verifies(wrong, &key, "login", &challenge("c")), "{wrong:?}");
        }
    }
}
