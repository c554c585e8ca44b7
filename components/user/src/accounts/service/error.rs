//! Errors of the use cases.

use kernel::{StoreError, Violations};

use super::ports::WriteAccountError;

/// Why a use case failed. What clients learn of it is in the one table of `accounts/errors.rs`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(Violations),
    #[error("the caller is anonymous")]
    Unauthenticated,
    #[error("the account is not the caller's")]
    PermissionDenied,
    #[error("the caller is not an admin")]
    AdminOnly,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("the caller's token names no session")]
    NoSession,
    #[error("the account does not exist")]
    NotFound,
    #[error("an account with this e-mail address exists")]
    AlreadyExists,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<WriteAccountError> for Error {
    fn from(error: WriteAccountError) -> Self {
        match error {
            WriteAccountError::EmailTaken => Self::AlreadyExists,
            WriteAccountError::Store(error) => Self::Store(error),
        }
    }
}
