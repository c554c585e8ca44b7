//! WIT adapter: the use cases for a caller in the same process. Record in, domain call, record out.

use kernel::Timestamp;
use rpc_adapters::wit::{
    invalid_argument, parse_caller,
    types::{self, Caller, PageRequest},
};
use web::request_id::RequestIds;

use crate::{
    domain::{Event, EventKind, User},
    service::{ChangePassword, CheckSession, CreateUser, Error, StoreError, UpdateUser},
};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "user-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": rpc_adapters::wit::types },
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
        let request = CreateUser {
            email,
            password,
            name,
        };
        Ok(accounts().await?.create_user(&caller, request).await?.into())
    }

    async fn get_user(caller: Caller, id: String) -> Result<users::User, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.get_user(&caller, &id).await?.into())
    }

    async fn update_user(
        caller: Caller,
        id: String,
        change: users::UserChange,
    ) -> Result<users::User, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let request = UpdateUser {
            id: &id,
            email: change.email.as_deref(),
            name: change.name.as_deref(),
        };
        Ok(accounts().await?.update_user(&caller, request).await?.into())
    }

    async fn delete_user(caller: Caller, id: String) -> Result<(), types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.delete_user(&caller, &id).await?)
    }

    async fn change_password(caller: Caller, current: String, new: String) -> Result<(), types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let request = ChangePassword {
            current: &current,
            new: &new,
        };
        Ok(accounts().await?.change_password(&caller, request).await?)
    }

    async fn sign_out(caller: Caller, everywhere: bool) -> Result<(), types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.sign_out(&caller, everywhere).await?)
    }

    async fn list_users(caller: Caller, page: PageRequest) -> Result<users::UserPage, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let page = accounts()
            .await?
            .list_users(&caller, page.size, &page.token)
            .await?;
        Ok(users::UserPage {
            users: page.items.into_iter().map(users::User::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn revoke_user(caller: Caller, id: String) -> Result<(), types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.revoke_user(&caller, &id).await?)
    }

    async fn set_roles(caller: Caller, id: String, roles: Vec<String>) -> Result<users::User, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.set_roles(&caller, &id, &roles).await?.into())
    }

    async fn check_session(caller: Caller, token: users::Token) -> Result<users::Verdict, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let request = CheckSession {
            user_id: &token.user_id,
            epoch: token.epoch,
            session_id: token.session.as_deref(),
            issued_at: token.issued_at.map(Timestamp::from_unix_micros),
            admin: token.admin,
        };
        let verdict = accounts().await?.check_session(&caller, request).await?;
        Ok(users::Verdict {
            valid: verdict.valid,
            admin: verdict.admin,
        })
    }

    async fn list_user_events(caller: Caller, limit: i32) -> Result<Vec<users::UserEvent>, types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        let events = accounts().await?.list_user_events(&caller, limit).await?;
        Ok(events.into_iter().map(users::UserEvent::from).collect())
    }

    async fn acknowledge_user_events(caller: Caller, ids: Vec<String>) -> Result<(), types::Error> {
        let caller = parse_caller(caller).map_err(Error::Invalid)?;
        Ok(accounts().await?.acknowledge_user_events(&caller, &ids).await?)
    }
}

async fn accounts() -> Result<crate::Accounts, Error> {
    Ok(crate::accounts().await?)
}

impl From<Event> for users::UserEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            kind: match event.kind {
                EventKind::Deleted => users::UserEventKind::Deleted,
            },
            user_id: event.user.to_string(),
            occurred_at: event.occurred_at.unix_micros(),
        }
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
            Error::PermissionDenied | Error::AdminOnly | Error::WrongPassword => Self::PermissionDenied,
            Error::NoSession => Self::FailedPrecondition,
            Error::NotFound => Self::NotFound,
            Error::AlreadyExists => Self::AlreadyExists,
            Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
                spin_adapters::log::error(RequestIds::NONE, &error);
                Self::Internal
            }
            Error::Store(StoreError::Unavailable(_)) => {
                spin_adapters::log::error(RequestIds::NONE, &error);
                Self::Unavailable
            }
        }
    }
}
