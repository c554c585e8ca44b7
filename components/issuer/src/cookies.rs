//! The issuer's two cookies (see [`web::cookie`]): one ties an authorization request to the browser that it began in, the other
//! remembers a login.

use web::cookie::{CookieName, Lifetime};

use crate::Issuer;
use crate::domain::secret::{Hash, NoRandomness, Token};
use crate::exchange::Call;

/// How long an authorization request may take, in seconds.
const FLOW: i64 = 30 * 60;

/// The longest that a browser is remembered, in seconds.
pub(crate) const LONGEST_SESSION: i64 = 30 * 24 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    Flow,
    Session,
}

impl Cookie {
    const fn name(self) -> CookieName {
        match self {
            Self::Flow => CookieName {
                secure: "__Host-akinai_flow",
                plain: "akinai_flow",
            },
            Self::Session => CookieName {
                secure: "__Host-akinai_session",
                plain: "akinai_session",
            },
        }
    }

    /// The hash of the cookie that the browser has brought, if it is in form.
    pub(crate) fn of(self, call: &Call, issuer: &Issuer) -> Option<Hash> {
        self.read(call, issuer).map(|token| token.hash())
    }

    fn read(self, call: &Call, issuer: &Issuer) -> Option<Token> {
        let value = self.name().read(&call.head.headers, issuer.settings.is_secure());
        value.and_then(Token::parse)
    }

    /// The header that sets it for some seconds; for 0 or less, the one that removes it.
    fn header(self, value: &str, seconds: i64, issuer: &Issuer) -> String {
        let lifetime = Lifetime::Seconds(seconds.clamp(0, LONGEST_SESSION).try_into().unwrap_or(0));
        self.name().set(value, lifetime, issuer.settings.is_secure())
    }

    /// The header that removes it.
    pub(crate) fn removal(self, issuer: &Issuer) -> String {
        self.name().remove(issuer.settings.is_secure())
    }
}

/// The browser's flow cookie, the one that it has or a new one: its hash, and the header that sets it (anew).
pub(crate) fn flow(call: &Call, issuer: &Issuer) -> Result<(Hash, String), NoRandomness> {
    let token = match Cookie::Flow.read(call, issuer) {
        Some(token) => token,
        None => Token::new()?,
    };
    Ok((token.hash(), Cookie::Flow.header(token.reveal(), FLOW, issuer)))
}

/// The header that remembers a login for some seconds by this value.
pub(crate) fn session(token: &Token, seconds: i64, issuer: &Issuer) -> String {
    Cookie::Session.header(token.reveal(), seconds, issuer)
}

/// The header that has the browser keep the session cookie that it has for some seconds more.
pub(crate) fn prolonged_session(call: &Call, seconds: i64, issuer: &Issuer) -> Option<String> {
    let token = Cookie::Session.read(call, issuer)?;
    Some(session(&token, seconds, issuer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_over_tls_are_for_one_host() {
        for cookie in [Cookie::Flow, Cookie::Session] {
            let CookieName { secure, plain } = cookie.name();
            assert_eq!(secure, format!("__Host-{plain}"));
        }
    }
}
