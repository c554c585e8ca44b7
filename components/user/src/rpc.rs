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
use kernel::Caller;
use rpc_adapters::messages::{caller, instant, invalid_argument, timestamp};
use web::challenge;
use web::request_id::RequestIds;

use crate::{
    Accounts,
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
        let user = answer(context, async |accounts, caller| {
            accounts.create_user(&caller, request).await
        });
        Ok(CreateUserResponse {
            user: Some(user.await?.into()),
        })
    }

    async fn get_user(
        &self,
        context: &mut Context,
        request: GetUserRequest,
    ) -> Result<GetUserResponse, ConnectError> {
        let user = answer(context, async |accounts, caller| {
            accounts.get_user(&caller, &request.id).await
        });
        Ok(GetUserResponse {
            user: Some(user.await?.into()),
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
        let user = answer(context, async |accounts, caller| {
            accounts.update_user(&caller, request).await
        });
        Ok(UpdateUserResponse {
            user: Some(user.await?.into()),
        })
    }

    async fn delete_user(
        &self,
        context: &mut Context,
        request: DeleteUserRequest,
    ) -> Result<DeleteUserResponse, ConnectError> {
        let deleted = answer(context, async |accounts, caller| {
            accounts.delete_user(&caller, &request.id).await
        });
        deleted.await.map(|()| DeleteUserResponse {})
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
        let changed = answer(context, async |accounts, caller| {
            accounts.change_password(&caller, request).await
        });
        changed.await.map(|()| ChangePasswordResponse {})
    }

    async fn sign_out(
        &self,
        context: &mut Context,
        request: SignOutRequest,
    ) -> Result<SignOutResponse, ConnectError> {
        let everywhere = request.everywhere.unwrap_or_default();
        let ended = answer(context, async |accounts, caller| {
            accounts.sign_out(&caller, everywhere).await
        });
        ended.await.map(|()| SignOutResponse {})
    }

    async fn list_users(
        &self,
        context: &mut Context,
        request: ListUsersRequest,
    ) -> Result<ListUsersResponse, ConnectError> {
        let page = answer(context, async |accounts, caller| {
            accounts
                .list_users(&caller, request.page_size, &request.page_token)
                .await
        });
        let page = page.await?;
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
        let revoked = answer(context, async |accounts, caller| {
            accounts.revoke_user(&caller, &request.id).await
        });
        revoked.await.map(|()| RevokeUserResponse {})
    }

    async fn set_roles(
        &self,
        context: &mut Context,
        request: SetRolesRequest,
    ) -> Result<SetRolesResponse, ConnectError> {
        let user = answer(context, async |accounts, caller| {
            accounts.set_roles(&caller, &request.id, &request.roles).await
        });
        Ok(SetRolesResponse {
            user: Some(user.await?.into()),
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
        let verdict = answer(context, async |accounts, caller| {
            accounts.check_session(&caller, request).await
        });
        let verdict = verdict.await?;
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
        let events = answer(context, async |accounts, caller| {
            accounts.list_user_events(&caller, request.limit).await
        });
        let events = events.await?;
        Ok(ListUserEventsResponse {
            events: events.into_iter().map(EventMessage::from).collect(),
        })
    }

    async fn acknowledge_user_events(
        &self,
        context: &mut Context,
        request: AcknowledgeUserEventsRequest,
    ) -> Result<AcknowledgeUserEventsResponse, ConnectError> {
        let acknowledged = answer(context, async |accounts, caller| {
            accounts.acknowledge_user_events(&caller, &request.ids).await
        });
        acknowledged.await.map(|()| AcknowledgeUserEventsResponse {})
    }
}

/// Runs a use case for whoever is calling.
async fn answer<T>(
    context: &Context,
    use_case: impl AsyncFnOnce(Accounts, Caller) -> Result<T, Error>,
) -> Result<T, ConnectError> {
    let answer = async { use_case(crate::accounts().await?, caller(context)).await };
    answer.await.map_err(|error| refuse(context, error))
}

/// The one table from errors to Connect codes. What a caller must not see goes to the log.
fn refuse(context: &Context, error: Error) -> ConnectError {
    match error {
        Error::Invalid(violations) => invalid_argument(&violations),
        Error::Unauthenticated => challenge::sign_in(),
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
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
            ConnectError::unavailable("accounts cannot be reached at the moment; try again")
        }
        Error::Hash(_) | Error::Store(StoreError::Failed(_)) => {
            spin_adapters::log::error(RequestIds::of(&context.headers), &error);
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
