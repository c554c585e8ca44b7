//! The answers of a server by gRPC and gRPC-Web.
//!
//! Specifications: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md> and `PROTOCOL-WEB.md` beside it. The
//! two differ in where the status is: in HTTP's trailers, or in a last envelope of the body.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Frame;
use prost::Message as _;

use crate::body::Body;
use crate::compression::Compression;
use crate::context::Context;
use crate::encoding::Encoding;
use crate::envelope::{GRPC_WEB_END, put};
use crate::error::ConnectError;
use crate::media::{MediaType, Protocol};
use crate::reply::Reply;
use crate::{metadata, stream};

pub(crate) const STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// `google.rpc.Status`, which contains an error's details.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<prost_types::Any>,
}

/// The response for the result of a method. Its HTTP status is always 200: the trailers show whether the call failed.
pub(crate) fn respond(
    media: MediaType,
    compression: Compression,
    result: Result<Reply, ConnectError>,
    context: Context,
) -> Response<Body> {
    let trailers = context.response_trailers;
    let end = move |error: Option<ConnectError>| {
        let trailers = with_status(trailers, error.as_ref());
        match media.protocol {
            Protocol::Grpc => Frame::trailers(trailers),
            _ => Frame::data(put(GRPC_WEB_END, &lines(&trailers))),
        }
    };
    let body = stream::body(result, compression, end);
    let body = match media.protocol {
        Protocol::GrpcWebText => in_text(body),
        _ => body,
    };
    let mut response = Response::new(body);
    *response.headers_mut() = stream::head(media, compression, context.response_headers);
    response
}

/// The trailers of a call with this result.
fn with_status(mut trailers: HeaderMap, error: Option<&ConnectError>) -> HeaderMap {
    let Some(error) = error else {
        trailers.insert(STATUS, HeaderValue::from_static("0"));
        return trailers;
    };
    metadata::append_all(&mut trailers, error.metadata());
    trailers.insert(STATUS, error.code().number().into());
    if let Ok(message) = HeaderValue::try_from(percent_encode(error.message())) {
        trailers.insert(MESSAGE, message);
    }
    if !error.details().is_empty()
        && let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(status(error).encode_to_vec()))
    {
        trailers.insert(DETAILS, details);
    }
    trailers
}

fn status(error: &ConnectError) -> Status {
    let details = error.details().iter().map(|detail| prost_types::Any {
        type_url: format!("type.googleapis.com/{}", detail.type_name()),
        value: detail.value().to_vec(),
    });
    Status {
        code: error.code().number().into(),
        message: error.message().to_owned(),
        details: details.collect(),
    }
}

/// Trailers as lines of text, as HTTP/1.1 would have them (gRPC-Web, "Protocol differences").
fn lines(trailers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// `Percent-Encoded` of the gRPC specification: all but printable ASCII, and the percent sign itself.
fn percent_encode(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// The body in base64, in which each piece is encoded separately.
fn in_text(body: Body) -> Body {
    let encode = |frame: Frame<Bytes>| frame.map_data(|data| Bytes::from(STANDARD.encode(data)));
    Body::stream(body.into_frames().map(encode))
}

/// Decodes a body in base64. It may be several texts in a row, each with its padding, and it comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct TextDecoder {
    /// The start of a group of four characters whose rest has not arrived.
    begun: Vec<u8>,
}

impl TextDecoder {
    /// The bytes of the next piece.
    pub(crate) fn decode(&mut self, piece: &[u8]) -> Result<Vec<u8>, ConnectError> {
        let missing = (4 - self.begun.len()) % 4;
        let (first, rest) = piece.split_at(missing.min(piece.len()));
        self.begun.extend_from_slice(first);
        let mut bytes = Vec::with_capacity(piece.len() / 4 * 3 + 3);
        if self.begun.len() == 4 {
            decode_fours(&self.begun, &mut bytes)?;
            self.begun.clear();
        }
        let (whole, begun) = rest.split_at(rest.len() / 4 * 4);
        decode_fours(whole, &mut bytes)?;
        self.begun.extend_from_slice(begun);
        Ok(bytes)
    }

    /// Whether the text may end here.
    pub(crate) fn is_complete(&self) -> bool {
        self.begun.is_empty()
    }
}

fn decode_fours(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), ConnectError> {
    for four in text.chunks(4) {
        STANDARD
            .decode_vec(four, bytes)
            .map_err(|_| ConnectError::invalid_argument("the request body is not base64"))?;
    }
    Ok(())
}

/// The answer to a call of an unknown method. The client does not read the HTTP status, but the trailers.
pub(crate) fn refuse(protocol: Protocol, error: ConnectError) -> Response<Body> {
    let media = MediaType {
        protocol,
        encoding: Encoding::Proto,
    };
    respond(media, Compression::Identity, Err(error), Context::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encode("no such thing"), "no such thing");
        assert_eq!(percent_encode("100% 商\r\n"), "100%25 %E5%95%86%0D%0A");
    }

    #[test]
    fn base64_may_be_padded_in_the_middle_and_cut_anywhere() {
        let text = b"YQ==YmM=ZGVm";
        for cut in 0..=text.len() {
            let mut decoder = TextDecoder::default();
            let (first, second) = text.split_at(cut);
            let decoded = [decoder.decode(first).unwrap(), decoder.decode(second).unwrap()].concat();
            assert_eq!(decoded, b"abcdef", "cut at {cut}");
            assert!(decoder.is_complete());
        }
        let mut decoder = TextDecoder::default();
        decoder.decode(b"YQ=").unwrap();
        assert!(!decoder.is_complete(), "a text that broke off");
        assert!(TextDecoder::default().decode(b"!!!!").is_err(), "no base64");
    }
}
