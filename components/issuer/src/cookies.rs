//! The issuer's two cookies.
//!
//! One ties an authorization request to the browser that it began in, the other remembers a login. Scripts cannot read them;
//! other sites cannot have them sent but by leading the browser here (`SameSite=Lax`, because coming back from the pages, and
//! from a client, is just that); and with TLS their names begin with `__Host-`, so that no neighbour below the same domain can
//! set them (RFC 6265bis, section 4.1.3.2).

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
    fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Self::Flow, true) => "__Host-akinai_flow",
            (Self::Flow, false) => "akinai_flow",
            (Self::Session, true) => "__Host-akinai_session",
            (Self::Session, false) => "akinai_session",
        }
    }

    /// The hash of the cookie that the browser has brought, if it is in form.
    pub(crate) fn of(self, call: &Call, issuer: &Issuer) -> Option<Hash> {
        self.read(call, issuer.settings.is_secure())
            .map(|token| token.hash())
    }

    fn read(self, call: &Call, is_secure: bool) -> Option<Token> {
        call.cookie(self.name(is_secure)).and_then(Token::parse)
    }

    /// The header that sets it, for some seconds; for 0, the one that removes it.
    fn header(self, value: &str, seconds: i64, is_secure: bool) -> String {
        let name = self.name(is_secure);
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// The header that removes it.
    pub(crate) fn removal(self, issuer: &Issuer) -> String {
        self.header("", 0, issuer.settings.is_secure())
    }
}

/// The browser's flow cookie, the one that it has or a new one: its hash, and the header that sets it (anew).
pub(crate) fn flow(call: &Call, issuer: &Issuer) -> Result<(Hash, String), NoRandomness> {
    let is_secure = issuer.settings.is_secure();
    let token = match Cookie::Flow.read(call, is_secure) {
        Some(token) => token,
        None => Token::new()?,
    };
    Ok((token.hash(), Cookie::Flow.header(token.reveal(), FLOW, is_secure)))
}

/// The header that remembers a login for some seconds by this value.
pub(crate) fn session(token: &Token, seconds: i64, issuer: &Issuer) -> String {
    Cookie::Session.header(token.reveal(), seconds, issuer.settings.is_secure())
}

/// The header that has the browser keep the session cookie that it has for some seconds more.
pub(crate) fn prolonged_session(call: &Call, seconds: i64, issuer: &Issuer) -> Option<String> {
    let token = Cookie::Session.read(call, issuer.settings.is_secure())?;
    Some(session(&token, seconds, issuer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_out_of_reach() {
        let secure = Cookie::Session.header("v", 60, true);
        assert_eq!(
            secure,
            "__Host-akinai_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(
            !Cookie::Flow.header("v", 60, false).contains("Secure"),
            "or a browser on plain HTTP drops it"
        );
    }
}
