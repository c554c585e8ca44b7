//! The errors of responses whose status is not a success.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use super::status;
use crate::code::Code;
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::media::{MediaType, Protocol};
use crate::metadata;

/// The error of a response that is not a success. If the response does not have the form of the protocol, it comes from a proxy
/// between client and server, and only its status has a meaning.
pub(super) fn failure(head: http::response::Parts, body: &[u8]) -> ConnectError {
    let media = head.headers.get(CONTENT_TYPE).and_then(MediaType::parse);
    let status_alone = ConnectError::new(
        Code::from_http_status(head.status),
        format!("HTTP status {}", head.status),
    );
    let said = match media.map(|media| (media.protocol, media.encoding)) {
        Some((Protocol::Unary, Encoding::Json)) => ConnectError::from_json(body, status_alone.clone()).ok(),
        // A gRPC status takes precedence over the HTTP status (gRPC, `http-grpc-status-mapping.md`).
        Some((Protocol::Grpc | Protocol::GrpcWeb, _)) if status::is_among(&head.headers) => {
            return status::read(head.headers).err().unwrap_or(status_alone);
        }
        _ => None,
    };
    let Some(mut error) = said else {
        return without_strangers_headers(status_alone, &head.headers);
    };
    let (headers, trailers) = metadata::split(head.headers);
    metadata::append_all(error.metadata_mut(), &headers);
    metadata::append_all(error.metadata_mut(), &trailers);
    error
}

/// The headers of a proxy do not describe the call, and may be cookies: only `Retry-After` is kept.
fn without_strangers_headers(mut error: ConnectError, headers: &HeaderMap) -> ConnectError {
    if let Some(later) = headers.get(RETRY_AFTER) {
        error.metadata_mut().insert(RETRY_AFTER, later.clone());
    }
    error
}
