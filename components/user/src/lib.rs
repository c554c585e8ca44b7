//! The user service: accounts, and the pages on which people sign in to them.
//!
//! This file is the door: it wires HTTP and the WIT export to the use cases, and nothing else.

mod attempts;
mod domain;
mod hydra;
mod pages;
mod password;
mod refresh_hook;
mod revocations;
mod rpc;
mod service;
mod store;
mod wit;

use std::rc::Rc;

use api::user::v1::{SessionServiceServer, UserEventServiceServer, UserServiceServer};
use connect::{Body, Router};
use http::{Request, Response};
use password::Argon2id;
use revocations::Marks;
use rpc_adapters::service_tokens::ServiceTokens;
use service::StoreError;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};
use store::Postgres;

/// The variable with the database's address.
const DATABASE: &str = "database_url";

/// The components that may call, each with the variable that has its keys. The contract says which methods each may call.
const CALLERS: ServiceTokens = ServiceTokens::new(
    "user",
    &[("bff", "bff_service_keys"), ("order", "order_service_keys")],
);

/// The use cases as this component runs them.
type Accounts = service::Accounts<Postgres, Argon2id, Marks>;

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(UserServiceServer::new(rpc::Rpc))
            .service(SessionServiceServer::new(rpc::Rpc))
            .service(UserEventServiceServer::new(rpc::Rpc))
            .intercept(CALLERS)
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE).await,
        refresh_hook::PATH => refresh_hook::answer(request).await,
        path if path.starts_with("/oauth2/") => pages::answer(request).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

/// The use cases over the database and the Redis that `spin.toml` grants.
async fn accounts() -> Result<Accounts, StoreError> {
    Ok(Accounts::new(store().await?, Argon2id, Marks))
}

async fn store() -> Result<Postgres, StoreError> {
    let database = Database::from_variable(DATABASE).await;
    let database = database.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Postgres(database))
}
