//! A component that only answers "hello".
//!
//! `cargo xtask bench` measures the platform beside it: what one trip through the host costs before any work is done.

use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

#[http_service]
async fn hello(_request: Request) -> impl IntoResponse {
    "hello"
}
