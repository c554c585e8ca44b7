//! Which browser a login was made in: signing out ends all logins that its user has made there.
//!
//! A browser gets a cookie with a random text when a user signs in, and keeps it for as long as a login can last. The database
//! has its SHA-256 beside each login. The cookie by itself gives no access and ends no login: signing out ends only logins of
//! the user who signs out, those that have the same browser. With a stolen or planted cookie an attacker can therefore end their
//! own logins and no others. A login without the cookie counts as one in a browser of its own.

use std::fmt;

use sha2::{Digest as _, Sha256};
use web::cookie::{CookieName, Lifetime};

use super::random_text::RandomText;
use crate::domain::BrowserId;

const COOKIE: CookieName = CookieName {
    secure: "__Host-akinai_browser",
    plain: "akinai_browser",
};

/// How long the browser keeps it after a login, in seconds: 31 days, as long as the login is known here.
const SECONDS: u32 = 31 * 24 * 3600;

/// What a browser's cookie says. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Browser(RandomText<32>);

impl Browser {
    /// The one of the browser that a request is from; a new one for a browser that has none. None if the host has no random
    /// numbers.
    pub(crate) fn of(head: &http::request::Parts, is_secure: bool) -> Option<Self> {
        let known = COOKIE.read(&head.headers, is_secure).and_then(RandomText::parse);
        known.or_else(RandomText::new).map(Self)
    }

    /// What it is known by in the database.
    pub(crate) fn id(&self) -> BrowserId {
        let hash = Sha256::digest(self.0.as_str());
        BrowserId(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The header that has the browser keep it from now on.
    pub(crate) fn cookie(&self, is_secure: bool) -> String {
        COOKIE.set(self.0.as_str(), Lifetime::Seconds(SECONDS), is_secure)
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browser(…)")
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, header};

    use super::*;

    fn browser(cookie: &str) -> Browser {
        let request = Request::builder()
            .header(header::COOKIE, cookie)
            .body(())
            .unwrap();
        Browser::of(&request.into_parts().0, false).expect("random numbers")
    }

    #[test]
    fn a_browser_keeps_its_id_and_others_have_others() {
        let first = browser("");
        let set = first.cookie(false);
        let pair = set.split(';').next().unwrap();
        assert_eq!(browser(pair), first, "it comes back");
        assert_ne!(browser("").id(), first.id(), "another browser");
        assert_ne!(
            browser("akinai_browser=planted").id(),
            first.id(),
            "a text that is none of ours"
        );
        assert!(
            !first.id().0.contains(first.0.as_str()),
            "the database cannot give the cookie away"
        );
        assert_eq!(
            (first.id().0.len(), format!("{first:?}").as_str()),
            (64, "Browser(…)")
        );
    }
}
