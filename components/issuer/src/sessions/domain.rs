//! Remembered logins, and unfinished sign-outs.

use crate::domain::secret::Hash;

/// The login for which a browser is remembered.
#[derive(Clone, Debug)]
pub(crate) struct LoginSession {
    pub(crate) id: String,
    pub(crate) subject: String,
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// The age of the login, in seconds.
    pub(crate) age: i64,
}

/// An unfinished sign-out.
#[derive(Clone, Debug)]
pub(crate) struct Logout {
    /// Whether the page has answered.
    pub(crate) is_answered: bool,
    pub(crate) subject: String,
    pub(crate) session_id: String,
    /// The client that has requested it, if any.
    pub(crate) client_id: Option<String>,
    pub(crate) request_url: String,
    /// The last address of the browser.
    pub(crate) redirect_to: String,
    /// RFC 3339.
    pub(crate) requested_at: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// A sign-out that begins.
#[derive(Debug)]
pub(crate) struct NewLogout<'a> {
    pub(crate) challenge: &'a Hash,
    pub(crate) subject: &'a str,
    pub(crate) session_id: &'a str,
    /// The client that has requested it, if any.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) request_url: &'a str,
    pub(crate) redirect_to: &'a str,
}
