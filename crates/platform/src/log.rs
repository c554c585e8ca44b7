//! What a component has to say to its operators: lines on standard error, which the host writes to its log with the
//! component's name.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::rpc::X_REQUEST_ID;

/// The header of a trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What ties a line to the request that it is about, in every component that the request passes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The request's id; empty outside of one.
    pub request_id: &'a str,
    /// The id of the trace that the request is part of; empty outside of one.
    pub trace_id: &'a str,
}

impl<'a> Names<'a> {
    /// For what belongs to no request.
    pub const NONE: Self = Self {
        request_id: "",
        trace_id: "",
    };

    /// The names that a request has in its headers.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let text = |value: Option<&'a http::HeaderValue>| value.and_then(|value| value.to_str().ok());
        let trace = text(headers.get(TRACEPARENT)).unwrap_or_default();
        Self {
            request_id: text(headers.get(X_REQUEST_ID)).unwrap_or_default(),
            trace_id: trace.split('-').nth(1).unwrap_or_default(),
        }
    }
}

/// Something failed that should not have, and a caller was told no more than its code.
pub fn error(names: Names<'_>, cause: impl fmt::Display) {
    eprintln!("{}", line("ERROR", names, cause));
}

/// Something that an operator may want to know, and that needs nobody.
pub fn info(names: Names<'_>, event: impl fmt::Display) {
    eprintln!("{}", line("INFO", names, event));
}

/// One line, whatever the cause contains: a line break in it would let a caller's text pass for a line of the log.
fn line(level: &str, names: Names<'_>, cause: impl fmt::Display) -> String {
    let Names { request_id, trace_id } = names;
    let text = format!("{level} request_id={request_id} trace_id={trace_id} {cause}");
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cause_never_begins_a_line_of_its_own() {
        let names = Names {
            request_id: "r1",
            trace_id: "t1",
        };
        assert_eq!(
            line("ERROR", names, "first\nERROR forged\x1b[2J"),
            "ERROR request_id=r1 trace_id=t1 first ERROR forged [2J"
        );
    }

    #[test]
    fn a_line_has_the_names_that_the_request_has() {
        let mut headers = HeaderMap::new();
        assert_eq!(Names::of(&headers), Names::NONE, "a request without names");
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("r1"));
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert(TRACEPARENT, HeaderValue::from_static(trace));
        let names = Names::of(&headers);
        assert_eq!(
            (names.request_id, names.trace_id),
            ("r1", "4bf92f3577b34da6a3ce929d0e0e4736")
        );
    }
}
