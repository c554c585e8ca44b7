//! WIT adapter: it maps each function of the interface `users` to its use case.

use std::marker::PhantomData;

use kernel::Timestamp;
use rpc_adapters::{wit::types::PageRequest, wit_methods};

use super::service::{Accounts, ChangePassword, CheckSession, CreateUser, Ports, UpdateUser};

rpc_adapters::wit_bindings!("user-service");

pub(crate) use bindings::exports::akinai::commerce::users as record;
use record::{NewUser, Token, TokenStatus, User, UserChange, UserEvent, UserPage};

/// Gives the export its use cases, because the functions of an export have no receiver.
pub(crate) trait AccountsProvider: Ports + Sized {
    fn accounts() -> Accounts<Self>;
}

/// The implementation of the interface.
pub(crate) struct UsersExport<P>(PhantomData<P>);

impl<P: AccountsProvider> record::Guest for UsersExport<P> {
    wit_methods! {
        |caller| accounts = P::accounts();
        create_user(user: NewUser) -> User = {
            let NewUser { email, password, name } = &user;
            accounts.create_user(caller, CreateUser { email, password, name })
        };
        get_user(id: String) -> User = accounts.get_user(caller, &id);
        update_user(id: String, change: UserChange) -> User = {
            let (email, name) = (change.email.as_deref(), change.name.as_deref());
            accounts.update_user(caller, UpdateUser { id: &id, email, name })
        };
        delete_user(id: String) -> () = accounts.delete_user(caller, &id);
        change_password(current: String, new: String) -> () =
            accounts.change_password(caller, ChangePassword { current: &current, new: &new });
        sign_out(everywhere: bool) -> () = accounts.sign_out(caller, everywhere);
        list_users(page: PageRequest) -> UserPage { users: items, next_page_token: next } =
            accounts.list_users(caller, page.size, &page.token);
        revoke_user(id: String) -> () = accounts.revoke_user(caller, &id);
        set_roles(id: String, roles: Vec<String>) -> User = accounts.set_roles(caller, &id, &roles);
        check_session(token: Token) -> TokenStatus = accounts.check_session(caller, CheckSession {
            user_id: &token.user_id,
            epoch: token.epoch,
            session_id: token.session.as_deref(),
            issued_at: token.issued_at.map(Timestamp::from_unix_micros),
            admin: token.admin,
        });
        list_user_events(limit: i32) -> Vec<UserEvent> = accounts.list_user_events(caller, limit);
        acknowledge_user_events(ids: Vec<String>) -> () = accounts.acknowledge_user_events(caller, &ids);
    }
}
