//! WIT adapter: the interface `users` over the use cases, for a caller in the same process.

use std::marker::PhantomData;

use rpc_adapters::{conversions, wit::types, wit_methods};

use super::domain;
use super::service::{Accounts, ChangePassword, CheckSession, CreateUser, Error, Ports, UpdateUser};

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub(crate) mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "user-service",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "akinai:commerce/types@0.1.0": rpc_adapters::wit::types },
    });
}

use bindings::exports::akinai::commerce::users::{self, Guest};

/// Gives the export its use cases: the functions of an export have no receiver.
pub(crate) trait AccountsProvider: Ports + Sized {
    fn accounts() -> Accounts<Self>;
}

/// The implementation of the interface.
pub(crate) struct UsersExport<P>(PhantomData<P>);

wit_methods! {
    impl<P: AccountsProvider> Guest for UsersExport<P>, use_cases: accounts;
    create_user(user: users::NewUser) -> users::User: |accounts, caller| {
        let users::NewUser { email, password, name } = &user;
        accounts.create_user(caller, CreateUser { email, password, name })
    };
    get_user(id: String) -> users::User: |accounts, caller| accounts.get_user(caller, &id);
    update_user(id: String, change: users::UserChange) -> users::User: |accounts, caller| {
        let (email, name) = (change.email.as_deref(), change.name.as_deref());
        accounts.update_user(caller, UpdateUser { id: &id, email, name })
    };
    delete_user(id: String) -> (): |accounts, caller| accounts.delete_user(caller, &id);
    change_password(current: String, new: String) -> (): |accounts, caller|
        accounts.change_password(caller, ChangePassword { current: &current, new: &new });
    sign_out(everywhere: bool) -> (): |accounts, caller| accounts.sign_out(caller, everywhere);
    list_users(page: types::PageRequest) -> users::UserPage: |accounts, caller|
        accounts.list_users(caller, page.size, &page.token);
    revoke_user(id: String) -> (): |accounts, caller| accounts.revoke_user(caller, &id);
    set_roles(id: String, roles: Vec<String>) -> users::User: |accounts, caller|
        accounts.set_roles(caller, &id, &roles);
    check_session(token: users::Token) -> users::TokenStatus: |accounts, caller| {
        let token = CheckSession {
            user_id: &token.user_id,
            epoch: token.epoch,
            session_id: token.session.as_deref(),
            issued_at: token.issued_at.map(kernel::Timestamp::from_unix_micros),
            admin: token.admin,
        };
        accounts.check_session(caller, token)
    };
    list_user_events(limit: i32) -> Vec<users::UserEvent>: |accounts, caller| async {
        let events = accounts.list_user_events(caller, limit).await?;
        Ok::<Vec<_>, Error>(events.into_iter().map(users::UserEvent::from).collect())
    };
    acknowledge_user_events(ids: Vec<String>) -> (): |accounts, caller|
        accounts.acknowledge_user_events(caller, &ids);
}

conversions! {
    users::TokenStatus = |status: domain::TokenStatus| users::TokenStatus { valid: status.is_valid, admin: status.is_admin };
    users::UserEvent = |event: domain::UserEvent| users::UserEvent {
        id: event.id.to_string(),
        kind: match event.kind {
            domain::UserEventKind::Deleted => users::UserEventKind::Deleted,
        },
        user_id: event.user.to_string(),
        occurred_at: event.occurred_at.unix_micros(),
    };
    users::UserPage = |page: kernel::Page<domain::User>| users::UserPage {
        users: page.items.into_iter().map(users::User::from).collect(),
        next_page_token: page.next.map(|token| token.encode()).unwrap_or_default(),
    };
    users::User = |user: domain::User| users::User {
        id: user.id.to_string(),
        email: user.email.as_str().into(),
        name: user.name.as_str().into(),
        roles: user.roles,
        created_at: user.created_at.unix_micros(),
        updated_at: user.updated_at.unix_micros(),
    };
}
