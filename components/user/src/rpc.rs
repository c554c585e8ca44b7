//! Connect adapter: message in, domain call, message out.

use api::user::v1::{
    AcknowledgeUserEventsRequest, AcknowledgeUserEventsResponse, ChangePasswordRequest,
    ChangePasswordResponse, CheckSessionRequest, CheckSessionResponse, CreateUserRequest, CreateUserResponse,
    DeleteUserRequest, DeleteUserResponse, GetUserRequest, GetUserResponse, ListUserEventsRequest,
    ListUserEventsResponse, ListUsersRequest, ListUsersResponse, RevokeUserRequest, RevokeUserResponse,
    SessionService, SetRolesRequest, SetRolesResponse, SignOutRequest, SignOutResponse, UpdateUserRequest,
    UpdateUserResponse, User as UserMessage, UserEvent as EventMessage, UserEventKind, UserEventService,
    UserService,
};
use connect::{ConnectError, Context};
use platform::log::Names;
use platform::rpc::{caller, instant, invalid_argument, timestamp};

use crate::{
    domain::{Event, EventKind, User},
    service::{ChangePassword, CheckSession, CreateUser, Error, StoreError, UpdateUser},
};

/// `user.v1.UserService`, `user.v1.SessionService` and `user.v1.UserEventService`.
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
                .create_user(&caller(context), request)
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
                .get_user(&caller(context), &request.id)
                .await
        };
        let user = user.await.map_err(|error| refuse(context, error))?;
        Ok(GetUserResponse {
            user: Some(user.into()),
        })
    }

    async fn update_user(
        &self,
        context: &mut Context,
        request: UpdateUserRequest,
    ) -> Result<UpdateUserResponse, ConnectError> {
        let request = UpdateUser {
            id: &request.id,
            email: request.email.as_deref(),
            name: request.name.as_deref(),
        };
        let user = async {
            crate::accounts()
                .await?
                .update_user(&caller(context), request)
                .await
        };
        let user = user.await.map_err(|error| refuse(context, error))?;
        Ok(UpdateUserResponse {
            user: Some(user.into()),
        })
    }

    async fn delete_user(
        &self,
        context: &mut Context,
        request: DeleteUserRequest,
    ) -> Result<DeleteUserResponse, ConnectError> {
        let deleted = async {
            crate::accounts()
                .await?
                .delete_user(&caller(context), &request.id)
                .await
        };
        deleted.await.map_err(|error| refuse(context, error))?;
        Ok(DeleteUserResponse {})
    }

    async fn change_password(
        &self,
        context: &mut Context,
        request: ChangePasswordRequest,
    ) -> Result<ChangePasswordResponse, ConnectError> {
        let request = ChangePassword {
            current: &request.current_password,
            new: &request.new_password,
        };
        let changed = async {
            crate::accounts()
                .await?
                .change_password(&caller(context), request)
                .await
        };
        changed.await.map_err(|error| refuse(context, error))?;
        Ok(ChangePasswordResponse {})
    }

    async fn sign_out(
        &self,
        context: &mut Context,
        request: SignOutRequest,
    ) -> Result<SignOutResponse, ConnectError> {
        let everywhere = request.everywhere.unwrap_or_default();
        let ended = async {
            crate::accounts()
                .await?
                .sign_out(&caller(context), everywhere)
                .await
        };
        ended.await.map_err(|error| refuse(context, error))?;
        Ok(SignOutResponse {})
    }

    async fn list_users(
        &self,
        context: &mut Context,
        request: ListUsersRequest,
    ) -> Result<ListUsersResponse, ConnectError> {
        let page = async {
            crate::accounts()
                .await?
                .list_users(&caller(context), request.page_size, &request.page_token)
                .await
        };
        let page = page.await.map_err(|error| refuse(context, error))?;
        Ok(ListUsersResponse {
            users: page.items.into_iter().map(UserMessage::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        })
    }

    async fn revoke_user(
        &self,
        context: &mut Context,
        request: RevokeUserRequest,
    ) -> Result<RevokeUserResponse, ConnectError> {
        let revoked = async {
            crate::accounts()
                .await?
                .revoke_user(&caller(context), &request.id)
                .await
        };
        revoked.await.map_err(|error| refuse(context, error))?;
        Ok(RevokeUserResponse {})
    }

    async fn set_roles(
        &self,
        context: &mut Context,
        request: SetRolesRequest,
    ) -> Result<SetRolesResponse, ConnectError> {
        let user = async {
            crate::accounts()
                .await?
                .set_roles(&caller(context), &request.id, &request.roles)
                .await
        };
        let user = user.await.map_err(|error| refuse(context, error))?;
        Ok(SetRolesResponse {
            user: Some(user.into()),
        })
    }
}

impl SessionService for Rpc {
    async fn check_session(
        &self,
        context: &mut Context,
        request: CheckSessionRequest,
    ) -> Result<CheckSessionResponse, ConnectError> {
        let request = CheckSession {
            user_id: &request.user_id,
            epoch: request.epoch,
            session_id: request.session_id.as_deref(),
            issued_at: request.issued_at.map(instant),
            admin: request.admin,
        };
        let verdict = async {
            crate::accounts()
                .await?
                .check_session(&caller(context), request)
                .await
        };
        let verdict = verdict.await.map_err(|error| refuse(context, error))?;
        Ok(CheckSessionResponse {
            valid: verdict.valid,
            admin: verdict.admin,
        })
    }
}

impl UserEventService for Rpc {
    async fn list_user_events(
        &self,
        context: &mut Context,
        request: ListUserEventsRequest,
    ) -> Result<ListUserEventsResponse, ConnectError> {
        let events = async {
            crate::accounts()
                .await?
                .list_user_events(&caller(context), request.limit)
                .await
        };
        let events = events.await.map_err(|error| refuse(context, error))?;
        Ok(ListUserEventsResponse {
            events: events.into_iter().map(EventMessage::from).collect(),
        })
    }

    async fn acknowledge_user_events(
        &self,
        context: &mut Context,
        request: AcknowledgeUserEventsRequest,
    ) -> Result<AcknowledgeUserEventsResponse, ConnectError> {
        let acknowledged = async {
            crate::accounts()
                .await?
                .acknowledge_user_events(&caller(context), &request.ids)
                .await
        };
        acknowledged.await.map_err(|error| refuse(context, error))?;
        Ok(AcknowledgeUserEventsResponse {})
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
        Error::AdminOnly => ConnectError::permission_denied("this is for admins alone"),
        Error::WrongPassword => ConnectError::permission_denied("the current password is another one"),
        Error::NoSession => ConnectError::failed_precondition(
            "the access token names no session (`sid`), so this one alone cannot be ended; \
             set `everywhere` to end all of them",
        ),
        Error::NotFound => ConnectError::not_found("there is no such account"),
        Error::AlreadyExists => ConnectError::already_exists("an account with this e-mail address exists"),
        Error::Store(StoreError::Unavailable(_)) => {
            platform::log::error(Names::of(&context.headers), &error);
            ConnectError::unavailable("accounts cannot be reached at the moment; try again")
        }
        Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
            platform::log::error(Names::of(&context.headers), &error);
            ConnectError::internal("something went wrong; the request id leads to it in the log")
        }
    }
}

impl From<Event> for EventMessage {
    fn from(event: Event) -> Self {
        let kind = match event.kind {
            EventKind::Deleted => UserEventKind::Deleted,
        };
        Self {
            id: event.id.to_string(),
            kind: kind.into(),
            user_id: event.user.to_string(),
            occurred_at: Some(timestamp(event.occurred_at)),
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
