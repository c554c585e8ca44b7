//! Messages in envelopes: a byte of flags, four of length, and the message. Streams of Connect have them (Connect
//! protocol, "Streaming RPCs"), and all calls of gRPC and gRPC-Web (gRPC over HTTP2, "Length-Prefixed-Message").

use bytes::{BufMut, Bytes, BytesMut};

use crate::compression::{Compression, UnpackError};
use crate::error::ConnectError;

/// The flag of a message that is compressed.
const COMPRESSED: u8 = 0b0000_0001;
/// The flag of the last envelope of a Connect stream.
pub(crate) const CONNECT_END: u8 = 0b0000_0010;
/// The flag of the last envelope of a gRPC-Web response.
pub(crate) const GRPC_WEB_END: u8 = 0b1000_0000;

/// The bytes before the message.
pub(crate) const PREFIX: usize = 5;

/// An envelope that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) flags: u8,
    pub(crate) payload: Bytes,
}

impl Envelope {
    /// Refuses flags other than that of compression and these (Connect protocol and gRPC: the others are reserved).
    pub(crate) fn refuse_flags_beyond(&self, known: u8) -> Result<(), ConnectError> {
        match self.flags & !(COMPRESSED | known) {
            0 => Ok(()),
            _ => Err(ConnectError::internal(format!(
                "a message has the flags {:#010b}, which mean nothing here",
                self.flags
            ))),
        }
    }

    /// The message in it, of at most `limit` bytes after decompression.
    pub(crate) fn message(self, compression: Compression, limit: usize) -> Result<Bytes, UnpackError> {
        match (self.flags & COMPRESSED, compression) {
            (0, _) => Ok(self.payload),
            (_, Compression::Identity) => Err(UnpackError::Unnamed),
            _ => compression.unpack(self.payload, limit),
        }
    }
}

/// Takes envelopes out of a body that arrives in pieces.
#[derive(Debug)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    limit: usize,
}

impl Splitter {
    /// For messages of at most `limit` bytes as sent.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Adds bytes that have arrived. The caller takes all envelopes out before it adds more, so that at most one envelope
    /// and one piece are kept.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next envelope, if the whole of it has arrived.
    pub(crate) fn next(&mut self) -> Result<Option<Envelope>, ConnectError> {
        let Some(&[flags, a, b, c, d]) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.limit {
            return Err(ConnectError::message_too_large(self.limit));
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        let mut envelope = self.buffer.split_to(PREFIX + length).freeze();
        Ok(Some(Envelope {
            flags,
            payload: envelope.split_off(PREFIX),
        }))
    }

    /// Whether an incomplete envelope is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// Puts a message into an envelope. It is compressed if the size justifies the work.
pub(crate) fn seal(message: Vec<u8>, compression: Compression) -> Bytes {
    sealed(compression.pack(&message), &message)
}

/// The envelope of a message that is compressed, if it is.
pub(crate) fn sealed(packed: Option<Vec<u8>>, message: &[u8]) -> Bytes {
    match packed {
        Some(packed) => put(COMPRESSED, &packed),
        None => put(0, message),
    }
}

/// An envelope with these flags, never compressed.
pub(crate) fn put(flags: u8, payload: &[u8]) -> Bytes {
    let mut envelope = BytesMut::with_capacity(PREFIX + payload.len());
    envelope.put_u8(flags);
    // Longer messages do not occur: all limits of this crate are far below 4 GiB.
    envelope.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    envelope.put_slice(payload);
    envelope.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]], limit: usize) -> Result<Vec<Envelope>, ConnectError> {
        let mut splitter = Splitter::new(limit);
        let mut envelopes = Vec::new();
        for piece in pieces {
            splitter.add(piece);
            while let Some(envelope) = splitter.next()? {
                envelopes.push(envelope);
            }
        }
        Ok(envelopes)
    }

    #[test]
    fn envelopes_are_found_for_any_division_into_pieces() {
        let bytes = [put(0, b"one"), put(CONNECT_END, b""), put(0, b"three")].concat();
        let whole = split(&[&bytes], 5).unwrap();
        assert_eq!(whole.len(), 3, "three envelopes in one piece");
        assert_eq!(&whole[2].payload[..], b"three");
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(split(&bytewise, 5).unwrap(), whole, "byte by byte");
    }

    #[test]
    fn length_beyond_the_limit_is_refused_before_the_message_arrives() {
        let error = split(&[&[0, 0xff, 0xff, 0xff, 0xff]], 1024).unwrap_err();
        assert_eq!(error.code(), crate::code::Code::ResourceExhausted);
    }
}
