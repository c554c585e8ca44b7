//! `POST /http {"url"}` sends a GET; `GET /variable?name=NAME` reads a variable.

use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spin_sdk::http::{EmptyBody, send};
use spin_sdk::variables;

use crate::text;

pub(crate) async fn http(request: Value) -> Result<Value, String> {
    let request = Request::get(text(&request, "url")?)
        .body(EmptyBody::new())
        .map_err(|error| error.to_string())?;
    let response = match send(request).await {
        Ok(response) => response,
        Err(error) => return Ok(json!({ "error": format!("{error:?}") })),
    };
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    Ok(json!({ "status": status, "body": String::from_utf8_lossy(&body.to_bytes()) }))
}

pub(crate) async fn variable(name: &str) -> Result<Value, String> {
    Ok(match variables::get(name).await {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    })
}
