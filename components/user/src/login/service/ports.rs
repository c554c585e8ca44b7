//! Ports of the use cases of signing in.

use std::time::Duration;

use kernel::{SessionId, StoreError, UserId};

use crate::accounts::{domain::User, service::Ports};
use crate::login::domain::{AttemptCount, AttemptSubject, BrowserId, Login};

/// The implementations of the ports, as one set of types.
pub(crate) trait LoginPorts: Ports + Sized {
    type Logins: LoginStore;
    type Attempts: AttemptCounter;
}

/// The store of logins. Each function is one statement.
pub(crate) trait LoginStore {
    /// Inserts a login and its browser. `false` if the session has ended or the epoch was raised.
    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError>;

    /// The login of a session, if it is still valid.
    async fn resume_session(&self, user: UserId, session: &SessionId) -> Result<Option<Login>, StoreError>;

    /// The user of a login, if the login is still valid.
    async fn find_user(&self, login: &Login) -> Result<Option<User>, StoreError>;
}

/// Counts attempts.
pub(crate) trait AttemptCounter {
    /// Counts one more attempt. The first one begins a window of this length. When it ends, the count is forgotten. The
    /// text of the error is for the log.
    async fn count(&self, subject: &AttemptSubject, window: Duration) -> Result<AttemptCount, String>;

    /// Sets a count to zero. A failure is logged.
    async fn reset(&self, subject: &AttemptSubject);
}
