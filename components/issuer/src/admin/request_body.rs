//! JSON in the body of a request.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Refusal, Result};
use crate::request::HttpRequest;

/// The body as JSON. A text with a NUL character is refused, because Postgres cannot store it.
pub(super) fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| Refusal::Invalid(format!("the body is not JSON: {error}")))?;
    if has_nul(&body) {
        return Err(Refusal::Invalid(
            "the body has a text with a NUL character".into(),
        ));
    }
    convert(body)
}

/// The body as a JSON object. (serde would read a struct from a list, too.)
pub(super) fn object<T: DeserializeOwned>(request: &HttpRequest) -> Result<T> {
    let object: Map<String, Value> = read(request)?;
    convert(object.into())
}

/// Converts a JSON value to a type. The error names the member with a wrong type.
pub(super) fn convert<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        Refusal::Invalid(match path.as_str() {
            "." => format!("the body: {cause}"),
            path => format!("{path:.100}: {cause}"),
        })
    })
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
