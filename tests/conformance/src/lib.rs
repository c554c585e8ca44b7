//! A component for tests of clients. Its requests define its answers: the contract is in `tests/proto`.
//!
//! Only crates/connect is between it and HTTP, so a test of a client with this component is a test with that crate.

pub mod proto;
mod service;

use connect::{Body, Limits, Router};
use http::{Request, Response, StatusCode};
use spin_adapters::http::Incoming;
use spin_adapters::{clock, variables};
use web::response::text;

use crate::proto::v1::ConformanceServiceServer;
use crate::proto::{testing, v1};
use crate::service::Conformance;

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    let limits = match message_bytes().await {
        Ok(request_bytes) => Limits {
            request_bytes,
            ..Limits::default()
        },
        Err(problem) => return text(StatusCode::INTERNAL_SERVER_ERROR, problem),
    };
    let router = Router::new()
        .service(ConformanceServiceServer::new(Conformance))
        .types(v1::TYPES)
        .types(testing::TYPES)
        .limits(limits)
        .cut_off_after(clock::sleep);
    router.handle(request).await
}

/// The maximum size of a message, from the variable. Zero means the default of the protocol layer.
async fn message_bytes() -> Result<usize, String> {
    let told = variables::get("message_bytes").await;
    let told = told.map_err(|error| error.to_string())?;
    match told.parse() {
        Ok(0) => Ok(Limits::default().request_bytes),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err("the variable message_bytes must be a number of bytes".into()),
    }
}
