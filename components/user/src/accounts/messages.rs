//! Conversions for both adapters: the fields of messages and records, and the code of each error.

use api::user::v1 as message;
use connect::ConnectError;
use rpc_adapters::{
    conversions,
    messages::{INTERNAL, invalid_argument, store_error},
    variants,
};
use web::challenge;

use super::{
    domain::{TokenStatus, User, UserEvent, UserEventKind},
    service::Error,
    wit::record,
};

conversions! {
    User as user => message::User, record::User = {
        id, email, name: user.name.as_str().to_owned(), roles, created_at, updated_at,
    };
    UserEvent as event => message::UserEvent, record::UserEvent = { id, kind, user_id: event.user, occurred_at };
    TokenStatus as status => record::TokenStatus = { valid: status.is_valid, admin: status.is_admin };
}

variants! {
    UserEventKind => message::UserEventKind as i32, record::UserEventKind = { Deleted };
}

/// The only table of errors.
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
