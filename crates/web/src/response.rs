//! Short responses.

use bytes::Bytes;
use connect::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// A short text for people.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    with_type(
        status,
        HeaderValue::from_static("text/plain; charset=utf-8"),
        body.into(),
    )
}

/// A value as JSON. Empty for a value that JSON cannot express: a map whose keys are no texts.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    with_type(status, HeaderValue::from_static("application/json"), body.into())
}

/// The answer to a method that the path does not take (RFC 9110, section 15.5.6). `allowed` lists those that it takes; HEAD is
/// among them wherever GET is.
pub fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {allowed}"));
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
