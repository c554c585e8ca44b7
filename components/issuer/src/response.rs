//! The responses of the HTTP adapters.

use bytes::Bytes;
use connect::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use spin_adapters::log;

use crate::domain::failure::InternalFailure;
use crate::domain::oauth_error::OAuthError;
use crate::request::HttpRequest;

/// JSON with headers against caching.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_LENGTH, &text.len().to_string());
    set(
        &mut response,
        header::CONTENT_TYPE,
        "application/json;charset=UTF-8",
    );
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::PRAGMA, "no-cache");
    *response.body_mut() = Body::from(Bytes::from(text));
    response
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// The body of an error (RFC 6749, section 5.2).
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// An error of the token endpoint and of the endpoints around it.
pub(crate) fn oauth_error(status: StatusCode, error: &OAuthError) -> Response<Body> {
    let body = ErrorBody {
        error: &error.name,
        error_description: &error.description,
    };
    json(status, &body)
}

/// Redirects the browser with a GET (RFC 9700, section 4.12). The other site gets no referrer, because our address
/// contains codes and challenges.
pub(crate) fn redirect(url: &str) -> Response<Body> {
    let mut response = empty(StatusCode::SEE_OTHER);
    set(&mut response, header::LOCATION, url);
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    set(&mut response, header::CONTENT_LENGTH, "0");
    response
}

/// Logs a failure, and returns the client's status: 503 if a later attempt may succeed.
pub(crate) fn report(failure: &InternalFailure, request: &HttpRequest) -> StatusCode {
    log::error(request.ids(), failure);
    match failure.is_temporary() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Sets a header. A value that is not valid in a header is left out.
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Adds a header. Existing headers of the same name are kept.
pub(crate) fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.append(name, value);
    }
}
