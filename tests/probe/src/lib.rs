//! A component for tests, whose requests define its actions. It shows what a component can do on the host, and what the host
//! refuses.
//!
//! Each route takes and returns JSON. A refusal by the host is part of the answer, never a failed request.

mod behave;
mod outside;
mod postgres;
mod redis;
mod values;

use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

#[http_service]
async fn probe(request: Request) -> impl IntoResponse {
    let (status, body) = match answer(request).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err(misuse) => (StatusCode::BAD_REQUEST, json!({ "misuse": misuse })),
    };
    (status, body.to_string())
}

/// An error is a mistake in the test that makes the request.
async fn answer(request: Request) -> Result<Value, String> {
    let uri = request.uri().clone();
    match uri.path() {
        "/postgres" => postgres::answer(body(request).await?).await,
        "/redis" => redis::answer(body(request).await?).await,
        "/http" => outside::http(body(request).await?).await,
        "/variable" => {
            outside::variable(
                uri.query()
                    .and_then(|query| query.strip_prefix("name="))
                    .unwrap_or_default(),
            )
            .await
        }
        _ => behave::answer(request).await,
    }
}

async fn body(request: Request) -> Result<Value, String> {
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}

/// The text in a field.
fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value[field]
        .as_str()
        .ok_or_else(|| format!("{field:?} should be a text in {value}"))
}
