//! The user component alone, called through the WIT interface that it exports.

mod accounts;
mod admins;
mod revocations;
mod sessions;

use harness::Setup;
use uuid::Uuid;

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::users::{NewUser, Token, User, UserChange, UserEvent, UserPage};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "user-service" });
}

/// An instance of the component, over a database without accounts.
type Service = crate::service::Service<bindings::UserService>;

impl Service {
    async fn start() -> Self {
        Self::of(Setup::new().await).await
    }

    async fn of(setup: Setup) -> Self {
        let bind = |store: &mut _, instance: &_| bindings::UserService::new(store, instance);
        Self::named("user", setup, bind).await
    }

    async fn create(&mut self, email: &str, password: &str, name: &str) -> Result<User, Error> {
        let new = NewUser {
            email: email.to_owned(),
            password: password.to_owned(),
            name: name.to_owned(),
        };
        call!(
            self.akinai_commerce_users()
                .call_create_user(Caller::Anonymous, new)
        )
    }

    /// A new account with the password "correct horse".
    async fn open(&mut self, email: &str) -> User {
        let created = self.create(email, "correct horse", "Hana").await;
        created.expect("the account is made")
    }

    async fn get(&mut self, caller: Caller, id: &str) -> Result<User, Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_get_user(caller, id))
    }

    async fn update(
        &mut self,
        caller: Caller,
        id: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<User, Error> {
        let id = id.to_owned();
        let change = UserChange {
            email: email.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        call!(self.akinai_commerce_users().call_update_user(caller, id, change))
    }

    async fn delete(&mut self, caller: Caller, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_delete_user(caller, id))
    }

    async fn change_password(&mut self, caller: Caller, current: &str, new: &str) -> Result<(), Error> {
        let (current, new) = (current.to_owned(), new.to_owned());
        call!(
            self.akinai_commerce_users()
                .call_change_password(caller, current, new)
        )
    }

    async fn sign_out(&mut self, caller: Caller, everywhere: bool) -> Result<(), Error> {
        call!(self.akinai_commerce_users().call_sign_out(caller, everywhere))
    }

    async fn list(&mut self, caller: Caller, size: i32, token: &str) -> Result<UserPage, Error> {
        let page = PageRequest {
            size,
            token: token.to_owned(),
        };
        call!(self.akinai_commerce_users().call_list_users(caller, page))
    }

    async fn revoke(&mut self, caller: Caller, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_revoke_user(caller, id))
    }

    async fn set_roles(&mut self, caller: Caller, id: &str, roles: &[&str]) -> Result<User, Error> {
        let id = id.to_owned();
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        call!(self.akinai_commerce_users().call_set_roles(caller, id, roles))
    }

    async fn events(&mut self, limit: i32) -> Result<Vec<UserEvent>, Error> {
        call!(
            self.akinai_commerce_users()
                .call_list_user_events(Caller::Anonymous, limit)
        )
    }

    async fn acknowledge(&mut self, ids: &[&str]) -> Result<(), Error> {
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        call!(
            self.akinai_commerce_users()
                .call_acknowledge_user_events(Caller::Anonymous, ids)
        )
    }

    /// Whether a token is valid, and whether it is an admin's.
    async fn check(&mut self, token: Token) -> (bool, bool) {
        let status = call!(
            self.akinai_commerce_users()
                .call_check_session(Caller::Anonymous, token)
        );
        let status = status.expect("the token has all claims");
        (status.valid, status.admin)
    }
}

fn caller(id: &str, scopes: &[Scope]) -> Caller {
    Caller::User(UserCaller {
        id: id.to_owned(),
        scopes: scopes.to_vec(),
        session: None,
    })
}

fn in_session(id: &str, session: &str) -> Caller {
    Caller::User(UserCaller {
        id: id.to_owned(),
        scopes: Vec::new(),
        session: Some(session.to_owned()),
    })
}

fn admin() -> Caller {
    caller(&Uuid::now_v7().to_string(), &[Scope::Admin])
}

/// A token of this epoch that claims nothing else.
fn token(user: &str, epoch: i64) -> Token {
    Token {
        user_id: user.to_owned(),
        epoch: Some(epoch),
        session: None,
        issued_at: None,
        admin: false,
    }
}

/// The result of a call, in a word.
fn word<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(Error::InvalidArgument(violations)) => {
            let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
            format!("invalid: {}", fields.join(", "))
        }
        Err(error) => format!("{error:?}"),
    }
}
