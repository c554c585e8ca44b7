//! Connect adapter of `user.v1.UserService`, `SessionService` and `UserEventService`: it maps each method to its use
//! case.

use api::user::v1::*;
use rpc_adapters::{connect_methods, messages::instant};

use super::service::{Accounts, ChangePassword, CheckSession, CreateUser, Ports, UpdateUser};

/// The three services.
pub(crate) struct AccountsRpc<P: Ports> {
    pub(crate) accounts: Accounts<P>,
}

impl<P: Ports> UserService for AccountsRpc<P> {
    connect_methods! {
        |self, context, caller, request| accounts = &self.accounts;
        create_user(CreateUserRequest) -> CreateUserResponse { user } = {
            let name = request.name.as_deref().unwrap_or_default();
            let user = CreateUser { email: &request.email, password: &request.password, name };
            accounts.create_user(caller, user)
        };
        get_user(GetUserRequest) -> GetUserResponse { user } = accounts.get_user(caller, &request.id);
        update_user(UpdateUserRequest) -> UpdateUserResponse { user } = {
            let (email, name) = (request.email.as_deref(), request.name.as_deref());
            accounts.update_user(caller, UpdateUser { id: &request.id, email, name })
        };
        delete_user(DeleteUserRequest) -> DeleteUserResponse {} = accounts.delete_user(caller, &request.id);
        change_password(ChangePasswordRequest) -> ChangePasswordResponse {} = {
            let (current, new) = (&request.current_password, &request.new_password);
            accounts.change_password(caller, ChangePassword { current, new })
        };
        sign_out(SignOutRequest) -> SignOutResponse {} =
            accounts.sign_out(caller, request.everywhere.unwrap_or_default());
        list_users(ListUsersRequest) -> ListUsersResponse { users: items, next_page_token: next } =
            accounts.list_users(caller, request.page_size, &request.page_token);
        revoke_user(RevokeUserRequest) -> RevokeUserResponse {} = accounts.revoke_user(caller, &request.id);
        set_roles(SetRolesRequest) -> SetRolesResponse { user } =
            accounts.set_roles(caller, &request.id, &request.roles);
    }
}

impl<P: Ports> SessionService for AccountsRpc<P> {
    connect_methods! {
        |self, context, caller, request| accounts = &self.accounts;
        check_session(CheckSessionRequest) -> CheckSessionResponse { valid: is_valid, admin: is_admin } =
            accounts.check_session(caller, CheckSession {
                user_id: &request.user_id,
                epoch: request.epoch,
                session_id: request.session_id.as_deref(),
                issued_at: request.issued_at.map(instant),
                admin: request.admin,
            });
    }
}

impl<P: Ports> UserEventService for AccountsRpc<P> {
    connect_methods! {
        |self, context, caller, request| accounts = &self.accounts;
        list_user_events(ListUserEventsRequest) -> ListUserEventsResponse { events } =
            accounts.list_user_events(caller, request.limit);
        acknowledge_user_events(AcknowledgeUserEventsRequest) -> AcknowledgeUserEventsResponse {} =
            accounts.acknowledge_user_events(caller, &request.ids);
    }
}
