//! The types and rules of signing in: logins, browsers, and the limits on attempts.

use std::{net::IpAddr, time::Duration};

use kernel::{Email, SessionId, UserId};

/// A login of a user, in a session of the issuer and in an epoch of the account. It is valid until the account is deleted, the
/// session ends or the epoch is raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) epoch: i64,
}

/// The browser of a login: the SHA-256 of its cookie, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrowserId(pub(crate) String);

/// A user whose password was right, and the epoch of the account at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuthenticatedUser {
    pub(crate) id: UserId,
    pub(crate) epoch: i64,
}

/// How long an attempt counts: this long from the first one.
pub(crate) const ATTEMPT_WINDOW: Duration = Duration::from_secs(15 * 60);

/// The subject for which attempts are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttemptSubject {
    /// Signing in to the account with this e-mail address, whether it exists or not.
    Account(Email),
    /// Hashing a password for this client address.
    Address(IpAddr),
}

impl AttemptSubject {
    /// The most attempts in each [`ATTEMPT_WINDOW`]: 5 for an account. 60 for a client address, because many people may share
    /// one, and because hashing is the most expensive work that an anonymous client can cause.
    pub(crate) fn limit(&self) -> i64 {
        match self {
            Self::Account(_) => 5,
            Self::Address(_) => 60,
        }
    }
}

/// The attempts so far, including this one, and the seconds until they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptCount {
    pub(crate) attempts: i64,
    pub(crate) seconds_left: i64,
}

/// There were too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyAttempts {
    /// The time to wait, in seconds: at least 1.
    pub(crate) retry_after: u64,
}
