//! Responses that the host itself gives if no component answers.
//!
//! Pages of every origin may read them (the Fetch standard's CORS): a script learns that it has to try again, or that
//! its body is too large, instead of a network error. They contain no data of a user.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::bad_request::BadRequest;

use crate::limits::RETRY_AFTER;
use crate::reply::Reply;

/// A refusal with this text for the client.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::Host(text.into().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("retry-after"),
    );
    response
}

pub(crate) fn bad_request(problem: &BadRequest) -> Response<Reply> {
    text(problem.status(), format!("{problem}\n"))
}

pub(crate) fn too_large(limit: u64) -> Response<Reply> {
    text(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a request's body may have {limit} bytes at most\n"),
    )
}

/// The answer if the host, or the component, has too many requests.
pub(crate) fn busy() -> Response<Reply> {
    later(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many requests at once, try again\n",
    )
}

/// The answer to a client that has too many requests itself.
pub(crate) fn too_many() -> Response<Reply> {
    later(
        StatusCode::TOO_MANY_REQUESTS,
        "your address has too many requests in flight; wait for their answers, and try again\n",
    )
}

fn later(status: StatusCode, cause: &'static str) -> Response<Reply> {
    let mut response = text(status, cause);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, RETRY_AFTER.into());
    response
}
