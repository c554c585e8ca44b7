//! Compression of messages: gzip (RFC 1952), or none.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::HeaderValue;

use crate::ConnectError;
use crate::envelope::too_large;

/// Messages below this size, in bytes, are sent as they are: they fit into a packet or two anyway.
const WORTH_IT: usize = 1024;

/// The encodings that this crate knows, as a client or server names them to its peer.
pub(crate) const SUPPORTED: HeaderValue = HeaderValue::from_static("gzip");

/// Why a message could not be unpacked. Whose mistake that is depends on who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnpackError {
    /// What is there is no gzip, or not all of it.
    Malformed,
    /// It would have more than this many bytes.
    TooLarge(usize),
    /// It is marked as compressed where nothing says how.
    Unnamed,
}

impl UnpackError {
    /// What a server answers. gRPC's compression guide names the code for the last one.
    pub(crate) fn of_request(self) -> ConnectError {
        match self {
            Self::Malformed => ConnectError::invalid_argument("the message is not valid gzip"),
            Self::TooLarge(limit) => too_large(limit),
            Self::Unnamed => {
                ConnectError::internal("a message is marked as compressed, and no header says how")
            }
        }
    }

    /// What a client gets instead of the response: the caller did nothing wrong.
    pub(crate) fn of_response(self) -> ConnectError {
        match self {
            Self::Malformed => ConnectError::internal("the response message is not valid gzip"),
            Self::TooLarge(limit) => too_large(limit),
            Self::Unnamed => {
                ConnectError::internal("a response message is marked as compressed, and no header says how")
            }
        }
    }
}

/// How a message is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    Identity,
    Gzip,
}

impl Compression {
    /// The compression that a header or parameter of a request names; nothing named is none.
    pub(crate) fn named(name: Option<&[u8]>) -> Result<Self, ConnectError> {
        match name {
            None | Some(b"" | b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(_) => Err(ConnectError::unimplemented(
                "unknown compression: supported encodings are gzip, identity",
            )),
        }
    }

    /// The best compression that a list like `br, gzip;q=0.5` (RFC 9110, 12.5.3) accepts.
    pub(crate) fn accepted(list: Option<&HeaderValue>) -> Self {
        let list = list.and_then(|list| list.to_str().ok()).unwrap_or_default();
        let takes_gzip = list.split(',').any(|entry| {
            let (name, parameter) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = parameter
                .trim()
                .strip_prefix("q=")
                .and_then(|weight| weight.parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case("gzip") && weight != Some(0.0)
        });
        if takes_gzip { Self::Gzip } else { Self::Identity }
    }

    /// Its name in headers; none for none.
    pub(crate) fn name(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
        }
    }

    /// The message compressed, if that makes it smaller and is worth the work.
    pub(crate) fn pack(self, message: &[u8]) -> Option<Vec<u8>> {
        if self == Self::Identity || message.len() < WORTH_IT {
            return None;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 2), flate2::Compression::fast());
        encoder.write_all(message).ok()?;
        let packed = encoder.finish().ok()?;
        (packed.len() < message.len()).then_some(packed)
    }

    /// What was compressed, of at most `limit` bytes: a small message may be made to unpack to any size.
    pub(crate) fn unpack(self, packed: Bytes, limit: usize) -> Result<Bytes, UnpackError> {
        // Of an empty body there is nothing to unpack: clients do not compress what is empty.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn list(value: &'static str) -> Compression {
        Compression::accepted(Some(&HeaderValue::from_static(value)))
    }

    #[test]
    fn gzip_is_chosen_where_it_is_accepted() {
        for accepting in ["gzip", "br, gzip", "GZIP;q=0.5", "gzip ; q=1"] {
            assert_eq!(list(accepting), Compression::Gzip, "{accepting:?}");
        }
        for refusing in ["", "br", "gzip;q=0", "gzip;q=0.000", "identity", "x-gzip"] {
            assert_eq!(list(refusing), Compression::Identity, "{refusing:?}");
        }
        assert_eq!(Compression::accepted(None), Compression::Identity);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
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
    fn a_bomb_is_refused_by_its_unpacked_size() {
        let bomb = Compression::Gzip
            .pack(&vec![0; 32 << 20])
            .expect("zeros pack well");
        assert!(bomb.len() < 200_000, "the bomb is small");
        let error = Compression::Gzip.unpack(bomb.into(), 4 << 20).unwrap_err();
        assert_eq!(error, UnpackError::TooLarge(4 << 20));
        assert_eq!(error.of_request().code(), Code::ResourceExhausted);
    }

    #[test]
    fn what_is_no_gzip_is_an_error() {
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
