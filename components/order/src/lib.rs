//! The order service: carts and orders. This file only wires HTTP and the WIT export to the use cases.

mod calls;
mod domain;
mod messages;
mod product;
mod reconciler;
mod relay;
mod rpc;
mod service;
mod store;
mod user;
mod watch;
mod wit;

use std::{rc::Rc, time::Instant};

use api::order::v1::OrderServiceServer;
use connect::{Body, Router};
use http::{HeaderMap, Request, Response};
use kernel::Caller;
use product::Remote;
use rpc_adapters::service_tokens::ServiceTokens;
use service::Shop;
use spin_adapters::{clock, http::Incoming, postgres::Database, ready};
use store::Postgres;

/// The variable with the address of the database.
const DATABASE_URL: &str = "database_url";

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(OrderServiceServer::new(rpc::Rpc(new_shop)))
            .intercept(ServiceTokens::new("order", &[("bff", "bff_service_keys")]))
            .cut_off_after(clock::sleep),
    );
}

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/ready" => ready::answer(request.method(), DATABASE_URL).await,
        reconciler::PATH => reconciler::answer(&request, new_shop).await,
        _ => ROUTER.with(Rc::clone).handle(request).await,
    }
}

impl wit::Provide for wit::Component {
    const NEW_SHOP: rpc::NewShop = new_shop;
}

/// The use cases over the database that `spin.toml` grants, and over the product component. Calls of the product component
/// are made on behalf of this caller and end at this deadline.
fn new_shop(caller: &Caller, headers: &HeaderMap, deadline: Option<Instant>) -> Shop<Postgres, Remote> {
    let product = Remote::for_request(caller, headers, deadline);
    Shop::new(Postgres(Database::new(DATABASE_URL)), product)
}
