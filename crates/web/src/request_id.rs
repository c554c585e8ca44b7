//! `X-Request-ID` and `traceparent`: the ids of a request and of its trace. They are in the answer, in the requests to other
//! components and in every line of the log. The first component that a request reaches chooses the request id.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header, in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of a trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What tracing systems add to `traceparent`.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest id that is accepted from a client, in bytes.
const MAX_LENGTH: usize = 128;

/// The ids that a log line has, so that all lines about one request can be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestIds<'a> {
    /// The request's id; empty outside of a request.
    pub request_id: &'a str,
    /// The id of the trace that the request is part of; empty without a trace.
    pub trace_id: &'a str,
}

impl<'a> RequestIds<'a> {
    /// For work that belongs to no request.
    pub const NONE: Self = Self {
        request_id: "",
        trace_id: "",
    };

    /// The ids in a request's headers.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let text = |value: Option<&'a HeaderValue>| value.and_then(|value| value.to_str().ok());
        let trace = text(headers.get(TRACEPARENT)).unwrap_or_default();
        Self {
            request_id: text(headers.get(X_REQUEST_ID)).unwrap_or_default(),
            trace_id: trace.split('-').nth(1).unwrap_or_default(),
        }
    }
}

/// The request's id: the client's, if it is valid, else a new UUID. Valid are letters, digits, `.`, `_` and `-`, 128 at most, because
/// the id goes into logs and into the headers of other requests.
pub fn of(headers: &HeaderMap) -> HeaderValue {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(id), None) if is_valid(id.as_bytes()) => id.clone(),
        _ => new(),
    }
}

fn new() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

fn is_valid(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[&[u8]]) -> HeaderMap {
        values
            .iter()
            .map(|value| (X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn log_lines_have_the_ids_that_the_request_has() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            RequestIds::of(&headers),
            RequestIds::NONE,
            "a request without ids"
        );
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("r1"));
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert(TRACEPARENT, HeaderValue::from_static(trace));
        let ids = RequestIds::of(&headers);
        assert_eq!(
            (ids.request_id, ids.trace_id),
            ("r1", "4bf92f3577b34da6a3ce929d0e0e4736")
        );
    }

    #[test]
    fn a_valid_id_is_kept() {
        for id in [
            "a",
            "0190163d-8694-739b-aea5-966c26f8ad91",
            "trace_1.2",
            &"x".repeat(128),
        ] {
            assert_eq!(of(&given(&[id.as_bytes()])), id);
        }
    }

    #[test]
    fn an_invalid_id_is_replaced_by_a_new_uuid() {
        let long = "x".repeat(129);
        let refused: [&[&[u8]]; 7] = [
            &[],
            &[b""],
            &[b"a b"],
            &[b"a\tb"],
            &["日本".as_bytes()],
            &[long.as_bytes()],
            &[b"one", b"two"],
        ];
        for values in refused {
            let id = of(&given(values));
            assert!(
                Uuid::parse_str(id.to_str().unwrap()).is_ok(),
                "{values:?} became {id:?}"
            );
        }
        assert_ne!(of(&given(&[])), of(&given(&[])), "each is new");
    }
}
