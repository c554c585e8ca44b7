//! The product service: the catalogue and its stock.
//!
//! This file only connects HTTP and the WIT exports to the use cases. There are two topics with the same modules: the
//! catalogue, for clients, and the inventory, for the order component.

mod catalogue;
mod inventory;
mod wit;

use std::rc::Rc;

use api::product::v1::{InventoryServiceServer, ProductServiceServer};
use catalogue::service::Catalogue;
use connect::{Body, Router};
use http::{Request, Response};
use inventory::service::Inventory;
use rpc_adapters::service_tokens::ServiceTokens;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};
use wit::{Component, Provide};

/// The variable with the address of the database.
const DATABASE_URL: &str = "database_url";

const CATALOGUE: Catalogue<catalogue::store::Postgres> =
    Catalogue::new(catalogue::store::Postgres(Database::new(DATABASE_URL)));

const INVENTORY: Inventory<inventory::store::Postgres> =
    Inventory::new(inventory::store::Postgres(Database::new(DATABASE_URL)));

/// The components that may call, each with the variable for its keys. The contract defines which methods each may call.
const CALLERS: ServiceTokens = ServiceTokens::new(
    "product",
    &[("bff", "bff_service_keys"), ("order", "order_service_keys")],
);

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(ProductServiceServer::new(catalogue::rpc::Rpc(CATALOGUE)))
            .service(InventoryServiceServer::new(inventory::rpc::Rpc(INVENTORY)))
            .intercept(CALLERS)
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE_URL).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

impl Provide for Component {
    fn catalogue() -> Catalogue<catalogue::store::Postgres> {
        CATALOGUE
    }

    fn inventory() -> Inventory<inventory::store::Postgres> {
        INVENTORY
    }
}
