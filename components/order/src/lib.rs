//! The order service: carts and orders.
//!
//! This file is the door: it wires HTTP and the WIT export to the use cases, and nothing else.

mod calls;
mod domain;
mod product;
mod reconciler;
mod relay;
mod rpc;
mod service;
mod store;
mod user;
mod watch;
mod wit;

use std::rc::Rc;

use api::order::v1::OrderServiceServer;
use connect::{Body, Router};
use http::{Request, Response};
use product::Remote;
use rpc_adapters::service_tokens::ServiceTokens;
use service::StoreError;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};
use store::Postgres;

/// The variable with the database's address.
const DATABASE: &str = "database_url";

/// The use cases as this component runs them.
type Shop = service::Shop<Postgres, Remote>;

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(OrderServiceServer::new(rpc::Rpc))
            .intercept(ServiceTokens::new("order", &[("bff", "bff_service_keys")]))
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE).await,
        reconciler::PATH => reconciler::answer(&request).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

/// The use cases over the database that `spin.toml` grants and the product component.
async fn shop(product: Remote) -> Result<Shop, StoreError> {
    let database = Database::from_variable(DATABASE).await;
    let database = database.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Shop::new(Postgres(database), product))
}
