//! The answers of a server to unary calls of the Connect protocol: <https://connectrpc.com/docs/protocol>, "Unary RPCs".

use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::code::Code;
use crate::compression::Compression;
use crate::context::Context;
use crate::descriptor::{MethodDescriptor, MethodKind};
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::media::{MediaType, Protocol};
use crate::metadata;
use crate::reply::Reply;

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// The media type of errors, for every encoding of the call.
const JSON: MediaType = MediaType {
    protocol: Protocol::Unary,
    encoding: Encoding::Json,
};

/// The answer to an HTTP method that the called method does not allow. The code is the one that clients derive from the status.
pub(crate) fn wrong_http_method(
    method: &MethodDescriptor,
    allowed: &'static str,
    spoken: Option<Protocol>,
) -> Response<Body> {
    let MethodDescriptor { service, name, .. } = method;
    let mut error = ConnectError::new(Code::Unknown, format!("{service}/{name} is called by {allowed}"));
    error
        .metadata_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    refuse(StatusCode::METHOD_NOT_ALLOWED, error, spoken)
}

/// The answer to a media type that methods of this kind do not accept.
pub(crate) fn wrong_media_type(kind: MethodKind, spoken: Option<Protocol>) -> Response<Body> {
    let advice = match kind {
        MethodKind::Unary => "send application/json or application/proto",
        MethodKind::ServerStreaming | MethodKind::ClientStreaming | MethodKind::BidiStreaming => {
            "send application/connect+json or application/connect+proto"
        }
    };
    let mut error = ConnectError::new(Code::Unknown, format!("unknown media type: {advice}"));
    error.metadata_mut().insert(ACCEPT_POST, MediaType::list(kind));
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, error, spoken)
}

/// An error for a request that is not a call, with the matching HTTP status. It is in JSON for clients of Connect's unary
/// protocol. All other clients read the status, and the text is for people.
pub(crate) fn refuse(
    status: StatusCode,
    mut error: ConnectError,
    spoken: Option<Protocol>,
) -> Response<Body> {
    let mut response = match spoken {
        Some(Protocol::Unary) => respond(JSON, Compression::Identity, Err(error), Context::default()),
        _ => {
            let text = format!("{}\n", error.message());
            let mut headers = std::mem::take(error.metadata_mut());
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            );
            headers.insert(CONTENT_LENGTH, text.len().into());
            let mut response = Response::new(Body::full(text));
            *response.headers_mut() = headers;
            response
        }
    };
    *response.status_mut() = status;
    response
}

/// The response for the result of a method, with the metadata in the context.
pub(crate) fn respond(
    media: MediaType,
    compression: Compression,
    result: Result<Reply, ConnectError>,
    context: Context,
) -> Response<Body> {
    let mut headers = context.response_headers;
    let (status, content_type, body) = match result.and_then(Reply::only) {
        Ok(message) => (StatusCode::OK, media.header(), message),
        Err(mut error) => {
            metadata::append_all(&mut headers, &std::mem::take(error.metadata_mut()));
            (error.code().http_status(), JSON.header(), error.to_json())
        }
    };
    metadata::append_trailers(&mut headers, &context.response_trailers);
    metadata::remove_framing(&mut headers);
    headers.insert(CONTENT_TYPE, content_type);
    let packed = compression.pack(&body);
    if let (Some(_), Some(name)) = (&packed, compression.name()) {
        headers.insert(CONTENT_ENCODING, name);
    }
    let body = packed.unwrap_or(body);
    // The length is known here. A server that only gets the body as a stream would send chunks.
    headers.insert(CONTENT_LENGTH, body.len().into());
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Shows caches that a request with another `Accept-Encoding` may get other bytes.
pub(crate) fn vary(response: &mut Response<Body>) {
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("accept-encoding"));
}
