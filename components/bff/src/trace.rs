//! `traceparent` (W3C Trace Context): one trace for a request in all components that it passes.

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;
use web::request_id::{TRACEPARENT, TRACESTATE};

/// The longest `tracestate` that is kept, in bytes: section 3.3.1.5 requires that much.
const MAX_STATE_BYTES: usize = 512;

/// Keeps the caller's trace if it is valid, and begins a new one otherwise. `tracestate` is kept only together with the
/// `traceparent` that it belongs to.
pub(crate) fn keep_or_begin(headers: &mut HeaderMap) {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let is_kept = match (given.next(), given.next()) {
        (Some(one), None) => is_valid(one.as_bytes()),
        _ => false,
    };
    if !is_kept {
        headers.insert(TRACEPARENT, begin());
    }
    let fits = |state: &HeaderValue| state.len() <= MAX_STATE_BYTES;
    if !is_kept || !headers.get(TRACESTATE).is_some_and(fits) {
        headers.remove(TRACESTATE);
    }
}

/// Section 3.2.2: version, trace id, parent id and flags, in lower-case hexadecimal digits, no id all zeros. Only the
/// beginning of later versions is specified.
fn is_valid(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|byte| *byte == b'-').collect();
    let [version, trace, parent, flags, rest @ ..] = &parts[..] else {
        return false;
    };
    let is_hex = |part: &[u8], length| {
        part.len() == length && part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &[u8], length| is_hex(part, length) && part.iter().any(|byte| *byte != b'0');
    is_hex(version, 2)
        && *version != b"ff"
        && (*version != b"00" || rest.is_empty())
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
}

/// A new trace. It is not sampled, because no caller requested that.
fn begin() -> HeaderValue {
    let (trace, parent) = (Uuid::new_v4().simple(), Uuid::new_v4().simple().to_string());
    let value = format!("00-{trace}-{}-00", &parent[..16]);
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let pair = |value: &&str| (TRACEPARENT, HeaderValue::from_str(value).unwrap());
        values.iter().map(pair).collect()
    }

    #[test]
    fn valid_trace_is_kept_with_its_state() {
        for value in [
            GIVEN,
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            let mut headers = headers(&[value]);
            headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
            keep_or_begin(&mut headers);
            assert_eq!(headers[TRACEPARENT], value);
            assert_eq!(headers[TRACESTATE], "a=1");
        }
    }

    #[test]
    fn invalid_trace_is_replaced_by_a_new_one() {
        let wrong: [&[&str]; 8] = [
            &[],
            &[""],
            &["nonsense"],
            &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
            &["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
            &["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"],
            &[GIVEN, GIVEN],
        ];
        for values in wrong {
            let mut headers = headers(values);
            headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
            keep_or_begin(&mut headers);
            let value = &headers[TRACEPARENT];
            assert!(
                is_valid(value.as_bytes()) && value != GIVEN,
                "{values:?} became {value:?}"
            );
            assert!(
                !headers.contains_key(TRACESTATE),
                "the state of another trace is removed"
            );
        }
    }
}
