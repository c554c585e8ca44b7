//! The use cases of signing in: they limit attempts, check passwords, and begin, resume and end logins.

mod ports;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use kernel::{Caller, Email, SessionId, UserId};
pub(crate) use ports::{AttemptCounter, LoginPorts, LoginStore};

use super::domain::{ATTEMPT_WINDOW, AttemptSubject, AuthenticatedUser, BrowserId, Login, TooManyAttempts};
use crate::accounts::{
    domain::{TypedPassword, User},
    service::{self as accounts, Accounts, CreateUser},
};

/// Why a user cannot sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("the e-mail address is not valid")]
    InvalidEmail,
    #[error("the password is not valid")]
    InvalidPassword,
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    #[error("too many attempts to sign in to the account")]
    AccountLimit(TooManyAttempts),
    #[error("too many attempts from the client address")]
    AddressLimit(TooManyAttempts),
    /// An attempt that cannot be counted is refused. The text is for the log.
    #[error("attempts cannot be counted: {0}")]
    NotCounted(String),
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
}

/// The use cases of signing in.
pub(crate) struct Logins<P: LoginPorts> {
    accounts: Accounts<P>,
    store: P::Logins,
    attempts: P::Attempts,
}

impl<P: LoginPorts> Logins<P> {
    pub(crate) fn new(accounts: Accounts<P>, store: P::Logins, attempts: P::Attempts) -> Self {
        Self {
            accounts,
            store,
            attempts,
        }
    }

    /// Checks an e-mail address and a password that came from this client address.
    ///
    /// An attempt is counted before its password is checked, so that concurrent attempts count like consecutive ones.
    /// The right password resets the count of its account.
    pub(crate) async fn authenticate(
        &self,
        address: IpAddr,
        email: &str,
        password: &str,
    ) -> Result<AuthenticatedUser, LoginError> {
        let email: Email = email.parse().map_err(|_| LoginError::InvalidEmail)?;
        let typed: TypedPassword = password.parse().map_err(|_| LoginError::InvalidPassword)?;
        self.count_hash(address).await?;
        let account = AttemptSubject::Account(email.clone());
        self.count(&account).await?.map_err(LoginError::AccountLimit)?;
        let (id, epoch) = self
            .accounts
            .authenticate(&email, &typed)
            .await?
            .ok_or(LoginError::WrongCredentials)?;
        self.attempts.reset(&account).await;
        Ok(AuthenticatedUser { id, epoch })
    }

    /// Creates an account for a person at this client address. Its password counts as checked.
    pub(crate) async fn register(
        &self,
        address: IpAddr,
        request: CreateUser<'_>,
    ) -> Result<AuthenticatedUser, LoginError> {
        self.count_hash(address).await?;
        let user = self.accounts.create_user(&Caller::Anonymous, request).await?;
        // A new account is in epoch 0.
        Ok(AuthenticatedUser {
            id: user.id,
            epoch: 0,
        })
    }

    /// Begins a session after a password was checked. `false` if the session has ended or the epoch was raised
    /// meanwhile: then the user has to sign in again, in a new session.
    pub(crate) async fn start_session(
        &self,
        login: &Login,
        browser: &BrowserId,
    ) -> Result<bool, accounts::Error> {
        Ok(self.store.start_session(login, browser).await?)
    }

    /// The login of a session by which the issuer remembers a browser, if it is still valid.
    pub(crate) async fn resume_session(
        &self,
        user: UserId,
        session: &SessionId,
    ) -> Result<Option<Login>, accounts::Error> {
        Ok(self.store.resume_session(user, session).await?)
    }

    /// The user of a login, if the login is still valid.
    pub(crate) async fn user_of(&self, login: &Login) -> Result<Option<User>, accounts::Error> {
        Ok(self.store.find_user(login).await?)
    }

    /// Ends a session and the user's other sessions in the same browser.
    pub(crate) async fn end_session(&self, user: UserId, session: &SessionId) -> Result<(), accounts::Error> {
        self.accounts.end_session(user, session).await
    }

    /// Counts for a client address that a password will be hashed or checked.
    async fn count_hash(&self, address: IpAddr) -> Result<(), LoginError> {
        let counted = self.count(&AttemptSubject::Address(address)).await?;
        counted.map_err(LoginError::AddressLimit)
    }

    async fn count(&self, subject: &AttemptSubject) -> Result<Result<(), TooManyAttempts>, LoginError> {
        let counted = self.attempts.count(subject, ATTEMPT_WINDOW).await;
        let counted = counted.map_err(LoginError::NotCounted)?;
        if counted.attempts <= subject.limit() {
            return Ok(Ok(()));
        }
        let longest = ATTEMPT_WINDOW.as_secs();
        let left = u64::try_from(counted.seconds_left).unwrap_or_default();
        Ok(Err(TooManyAttempts {
            retry_after: left.clamp(1, longest),
        }))
    }
}
