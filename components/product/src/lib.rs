//! The product service: the catalogue and its stock.
//!
//! This file is the door: it wires HTTP and the WIT exports to the use cases, and nothing else. Behind it are two topics
//! with the same rooms each: the catalogue, for people, and the inventory, for the order component.

mod catalogue;
mod inventory;
mod store;
mod wit;

use std::rc::Rc;

use api::product::v1::{InventoryServiceServer, ProductServiceServer};
use catalogue::service::Catalogue;
use connect::{Body, Router};
use http::{Request, Response};
use inventory::service::Inventory;
use rpc_adapters::service_tokens::ServiceTokens;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};
use store::StoreError;

/// The variable with the database's address.
const DATABASE: &str = "database_url";

/// The components that may call, each with the variable that has its keys. The contract says which methods each may call.
const CALLERS: ServiceTokens = ServiceTokens::new(
    "product",
    &[("bff", "bff_service_keys"), ("order", "order_service_keys")],
);

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(ProductServiceServer::new(catalogue::rpc::Rpc))
            .service(InventoryServiceServer::new(inventory::rpc::Rpc))
            .intercept(CALLERS)
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

/// The use cases of the catalogue over the database that `spin.toml` grants.
async fn catalogue() -> Result<Catalogue<catalogue::store::Postgres>, StoreError> {
    Ok(Catalogue::new(catalogue::store::Postgres(database().await?)))
}

/// The use cases of the inventory over the same database.
async fn inventory() -> Result<Inventory<inventory::store::Postgres>, StoreError> {
    Ok(Inventory::new(inventory::store::Postgres(database().await?)))
}

async fn database() -> Result<Database, StoreError> {
    let database = Database::from_variable(DATABASE).await;
    database.map_err(|error| StoreError::Failed(error.to_string()))
}
