//! Calls by GET: the message in the query (Connect protocol, "Unary-Get-Request").

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::compression::Compression;
use crate::encoding::Encoding;

/// The query of a call. The parameters have the order that the protocol recommends, so that equal calls have one entry in
/// caches.
pub(super) fn query(encoding: Encoding, compression: Compression, message: &[u8]) -> String {
    let is_text = encoding == Encoding::Json && compression == Compression::Identity;
    let mut query = String::from("connect=v1");
    if !is_text {
        query.push_str("&base64=1");
    }
    if compression == Compression::Gzip {
        query.push_str("&compression=gzip");
    }
    query.push_str("&encoding=");
    query.push_str(encoding.name());
    query.push_str("&message=");
    match is_text {
        true => percent_encode(message, &mut query),
        false => URL_SAFE_NO_PAD.encode_string(message, &mut query),
    }
    query
}

/// Adds bytes to a query. All characters except the unreserved ones (RFC 3986, 2.3) are percent-encoded.
fn percent_encode(bytes: &[u8], query: &mut String) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                query.push(char::from(byte))
            }
            // Writing to a String cannot fail.
            _ => drop(write!(query, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::bytes;

    #[test]
    fn query_of_a_call_by_get_is_read_back_unchanged() {
        let text = r#"{"a":"b c+&=%商"}"#.as_bytes();
        let written = query(Encoding::Json, Compression::Identity, text);
        assert!(
            written.starts_with("connect=v1&encoding=json&message=%7B"),
            "{written}"
        );
        assert_eq!(bytes(&written, "message").as_deref(), Some(text));

        let written = query(Encoding::Proto, Compression::Gzip, b"\xfb\xff\x00");
        assert_eq!(
            written,
            "connect=v1&base64=1&compression=gzip&encoding=proto&message=-_8A"
        );
    }
}
