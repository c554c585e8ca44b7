//! `/ready` of a service with a database: whether the database answers.

use connect::Body;
use http::{Method, Response, StatusCode};

use web::{
    request_id::RequestIds,
    response::{method_not_allowed, text},
};

use crate::{log, postgres::Database};

/// Answers a GET: 200 `Ready` if the database whose address is in this variable answers, otherwise 503 `Not ready:
/// postgres`. The bff passes that on.
pub async fn answer(method: &Method, variable: &'static str) -> Response<Body> {
    if method != Method::GET {
        return method_not_allowed("GET, HEAD");
    }
    match ping(variable).await {
        Ok(()) => text(StatusCode::OK, "Ready"),
        Err(cause) => {
            log::error(RequestIds::NONE, format_args!("not ready: {cause}"));
            text(StatusCode::SERVICE_UNAVAILABLE, "Not ready: postgres")
        }
    }
}

async fn ping(variable: &'static str) -> Result<(), String> {
    let database = Database::from_variable(variable)
        .await
        .map_err(|error| error.to_string())?;
    database
        .read("select 1", &[])
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}
