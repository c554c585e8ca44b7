//! What the services' Connect adapters have in common.

use api::google::rpc::{BadRequest, bad_request::FieldViolation};
use connect::{ConnectError, Context, wkt};
use kernel::{Timestamp, Violations};

/// The header that names a request in every component it passes through.
pub const X_REQUEST_ID: &str = "x-request-id";

/// The request's id, for the log; empty where the caller sent none.
pub fn request_id(context: &Context) -> &str {
    context
        .headers
        .get(X_REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
}

/// `invalid_argument` with a `google.rpc.BadRequest` that names every field.
pub fn invalid_argument(violations: &Violations) -> ConnectError {
    let field_violation = |violation: &kernel::FieldViolation| FieldViolation {
        field: violation.field.into(),
        description: violation.description.clone(),
    };
    let detail = BadRequest {
        field_violations: violations.iter().map(field_violation).collect(),
    };
    ConnectError::invalid_argument(violations.to_string()).with_detail(&detail)
}

/// An instant as messages carry it.
pub fn timestamp(at: Timestamp) -> wkt::Timestamp {
    wkt::Timestamp {
        seconds: at.unix_seconds(),
        nanos: at.subsec_nanos(),
    }
}
