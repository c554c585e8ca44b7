//! Connect adapter: `user.v1.UserService`, `SessionService` and `UserEventService` over the use cases.

use api::user::v1::*;
use rpc_adapters::{
    connect_methods, conversions,
    messages::{instant, timestamp},
};

use super::domain;
use super::service::{Accounts, ChangePassword, CheckSession, CreateUser, Ports, UpdateUser};

/// The three services.
pub(crate) struct AccountsRpc<P: Ports> {
    pub(crate) accounts: Accounts<P>,
}

connect_methods! {
    impl<P: Ports> UserService for AccountsRpc<P>, use_cases: accounts;
    create_user(CreateUserRequest): |accounts, caller, request| {
        let name = request.name.as_deref().unwrap_or_default();
        let user = CreateUser { email: &request.email, password: &request.password, name };
        accounts.create_user(caller, user)
    } => |user| CreateUserResponse { user: Some(user.into()) };
    get_user(GetUserRequest): |accounts, caller, request| accounts.get_user(caller, &request.id)
        => |user| GetUserResponse { user: Some(user.into()) };
    update_user(UpdateUserRequest): |accounts, caller, request| {
        let (email, name) = (request.email.as_deref(), request.name.as_deref());
        accounts.update_user(caller, UpdateUser { id: &request.id, email, name })
    } => |user| UpdateUserResponse { user: Some(user.into()) };
    delete_user(DeleteUserRequest): |accounts, caller, request| accounts.delete_user(caller, &request.id)
        => |()| DeleteUserResponse {};
    change_password(ChangePasswordRequest): |accounts, caller, request| {
        let passwords = ChangePassword { current: &request.current_password, new: &request.new_password };
        accounts.change_password(caller, passwords)
    } => |()| ChangePasswordResponse {};
    sign_out(SignOutRequest): |accounts, caller, request|
        accounts.sign_out(caller, request.everywhere.unwrap_or_default()) => |()| SignOutResponse {};
    list_users(ListUsersRequest): |accounts, caller, request|
        accounts.list_users(caller, request.page_size, &request.page_token) => |page| ListUsersResponse {
            users: page.items.into_iter().map(User::from).collect(),
            next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
        };
    revoke_user(RevokeUserRequest): |accounts, caller, request| accounts.revoke_user(caller, &request.id)
        => |()| RevokeUserResponse {};
    set_roles(SetRolesRequest): |accounts, caller, request| accounts.set_roles(caller, &request.id, &request.roles)
        => |user| SetRolesResponse { user: Some(user.into()) };
}

connect_methods! {
    impl<P: Ports> SessionService for AccountsRpc<P>, use_cases: accounts;
    check_session(CheckSessionRequest): |accounts, caller, request| {
        let token = CheckSession {
            user_id: &request.user_id,
            epoch: request.epoch,
            session_id: request.session_id.as_deref(),
            issued_at: request.issued_at.map(instant),
            admin: request.admin,
        };
        accounts.check_session(caller, token)
    } => |status| CheckSessionResponse { valid: status.is_valid, admin: status.is_admin };
}

connect_methods! {
    impl<P: Ports> UserEventService for AccountsRpc<P>, use_cases: accounts;
    list_user_events(ListUserEventsRequest): |accounts, caller, request|
        accounts.list_user_events(caller, request.limit)
        => |events| ListUserEventsResponse { events: events.into_iter().map(UserEvent::from).collect() };
    acknowledge_user_events(AcknowledgeUserEventsRequest): |accounts, caller, request|
        accounts.acknowledge_user_events(caller, &request.ids) => |()| AcknowledgeUserEventsResponse {};
}

conversions! {
    UserEvent = |event: domain::UserEvent| UserEvent {
        id: event.id.to_string(),
        kind: match event.kind {
            domain::UserEventKind::Deleted => UserEventKind::Deleted.into(),
        },
        user_id: event.user.to_string(),
        occurred_at: Some(timestamp(event.occurred_at)),
    };
    User = |user: domain::User| User {
        id: user.id.to_string(),
        email: user.email.as_str().into(),
        name: user.name.as_str().into(),
        roles: user.roles,
        created_at: Some(timestamp(user.created_at)),
        updated_at: Some(timestamp(user.updated_at)),
    };
}
