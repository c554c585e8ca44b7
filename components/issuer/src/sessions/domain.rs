//! Remembered logins, and sign-outs on their way over the logout page.

use crate::domain::secret::Hash;

/// A login that a browser is remembered by.
#[derive(Clone, Debug)]
pub(crate) struct LoginSession {
    pub(crate) id: String,
    pub(crate) subject: String,
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// How long ago that is, in seconds.
    pub(crate) age: i64,
}

/// A sign-out on its way.
#[derive(Clone, Debug)]
pub(crate) struct Logout {
    /// Whether the page has answered.
    pub(crate) is_answered: bool,
    pub(crate) subject: String,
    pub(crate) session_id: String,
    /// The client that has asked for it, if one has.
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
    /// The client that has asked for it, if one has.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) request_url: &'a str,
    pub(crate) redirect_to: &'a str,
}
