//! WIT adapter: the use cases for a caller in the same process. Record in, domain call, record out.

use platform::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller},
};

use crate::{
    domain::User,
    service::{CreateUser, Error, StoreError},
};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "user-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": platform::wit::types },
    });

    export!(Component with_types_in self);

    use super::Component;
}

use bindings::exports::akinai::commerce::users::{self, Guest};

struct Component;

impl Guest for Component {
    async fn create_user(caller: Caller, new_user: users::NewUser) -> Result<users::User, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let users::NewUser {
            email,
            password,
            name,
        } = &new_user;
        let accounts = crate::accounts().await.map_err(Error::from)?;
        Ok(accounts
            .create_user(
                &caller,
                CreateUser {
                    email,
                    password,
                    name,
                },
            )
            .await?
            .into())
    }

    async fn get_user(caller: Caller, id: String) -> Result<users::User, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let accounts = crate::accounts().await.map_err(Error::from)?;
        Ok(accounts.get_user(&caller, &id).await?.into())
    }
}

impl From<User> for users::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().into(),
            name: user.name.as_str().into(),
            roles: user.roles,
            created_at: user.created_at.unix_micros(),
            updated_at: user.updated_at.unix_micros(),
        }
    }
}

/// What a caller sees of an error; what it hides goes to the log.
impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => Self::Unauthenticated,
            Error::PermissionDenied => Self::PermissionDenied,
            Error::NotFound => Self::NotFound,
            Error::AlreadyExists => Self::AlreadyExists,
            Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
                platform::log::error("", &error);
                Self::Internal
            }
            Error::Store(StoreError::Unavailable(_)) => {
                platform::log::error("", &error);
                Self::Unavailable
            }
        }
    }
}
