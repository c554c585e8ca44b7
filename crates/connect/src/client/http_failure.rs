//! What a response that is no success means.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use super::status;
use crate::code::Code;
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::media::{MediaType, Protocol};
use crate::metadata;

/// The error of a response that is not a success. One that is not in the shape of a protocol comes from something between
/// client and server, and has only its status to tell.
pub(super) fn failure(head: http::response::Parts, body: &[u8]) -> ConnectError {
    let media = head.headers.get(CONTENT_TYPE).and_then(MediaType::parse);
    let status_alone = ConnectError::new(
        Code::from_http_status(head.status),
        format!("HTTP status {}", head.status),
    );
    let said = match media.map(|media| (media.protocol, media.encoding)) {
        Some((Protocol::Unary, Encoding::Json)) => ConnectError::from_json(body, status_alone.clone()).ok(),
        // A status of gRPC's counts, whatever that of HTTP is (gRPC, `http-grpc-status-mapping.md`).
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

/// The headers of something in between say nothing about the call, and may be cookies: only when to come back is kept.
fn without_strangers_headers(mut error: ConnectError, headers: &HeaderMap) -> ConnectError {
    if let Some(later) = headers.get(RETRY_AFTER) {
        error.metadata_mut().insert(RETRY_AFTER, later.clone());
    }
    error
}
