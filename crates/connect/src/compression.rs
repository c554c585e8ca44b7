//! Compression of messages: gzip (RFC 1952), or none.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::ConnectError;

/// Messages below this size, in bytes, are not compressed: they fit into one or two packets.
const WORTH_IT: usize = 1024;

/// The encodings that this crate supports, in the form of a header.
pub(crate) const SUPPORTED: HeaderValue = HeaderValue::from_static("gzip");

/// The reason why a message could not be decompressed. It is the mistake of the sender: a client or a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnpackError {
    /// The data is not gzip, or is incomplete.
    Malformed,
    /// It would have more than this many bytes.
    TooLarge(usize),
    /// It is marked as compressed, but no header names the compression.
    Unnamed,
}

impl UnpackError {
    /// The answer of a server. gRPC's compression guide defines the code for the last case.
    pub(crate) fn of_request(self) -> ConnectError {
        match self {
            Self::Malformed => ConnectError::invalid_argument("the message is not valid gzip"),
            Self::TooLarge(limit) => ConnectError::message_too_large(limit),
            Self::Unnamed => {
                ConnectError::internal("a message is marked as compressed, and no header says how")
            }
        }
    }

    /// The error for the caller of a client, who made no mistake.
    pub(crate) fn of_response(self) -> ConnectError {
        match self {
            Self::Malformed => ConnectError::internal("the response message is not valid gzip"),
            Self::TooLarge(limit) => ConnectError::message_too_large(limit),
            Self::Unnamed => {
                ConnectError::internal("a response message is marked as compressed, and no header says how")
            }
        }
    }
}

/// The compression of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// No compression.
    #[default]
    Identity,
    Gzip,
}

impl Compression {
    /// The compression that a header or parameter of a request names. Without a name there is no compression. Codings are
    /// compared without case, and `x-gzip` is gzip (RFC 9110, 8.4.1). More than one coding is not supported.
    pub(crate) fn named(name: Option<&[u8]>) -> Result<Self, ConnectError> {
        let name = name.unwrap_or_default().trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            Ok(Self::Identity)
        } else if is_gzip(name) {
            Ok(Self::Gzip)
        } else {
            Err(ConnectError::unimplemented(
                "unknown compression: supported encodings are gzip, identity",
            ))
        }
    }

    /// [`Self::named`], of all headers with a name: two of them are a list of two codings (RFC 9110, 5.3).
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Self, ConnectError> {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        Self::named(Some(&values.join(&b", "[..])))
    }

    /// The best compression that lists like `br, gzip;q=0.5` (RFC 9110, 12.5.3) accept: the headers with this name.
    pub(crate) fn accepted(headers: &HeaderMap, name: &HeaderName) -> Self {
        let lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
        let takes_gzip = lists.flat_map(|list| list.split(',')).any(|entry| {
            let (name, parameter) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = parameter
                .split_once('=')
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .and_then(|(_, weight)| weight.trim().parse::<f32>().ok());
            is_gzip(name.trim().as_bytes()) && weight != Some(0.0)
        });
        if takes_gzip { Self::Gzip } else { Self::Identity }
    }

    /// Its name in headers. `None` for no compression.
    pub(crate) fn name(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
        }
    }

    /// The compressed message, if it is smaller and the size justifies the work.
    pub(crate) fn pack(self, message: &[u8]) -> Option<Vec<u8>> {
        if self == Self::Identity || message.len() < WORTH_IT {
            return None;
        }
        gzip(message).filter(|packed| packed.len() < message.len())
    }

    /// The decompressed message, of at most `limit` bytes: a small message can be made so that it decompresses to any size.
    pub(crate) fn unpack(self, packed: Bytes, limit: usize) -> Result<Bytes, UnpackError> {
        // An empty body is not decompressed: clients do not compress an empty message.
        if self == Self::Identity || packed.is_empty() {
            return Ok(packed);
        }
        let mut message = Vec::new();
        let mut decoder = MultiGzDecoder::new(&packed[..]).take((limit as u64).saturating_add(1));
        decoder
            .read_to_end(&mut message)
            .map_err(|_| UnpackError::Malformed)?;
        if message.len() > limit {
            return Err(UnpackError::TooLarge(limit));
        }
        Ok(message.into())
    }
}

/// The compressed message, even if it is larger. Writing to memory does not fail.
pub(crate) fn gzip(message: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 2), flate2::Compression::fast());
    encoder.write_all(message).ok()?;
    encoder.finish().ok()
}

/// Whether this names gzip. gRPC and Connect use the names of codings of HTTP, in which case makes no difference.
fn is_gzip(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;

    use super::*;
    use crate::code::Code;

    /// Headers with these values, separated by `|`.
    fn headers(values: &'static str) -> HeaderMap {
        let value = |value| (ACCEPT_ENCODING, HeaderValue::from_static(value));
        values.split('|').map(value).collect()
    }

    #[test]
    fn gzip_is_chosen_if_it_is_accepted() {
        let accepted = |values| Compression::accepted(&headers(values), &ACCEPT_ENCODING);
        let accepting = [
            "gzip",
            "br, gzip",
            "GZIP;q=0.5",
            "gzip ; q=1",
            "x-gzip",
            "br|gzip",
            "gzip;Q=0.1",
        ];
        for values in accepting {
            assert_eq!(accepted(values), Compression::Gzip, "{values:?}");
        }
        for values in ["", "br", "gzip;q=0", "gzip;q=0.000", "X-GZIP;Q=0", "identity"] {
            assert_eq!(accepted(values), Compression::Identity, "{values:?}");
        }
        let none = Compression::accepted(&HeaderMap::new(), &ACCEPT_ENCODING);
        assert_eq!(none, Compression::Identity);
    }

    #[test]
    fn codings_are_named_without_case() {
        let named = |values| Compression::of(&headers(values), &ACCEPT_ENCODING).ok();
        for values in ["gzip", "GZIP", "x-gzip", "X-Gzip", " gzip "] {
            assert_eq!(named(values), Some(Compression::Gzip), "{values:?}");
        }
        for values in ["", "identity", "IDENTITY"] {
            assert_eq!(named(values), Some(Compression::Identity), "{values:?}");
        }
        for values in ["br", "gzip, gzip", "gzip|br", "gzipped"] {
            assert_eq!(named(values), None, "{values:?}");
        }
    }

    #[test]
    fn compressed_message_is_decompressed() {
        let message = b"Marmalade, thick cut. ".repeat(100);
        let packed = Compression::Gzip.pack(&message).expect("it gets smaller");
        assert!(packed.len() < message.len() / 5);
        let unpacked = Compression::Gzip.unpack(packed.into(), message.len());
        assert_eq!(&unpacked.unwrap()[..], &message[..]);
        assert_eq!(
            Compression::Gzip.pack(b"short"),
            None,
            "short messages stay as they are"
        );
    }

    #[test]
    fn decompression_bomb_is_refused_by_its_decompressed_size() {
        let bomb = Compression::Gzip
            .pack(&vec![0; 32 << 20])
            .expect("zeros pack well");
        assert!(bomb.len() < 200_000, "the bomb is small");
        let error = Compression::Gzip.unpack(bomb.into(), 4 << 20).unwrap_err();
        assert_eq!(error, UnpackError::TooLarge(4 << 20));
        assert_eq!(error.of_request().code(), Code::ResourceExhausted);
    }

    #[test]
    fn body_that_is_not_gzip_is_an_error() {
        let mut truncated = Compression::Gzip.pack(&[7; 4096]).expect("it gets smaller");
        truncated.truncate(truncated.len() - 4);
        for wrong in [b"\x1f\x8b".to_vec(), b"not gzip".to_vec(), truncated] {
            let error = Compression::Gzip.unpack(wrong.into(), 1 << 20).unwrap_err();
            assert_eq!(
                error.of_request().code(),
                Code::InvalidArgument,
                "a caller's mistake"
            );
            assert_eq!(error.of_response().code(), Code::Internal, "a server's mistake");
        }
    }
}
