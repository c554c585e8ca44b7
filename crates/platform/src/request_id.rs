//! `X-Request-ID`: one name for a request in the answer, in every component it passes through and in every log line. A component
//! that the outside reaches gives it.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::rpc;

/// The header, in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static(rpc::X_REQUEST_ID);

/// The longest id that is kept, in bytes.
const MOST: usize = 128;

/// The caller's id, if it is sane, or a new UUID. Only letters, digits, `.`, `_` and `-` are: an id goes into logs and
/// into the headers of other components.
pub fn of(headers: &HeaderMap) -> HeaderValue {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(id), None) if is_sane(id.as_bytes()) => id.clone(),
        _ => new(),
    }
}

fn new() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

fn is_sane(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MOST).contains(&id.len()) && id.iter().all(allowed)
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
    fn a_sane_id_is_kept() {
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
    fn any_other_is_replaced_by_a_new_uuid() {
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
