//! The product service: the catalogue and its stock.
//!
//! This file is the door: it wires HTTP and the WIT export to the use cases, and nothing else.

mod domain;
mod rpc;
mod service;
mod store;
mod wit;

use std::rc::Rc;

use api::product::v1::ProductServiceServer;
use connect::{Body, Router};
use http::{Request, Response};
use platform::{caller::ServiceTokens, clock, http::Incoming, postgres::Database, ready};
use service::{Catalogue, StoreError};
use store::Postgres;

/// The variable with the database's address.
const DATABASE: &str = "database_url";

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(ProductServiceServer::new(rpc::Rpc))
            .intercept(ServiceTokens::new("product", &[("bff", "bff_service_keys")]))
            .cut_off_after(clock::sleep),
    );
}

platform::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(DATABASE).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

/// The use cases over the database that `spin.toml` grants.
async fn catalogue() -> Result<Catalogue<Postgres>, StoreError> {
    let database = Database::from_variable(DATABASE).await;
    let database = database.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Catalogue::new(Postgres(database)))
}
