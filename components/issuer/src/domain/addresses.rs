//! The addresses of the issuer and of the pages around it.

use std::rc::Rc;

/// The path of the authorization endpoint.
pub(crate) const AUTHORIZATION: &str = "/oauth2/auth";

/// The path of the logout endpoint.
pub(crate) const LOGOUT: &str = "/oauth2/sessions/logout";

/// The issuer's name, and the pages to which browsers are sent. The texts are compared byte by byte, so no slash is
/// added to them.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// The claim `iss`, and the beginning of the issuer's own addresses.
    pub(crate) issuer: Rc<str>,
    pub(crate) login: Rc<str>,
    pub(crate) consent: Rc<str>,
    pub(crate) logout: Rc<str>,
    pub(crate) error: Rc<str>,
    /// The page after a sign-out that no client has requested.
    pub(crate) signed_out: Rc<str>,
}

impl Addresses {
    /// The address of one of the issuer's own paths.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Whether browsers reach the issuer with TLS. Then its cookies must be sent only with TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    /// The address of an authorization request with this query.
    pub(crate) fn of_request(&self, query: &str) -> String {
        format!("{}?{query}", self.at(AUTHORIZATION))
    }
}
