//! Errors of the use cases.

use kernel::{StoreError, Violations};

use super::ports::WriteAccountError;

/// A use case failed. The texts are for clients. Only the texts of `Hash` and `Store` are for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("the caller is not signed in")]
    Unauthenticated,
    #[error("this account is not yours")]
    PermissionDenied,
    #[error("only admins may call this method")]
    AdminOnly,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error(
        "the access token names no session (`sid`), so its session alone cannot be ended; set `everywhere` to end all \
         sessions"
    )]
    NoSession,
    #[error("there is no such account")]
    NotFound,
    #[error("an account with this e-mail address exists")]
    AlreadyExists,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteAccountError> for Error {
    fn from(error: WriteAccountError) -> Self {
        match error {
            WriteAccountError::EmailTaken => Self::AlreadyExists,
            WriteAccountError::Store(error) => Self::Store(error),
        }
    }
}
