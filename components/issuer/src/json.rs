//! JSON that the issuer stores unread, for the adapters.

use serde_json::{Map, Value};

use crate::domain::json::Json;

/// A value that is stored unread. `null` stands for the empty object.
pub(crate) fn unread(value: &Value) -> Json {
    match value {
        Value::Null => Json::default(),
        value => Json::new(value.to_string()),
    }
}

/// The value of a text that was JSON when it was received.
pub(crate) fn value(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap_or_default()
}

/// The members of a text that was a JSON object when it was received.
pub(crate) fn members(json: &Json) -> Map<String, Value> {
    serde_json::from_str(json.as_str()).unwrap_or_default()
}
