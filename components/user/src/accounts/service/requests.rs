//! The requests of the use cases, as clients send them, and their parsing.

use kernel::{Timestamp, UserId, Violations};

use crate::accounts::domain::{AccountChange, IssueTime, Password, TokenClaims, TypedPassword};

/// A new account.
pub(crate) struct CreateUser<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) name: &'a str,
}

/// A change of an account. A field that is `None` keeps its value.
#[derive(Clone, Copy)]
pub(crate) struct UpdateUser<'a> {
    pub(crate) id: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// A new password, and the current one as proof.
pub(crate) struct ChangePassword<'a> {
    pub(crate) current: &'a str,
    pub(crate) new: &'a str,
}

/// The claims of a token whose status is requested.
pub(crate) struct CheckSession<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) epoch: Option<i64>,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) admin: bool,
}

/// Reads the id of an account. `field` is its path in the request.
pub(super) fn parse_id(field: &'static str, id: &str) -> Result<UserId, Violations> {
    id.parse().map_err(|error| Violations::one(field, error))
}

impl UpdateUser<'_> {
    pub(super) fn parse(&self) -> Result<AccountChange, Violations> {
        let mut violations = Violations::default();
        let email = violations.take("email", self.email.map(str::parse).transpose());
        let name = violations.take("name", self.name.map(str::parse).transpose());
        email
            .zip(name)
            .map(|(email, name)| AccountChange { email, name })
            .ok_or(violations)
    }
}

impl ChangePassword<'_> {
    pub(super) fn parse(&self) -> Result<(TypedPassword, Password), Violations> {
        let mut violations = Violations::default();
        let current = violations.take("currentPassword", self.current.parse());
        let new = violations.take("newPassword", self.new.parse());
        current.zip(new).ok_or(violations)
    }
}

impl CheckSession<'_> {
    pub(super) fn parse(&self) -> Result<TokenClaims, Violations> {
        let mut violations = Violations::default();
        let user = violations.take("userId", self.user_id.parse());
        let session = violations.take("sessionId", self.session_id.map(str::parse).transpose());
        let issued = self.epoch.map(IssueTime::Epoch);
        let issued = issued.or(self.issued_at.map(IssueTime::At));
        let issued = violations.take("issuedAt", issued.ok_or("is required where epoch is absent"));
        match (user, session, issued) {
            (Some(user), Some(session), Some(issued)) => Ok(TokenClaims {
                user,
                issued,
                session,
                admin: self.admin,
            }),
            _ => Err(violations),
        }
    }
}
