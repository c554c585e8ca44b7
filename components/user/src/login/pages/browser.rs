//! The browser of a login: signing out ends all logins of the user in this browser.
//!
//! A browser gets a cookie with a random text when a user signs in, and keeps it for as long as a login can last. The
//! database stores the SHA-256 of the text with each login. The cookie alone gives no access and ends no login: signing
//! out ends only the logins of the user who signs out, and of these only those in the same browser. So an attacker with
//! a stolen or planted cookie can end only the attacker's own logins. A login without the cookie counts as a login in
//! another browser.

use std::fmt;

use sha2::{Digest as _, Sha256};
use web::cookie::{CookieName, Lifetime};

use super::random_text::RandomText;
use crate::login::domain::BrowserId;

const COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_browser",
    plain: "akinai_browser",
};

/// How long the browser keeps the cookie after a login, in seconds: 31 days, like the stored login.
const SECONDS: u32 = 31 * 24 * 3600;

/// The random text in a browser's cookie. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BrowserCookie(RandomText<32>);

impl BrowserCookie {
    /// The text of the browser that sent the request, or a new one for a browser without the cookie. `None` if the host has no
    /// random numbers.
    pub(crate) fn of(head: &http::request::Parts, is_secure: bool) -> Option<Self> {
        let known = COOKIE.read(&head.headers, is_secure).and_then(RandomText::parse);
        known.or_else(RandomText::new).map(Self)
    }

    /// The browser's id in the database.
    pub(crate) fn id(&self) -> BrowserId {
        let hash = Sha256::digest(self.0.as_str());
        BrowserId(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The `Set-Cookie` header with the text. It renews the cookie's lifetime.
    pub(crate) fn cookie(&self, is_secure: bool) -> String {
        COOKIE.set(self.0.as_str(), Lifetime::Seconds(SECONDS), is_secure)
    }
}

impl fmt::Debug for BrowserCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserCookie(…)")
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, header};

    use super::*;

    fn browser(cookie: &str) -> BrowserCookie {
        let request = Request::builder()
            .header(header::COOKIE, cookie)
            .body(())
            .unwrap();
        BrowserCookie::of(&request.into_parts().0, false).expect("random numbers")
    }

    #[test]
    fn each_browser_has_an_id_of_its_own_and_keeps_it() {
        let first = browser("");
        let set = first.cookie(false);
        let pair = set.split(';').next().unwrap();
        assert_eq!(browser(pair), first, "it comes back");
        assert_ne!(browser("").id(), first.id(), "another browser");
        assert_ne!(
            browser("akinai_browser=planted").id(),
            first.id(),
            "a text that does not have the form of ours"
        );
        assert!(
            !first.id().0.contains(first.0.as_str()),
            "the database does not contain the cookie"
        );
        assert_eq!(
            (first.id().0.len(), format!("{first:?}").as_str()),
            (64, "BrowserCookie(…)")
        );
    }
}
