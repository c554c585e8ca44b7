//! The client under test of the Connect project's conformance suite: a component that makes the calls in its requests.
//!
//! The body of a request is a `ClientCompatRequest`. The body of the response is the `ClientCompatResponse` to it. Both are
//! in protobuf's binary form (the contract is in `tests/proto`). Only crates/connect and crates/platform are between it and
//! HTTP, so the results of the suite hold for every client that is made with them.

mod call;
mod drive;
pub mod proto;

use connect::Body;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use prost::Message as _;
use spin_adapters::http::Incoming;
use web::response::text;

use crate::proto::v1::client_compat_response::Result as Outcome;
use crate::proto::v1::{ClientCompatRequest, ClientCompatResponse, ClientErrorResult};

/// The maximum size of an order, in bytes: more than the suite ever sends.
const MOST: usize = 4 << 20;

spin_adapters::http_handler!(handle);

async fn handle(request: Request<Incoming>) -> Response<Body> {
    let order = Limited::new(request.into_body(), MOST).collect().await;
    let order = order.map_err(|error| error.to_string());
    let order = order
        .and_then(|order| ClientCompatRequest::decode(order.to_bytes()).map_err(|error| error.to_string()));
    let order = match order {
        Ok(order) => order,
        Err(problem) => return text(StatusCode::BAD_REQUEST, problem),
    };
    let test_name = order.test_name.clone();
    let result = match call::make(order).await {
        Ok(result) => Outcome::Response(result),
        Err(message) => Outcome::Error(ClientErrorResult { message }),
    };
    let response = ClientCompatResponse {
        test_name,
        result: Some(result),
    };
    Response::new(Body::from(bytes::Bytes::from(response.encode_to_vec())))
}
