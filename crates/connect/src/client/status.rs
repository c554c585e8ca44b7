//! The status of a gRPC call, parsed by a client from the trailers, in HTTP or in gRPC-Web's last envelope.
//!
//! Specifications: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, `PROTOCOL-WEB.md` and
//! `statuscodes.md` beside it.

use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;

use crate::code::Code;
use crate::error::ConnectError;
use crate::grpc::{DETAILS, MESSAGE, STATUS, Status};
use crate::json::kind::decode_base64;
use crate::metadata;

/// Whether a response has its trailers among its headers, if it has no body ("Trailers-Only").
pub(super) fn is_among(headers: &HeaderMap) -> bool {
    headers.contains_key(STATUS)
}

/// The result in the trailers: the trailing metadata of a success, or the error, whose metadata it is.
pub(super) fn read(trailers: HeaderMap) -> Result<HeaderMap, ConnectError> {
    let Some(mut error) = error(&trailers)? else {
        return Ok(metadata::custom(trailers));
    };
    *error.metadata_mut() = metadata::custom(trailers);
    Err(error)
}

/// The error in the trailers. `None` after a success.
fn error(trailers: &HeaderMap) -> Result<Option<ConnectError>, ConnectError> {
    let Some(status) = trailers.get(STATUS) else {
        return Err(ConnectError::internal("the response ended without a status"));
    };
    let message = trailers.get(MESSAGE).map(percent_decode).unwrap_or_default();
    let number = status.to_str().ok().and_then(|status| status.parse().ok());
    let code = match number {
        Some(0) => return Ok(None),
        Some(number) => Code::from_number(number),
        None => None,
    };
    // An unknown status comes from a later version of gRPC. The specification requires that it is read as UNKNOWN.
    let error = ConnectError::new(code.unwrap_or(Code::Unknown), message);
    Ok(Some(
        details(trailers).into_iter().fold(error, ConnectError::with_any),
    ))
}

/// The typed details. Details that cannot be read are left out, because code and message are more important for a
/// caller.
fn details(trailers: &HeaderMap) -> Vec<crate::wkt::Any> {
    let encoded = trailers.get(DETAILS).and_then(|value| value.to_str().ok());
    let bytes = encoded.and_then(decode_base64);
    let status = bytes.and_then(|bytes| Status::decode(&*bytes).ok());
    status.map(|status| status.details).unwrap_or_default()
}

/// The trailers in gRPC-Web's last envelope: lines as HTTP/1.1 has them.
pub(super) fn parse_lines(text: &[u8]) -> Result<HeaderMap, ConnectError> {
    let malformed = || ConnectError::internal("the trailers of the response are not what the protocol says");
    let mut trailers = HeaderMap::new();
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let name = HeaderName::from_bytes(name).map_err(|_| malformed())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| malformed())?;
        trailers.append(name, value);
    }
    Ok(trailers)
}

/// Decodes `Percent-Encoded` of the gRPC specification. An invalid escape is kept unchanged, as the specification requires:
/// a message that is partly wrong is better than none.
fn percent_decode(value: &HeaderValue) -> String {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| first == b'%').and_then(hexadecimal);
        decoded.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn status_is_read_with_its_message_and_metadata() {
        let success = read(trailers(&[("grpc-status", "0"), ("x-cost", "7")])).unwrap();
        assert_eq!(
            success,
            trailers(&[("x-cost", "7")]),
            "the status itself is no metadata"
        );

        let failed = [
            ("grpc-status", "5"),
            ("grpc-message", "no %E5%95%86 100%"),
            ("x-cost", "7"),
        ];
        let error = read(trailers(&failed)).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::NotFound, "no 商 100%"));
        assert_eq!(error.metadata(), &trailers(&[("x-cost", "7")]));
    }

    #[test]
    fn invalid_status_has_a_code_too() {
        let code = |pairs: &[_]| read(trailers(pairs)).unwrap_err().code();
        assert_eq!(code(&[("grpc-message", "x")]), Code::Internal, "no status");
        assert_eq!(code(&[("grpc-status", "17")]), Code::Unknown, "no such code");
        assert_eq!(code(&[("grpc-status", "-1")]), Code::Unknown, "no number");
        assert_eq!(code(&[("grpc-status", "")]), Code::Unknown, "an empty one");
    }

    #[test]
    fn details_that_cannot_be_read_do_not_hide_the_error() {
        for wrong in ["!", "AAAA", "/w"] {
            let pairs = [("grpc-status", "9"), ("grpc-status-details-bin", wrong)];
            let error = read(trailers(&pairs)).unwrap_err();
            assert_eq!(error.code(), Code::FailedPrecondition, "{wrong:?}");
            assert!(error.details().is_empty(), "{wrong:?}");
        }
    }

    #[test]
    fn lines_of_trailers_are_parsed() {
        let parsed = parse_lines(b"Grpc-Status: 9\r\nx-a:1\r\nX-A:  2 \r\nempty:\r\n").unwrap();
        assert_eq!(parsed["grpc-status"], "9", "names are compared without case");
        assert_eq!(parsed["empty"], "");
        let both: Vec<_> = parsed.get_all("x-a").iter().collect();
        assert_eq!(both, ["1", "2"], "values of one name are kept in their order");
        for wrong in ["no colon\r\n", ": no name\r\n", "na me: x\r\n", "x: \0\r\n"] {
            assert!(parse_lines(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
