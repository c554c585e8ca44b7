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

/// A value as JSON. The value has to be one that JSON can hold: text keys, finite numbers. For any other the body is empty.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_have_their_type_and_length() {
        for (response, kind, length) in [
            (text(StatusCode::OK, "商い"), "text/plain; charset=utf-8", "6"),
            (
                super::json(StatusCode::OK, &json!({"a": 1})),
                "application/json",
                "7",
            ),
        ] {
            assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
            assert_eq!(response.headers()[header::CONTENT_LENGTH], length, "{kind}");
        }
        let refused = method_not_allowed("GET, HEAD");
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[header::ALLOW], "GET, HEAD");
    }
}
