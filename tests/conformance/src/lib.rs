//! A component that answers RPCs as its requests tell it to, for tests of clients: the contract is in `tests/proto`.
//!
//! Only crates/connect is between it and HTTP, so what a client makes of it is what a client makes of that crate.

pub mod proto;
mod service;

use std::rc::Rc;

use connect::{Body, Router};
use http::{Request, Response};
use platform::clock;
use platform::http::Incoming;

use crate::proto::v1::ConformanceServiceServer;
use crate::proto::{testing, v1};
use crate::service::Conformance;

thread_local! {
    static ROUTER: Rc<Router> = Rc::new(
        Router::new()
            .service(ConformanceServiceServer::new(Conformance))
            .types(v1::TYPES)
            .types(testing::TYPES)
            .cut_off_after(clock::sleep)
    );
}

platform::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    ROUTER.with(Rc::clone).handle(request).await
}
