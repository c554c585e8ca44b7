//! What clients learn of an error of the use cases: the one table, for the Connect and the WIT adapter.

use connect::Code;
use kernel::StoreError;
use spin_adapters::log;
use web::request_id::RequestIds;

use super::service::Error;

/// The code of an error, and a message that is safe to show. Failures of ours go to the log.
pub(super) fn describe(error: &Error, ids: RequestIds<'_>) -> (Code, &'static str) {
    match error {
        Error::Invalid(_) => (Code::InvalidArgument, "the request has invalid fields"),
        Error::Unauthenticated => (Code::Unauthenticated, "sign in first"),
        Error::PermissionDenied => (Code::PermissionDenied, "this account is not yours"),
        Error::AdminOnly => (Code::PermissionDenied, "only admins may call this method"),
        Error::WrongPassword => (Code::PermissionDenied, "the current password is wrong"),
        Error::NoSession => (
            Code::FailedPrecondition,
            "the access token names no session (`sid`), so its session alone cannot be ended; \
             set `everywhere` to end all sessions",
        ),
        Error::NotFound => (Code::NotFound, "there is no such account"),
        Error::AlreadyExists => (Code::AlreadyExists, "an account with this e-mail address exists"),
        Error::Store(StoreError::Unavailable(_)) => {
            log::error(ids, error);
            (
                Code::Unavailable,
                "accounts are unavailable at the moment; try again",
            )
        }
        Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
            log::error(ids, error);
            (
                Code::Internal,
                "something went wrong; the request id leads to it in the log",
            )
        }
    }
}
