//! Shared parts of HTTP adapters, over the types of the `http` crate: bearer tokens, cookies, client addresses, request ids,
//! challenges, short responses and the headers of calls between components.
//!
//! All functions are pure functions of headers and values. The crate does not depend on a host, a database or one of our
//! services.

pub mod bearer;
pub mod challenge;
pub mod client_address;
pub mod constant_time;
pub mod cookie;
pub mod outgoing_call;
pub mod request_id;
pub mod response;

use http::{HeaderMap, header};

/// Whether the body is a form (`application/x-www-form-urlencoded`), by its one `Content-Type`. Parameters of the media type
/// are ignored, whatever bytes they contain.
pub fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let kind = kind
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    kind.trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_one_content_type_of_a_form_is_a_form() {
        let form = b"application/x-www-form-urlencoded";
        for (kinds, expected) in [
            (&[&form[..]][..], true),
            (&[b"Application/X-WWW-Form-Urlencoded; charset=utf-8"], true),
            (&[b"application/x-www-form-urlencoded ; x=\"caf\xe9\""], true),
            (&[b"text/plain"], false),
            (&[b"application/json"], false),
            (&[form, b"application/json"], false),
            (&[], false),
        ] {
            let value = |kind: &&[u8]| HeaderValue::from_bytes(kind).expect("a header's value");
            let headers = kinds.iter().map(|kind| (header::CONTENT_TYPE, value(kind)));
            assert_eq!(is_form(&headers.collect()), expected, "{kinds:?}");
        }
    }
}
