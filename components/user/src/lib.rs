//! The user service: accounts, and the pages for signing in to them.
//!
//! This file connects HTTP and the WIT export to the use cases.

mod accounts;
mod login;

use std::rc::Rc;

use accounts::{
    argon2id::Argon2id,
    rpc::AccountsRpc,
    service::{Accounts, Ports},
    store::PostgresAccounts,
    wit,
};
use api::user::v1::{SessionServiceServer, UserEventServiceServer, UserServiceServer};
use connect::{Body, Router};
use http::{Request, Response};
use login::{
    FallbackCounter, KeyedAttempts, PostgresLogins, RedisCounter, RevocationNotifier, pages, refresh_hook,
    service::{LoginPorts, Logins},
};
use rpc_adapters::service_tokens::ServiceTokens;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};

/// The variable with the database's address.
const DATABASE: &str = "database_url";

/// The components that may call, each with the variable for its keys. The contract defines which methods each may call.
const CALLERS: ServiceTokens = ServiceTokens::new(
    "user",
    &[("bff", "bff_service_keys"), ("order", "order_service_keys")],
);

/// The adapters that this component runs on.
struct Adapters;

impl Ports for Adapters {
    type Store = PostgresAccounts;
    type Hasher = Argon2id;
    type Revocations = RevocationNotifier;
}

impl LoginPorts for Adapters {
    type Logins = PostgresLogins;
    type Attempts = KeyedAttempts<FallbackCounter<RedisCounter, PostgresLogins>>;
}

impl wit::AccountsProvider for Adapters {
    /// The use cases over the database and the Redis that `spin.toml` grants.
    fn accounts() -> Accounts<Self> {
        let store = PostgresAccounts(Database::new(DATABASE));
        Accounts::new(store, Argon2id, RevocationNotifier)
    }
}

fn rpc() -> AccountsRpc<Adapters> {
    AccountsRpc {
        accounts: wit::AccountsProvider::accounts(),
    }
}

fn logins() -> Logins<Adapters> {
    let store = PostgresLogins(Database::new(DATABASE));
    let counter = FallbackCounter {
        first: RedisCounter,
        second: store,
    };
    Logins::new(wit::AccountsProvider::accounts(), store, KeyedAttempts(counter))
}

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(UserServiceServer::new(rpc()))
            .service(SessionServiceServer::new(rpc()))
            .service(UserEventServiceServer::new(rpc()))
            .intercept(CALLERS)
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

#[allow(unsafe_code, reason = "the macro makes the export of the WIT interface")]
mod export {
    use super::{Adapters, wit};

    type Export = wit::UsersExport<Adapters>;

    wit::bindings::export!(Export with_types_in super::wit::bindings);
}

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE).await,
        refresh_hook::PATH => refresh_hook::answer(request, &logins()).await,
        path if path.starts_with("/oauth2/") => pages::answer(request, &logins()).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}
