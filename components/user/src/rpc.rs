//! Connect adapter: message in, domain call, message out.

use api::user::v1::{
    CreateUserRequest, CreateUserResponse, GetUserRequest, GetUserResponse, User as UserMessage, UserService,
};
use connect::{ConnectError, Context};
use kernel::Caller;
use platform::rpc::{invalid_argument, request_id, timestamp};

use crate::{
    domain::User,
    service::{CreateUser, Error, StoreError},
};

/// `user.v1.UserService`.
pub(crate) struct Rpc;

impl UserService for Rpc {
    async fn create_user(
        &self,
        context: &mut Context,
        request: CreateUserRequest,
    ) -> Result<CreateUserResponse, ConnectError> {
        let CreateUserRequest {
            email,
            password,
            name,
        } = &request;
        let request = CreateUser {
            email,
            password,
            name: name.as_deref().unwrap_or_default(),
        };
        let user = async {
            crate::accounts()
                .await?
                .create_user(&Caller::Anonymous, request)
                .await
        };
        let user = user.await.map_err(|error| refuse(context, error))?;
        Ok(CreateUserResponse {
            user: Some(user.into()),
        })
    }

    async fn get_user(
        &self,
        context: &mut Context,
        request: GetUserRequest,
    ) -> Result<GetUserResponse, ConnectError> {
        let user = async {
            crate::accounts()
                .await?
                .get_user(&Caller::Anonymous, &request.id)
                .await
        };
        let user = user.await.map_err(|error| refuse(context, error))?;
        Ok(GetUserResponse {
            user: Some(user.into()),
        })
    }
}

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(context: &Context, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::Unauthenticated => {
            ConnectError::unauthenticated("sign in, and send the access token as a bearer token")
        }
        Error::PermissionDenied => ConnectError::permission_denied("this account is not yours"),
        Error::NotFound => ConnectError::not_found("there is no such account"),
        Error::AlreadyExists => ConnectError::already_exists("an account with this e-mail address exists"),
        Error::Store(StoreError::Unavailable(_)) => {
            platform::log::error(request_id(context), &error);
            ConnectError::unavailable("accounts cannot be reached at the moment; try again")
        }
        Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
            platform::log::error(request_id(context), &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        }
    }
}

impl From<User> for UserMessage {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().into(),
            name: user.name.as_str().into(),
            roles: user.roles,
            created_at: Some(timestamp(user.created_at)),
            updated_at: Some(timestamp(user.updated_at)),
        }
    }
}
