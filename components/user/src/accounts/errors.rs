//! What clients learn of an error of the use cases. The WIT adapter uses the same table.

use connect::ConnectError;
use rpc_adapters::messages::{INTERNAL, invalid_argument, store_error};
use web::challenge;

use super::service::Error;

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => challenge::sign_in(),
            Error::PermissionDenied => Self::permission_denied("this account is not yours"),
            Error::AdminOnly => Self::permission_denied("only admins may call this method"),
            Error::WrongPassword => Self::permission_denied("the current password is wrong"),
            Error::NoSession => Self::failed_precondition(
                "the access token names no session (`sid`), so its session alone cannot be ended; \
                 set `everywhere` to end all sessions",
            ),
            Error::NotFound => Self::not_found("there is no such account"),
            Error::AlreadyExists => Self::already_exists("an account with this e-mail address exists"),
            Error::Hash(_) => Self::internal(INTERNAL),
            Error::Store(error) => store_error(&error, "accounts are unavailable at the moment; try again"),
        }
    }
}
