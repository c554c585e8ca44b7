//! That a form was sent by the page that we made for this browser, and no other page made it send one.
//!
//! The browser has a cookie with a random text; each form has the MAC of it, of the page and of the challenge. Another site can
//! have a browser send a form, but cannot read the cookie or a page, so it has no such MAC; and that of one challenge is none
//! for another. The browser keeps the cookie until it is closed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use http::request::Parts;
use web::cookie::{CookieName, Lifetime};

use super::keys::PageKey;
use super::random_text::RandomText;
use crate::hydra::Challenge;

/// What the key is used for here.
const PURPOSE: &str = "csrf";

const COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_page",
    plain: "akinai_page",
};

/// The name of the field in each form.
pub(crate) const FIELD: &str = "csrf";

/// What the browser's cookie says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Nonce(RandomText<16>);

impl Nonce {
    /// The one of the browser that a request is from; a new one for a browser that has none. None if the host has no random
    /// numbers.
    pub(crate) fn of(head: &Parts, is_secure: bool) -> Option<Self> {
        let known = COOKIE.read(&head.headers, is_secure).and_then(RandomText::parse);
        known.or_else(RandomText::new).map(Self)
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
        [
            page.as_bytes(),
            challenge.as_str().as_bytes(),
            self.0.as_str().as_bytes(),
        ]
    }

    /// The header that has the browser keep it until it is closed.
    pub(crate) fn cookie(&self, is_secure: bool) -> String {
        COOKIE.set(self.0.as_str(), Lifetime::Session, is_secure)
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
        let nonce = || Nonce(RandomText::new().expect("random numbers"));
        let (mine, others) = (nonce(), nonce());
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
}
