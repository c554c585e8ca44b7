//! The edge: browsers and apps call it, and it calls the services. It verifies tokens, limits rates and routes requests. It has
//! no business logic and no database.
//!
//! This file is the entry point. It only connects paths with their handlers.

mod access;
mod admission;
mod bearer;
mod cors;
mod edge;
mod health;
mod ready;
mod rpc;
mod settings;
mod signing_keys;
mod token_status;
mod trace;
mod users;

use connect::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use spin_adapters::{http::Incoming, log, variables};
use web::{
    request_id::{self, RequestIds, X_REQUEST_ID},
    response::{method_not_allowed, text},
};

use crate::ready::Readiness;

spin_adapters::http_handler!(handle);

async fn handle(mut request: Request<Incoming>) -> Response<Body> {
    let id = request_id::of(request.headers());
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    trace::keep_or_begin(request.headers_mut());
    let origin = allowed_origin(request.headers()).await;

    let mut response = match cors::is_preflight(request.method(), request.headers()) {
        true => preflight(origin.is_some()),
        false => answer(request).await,
    };

    cors::grant(origin, response.headers_mut());
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    match (request.uri().path(), request.method()) {
        ("/health", &Method::GET) => text(StatusCode::OK, "OK"),
        ("/ready", &Method::GET) => {
            let (status, body) = Readiness::ask().await.answer();
            text(status, body)
        }
        ("/health" | "/ready", _) => method_not_allowed("GET, HEAD"),
        _ => rpc::router().handle(request).await,
    }
}

fn preflight(allowed: bool) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if allowed {
        cors::grant_preflight(response.headers_mut());
    }
    response
}

/// The request's origin, if it is allowed. If the variable cannot be read, no origin is allowed: this is logged, and
/// the request proceeds.
async fn allowed_origin(headers: &HeaderMap) -> Option<HeaderValue> {
    match variables::get("allowed_origins").await {
        Ok(origins) => cors::allowed_origin(&origins, headers),
        Err(error) => {
            log::error(RequestIds::of(headers), error);
            None
        }
    }
}
