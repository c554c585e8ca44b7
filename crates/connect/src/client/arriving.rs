//! A response whose messages are in envelopes, as it arrives: streams of Connect, and everything of gRPC and gRPC-Web.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::status;
use crate::compression::{Compression, UnpackError};
use crate::envelope::{CONNECT_END, Envelope, GRPC_WEB_END, Splitter};
use crate::error::ConnectError;
use crate::media::Protocol;
use crate::metadata;
use crate::stream::read_end;

/// A response that has begun.
pub(super) struct Arriving<B> {
    /// Metadata that came before the first message.
    pub(super) headers: HeaderMap,
    /// Metadata that comes after the last one.
    pub(super) trailers: Rc<RefCell<HeaderMap>>,
    /// `None` after all of it was read.
    body: Option<Pin<Box<B>>>,
    protocol: Protocol,
    packed: Compression,
    splitter: Splitter,
    limit: usize,
    deadline: Option<Instant>,
    /// HTTP's own trailers, once they have come.
    end: Option<HeaderMap>,
}

/// How a response is read.
pub(super) struct Reading {
    pub(super) protocol: Protocol,
    /// The compression of its compressed messages.
    pub(super) packed: Compression,
    /// The maximum size of a message in bytes, as sent and decompressed.
    pub(super) limit: usize,
    pub(super) deadline: Option<Instant>,
}

impl<B: http_body::Body<Error: std::fmt::Display>> Arriving<B> {
    /// The response with these headers and this body.
    ///
    /// # Errors
    /// The error of a gRPC response that has only an error, in its headers.
    pub(super) async fn begin(headers: HeaderMap, body: B, reading: Reading) -> Result<Self, ConnectError> {
        let Reading {
            protocol,
            packed,
            limit,
            deadline,
        } = reading;
        let mut arriving = Self {
            headers: HeaderMap::new(),
            trailers: Rc::default(),
            body: Some(Box::pin(body)),
            protocol,
            packed,
            splitter: Splitter::new(limit),
            limit,
            deadline,
            end: None,
        };
        let is_grpc = matches!(protocol, Protocol::Grpc | Protocol::GrpcWeb);
        // In a response without a body the headers are also the trailers, and the two cannot be distinguished. In a response
        // with a body, a status in the headers has no meaning.
        if is_grpc && status::is_among(&headers) && !arriving.read().await? {
            arriving.trailers.replace(status::read(headers.clone())?);
        }
        arriving.headers = metadata::custom(headers);
        Ok(arriving)
    }

    /// The next message, still encoded; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ConnectError> {
        loop {
            if let Some(envelope) = self.splitter.next()? {
                return self.open(envelope);
            }
            if self.body.is_none() {
                return Ok(None);
            }
            if !self.read().await? {
                self.ended()?;
            }
        }
    }

    /// The message of a method that answers with one message.
    ///
    /// # Errors
    /// `unimplemented` if there is no message, or more than one: the client's contract of the method differs from the
    /// server's (gRPC, `statuscodes.md`, "cardinality violation"). An error at the end of the response takes precedence.
    pub(super) async fn only(&mut self) -> Result<Bytes, ConnectError> {
        let first = self.next().await?;
        let second = match first {
            Some(_) => self.next().await?,
            None => None,
        };
        match (first, second) {
            (Some(message), None) => Ok(message),
            (None, _) => Err(ConnectError::unimplemented("the response has no message")),
            (Some(_), Some(_)) => Err(ConnectError::unimplemented(
                "the response has more than the one message that the method gives",
            )),
        }
    }

    fn open(&mut self, envelope: Envelope) -> Result<Option<Bytes>, ConnectError> {
        let end = match self.protocol {
            Protocol::Stream => CONNECT_END,
            Protocol::GrpcWeb => GRPC_WEB_END,
            _ => 0,
        };
        envelope.refuse_flags_beyond(end)?;
        let ends = envelope.flags & end != 0;
        let payload = envelope
            .message(self.packed, self.limit)
            .map_err(UnpackError::of_response)?;
        if !ends {
            return Ok(Some(payload));
        }
        self.body = None;
        let trailers = match self.protocol {
            Protocol::Stream => read_end(&payload),
            _ => status::parse_lines(&payload).and_then(status::read),
        };
        self.trailers.replace(trailers?);
        Ok(None)
    }

    /// Reads one more piece of the body. False at its end.
    async fn read(&mut self) -> Result<bool, ConnectError> {
        let Some(body) = &mut self.body else {
            return Ok(false);
        };
        let Some(frame) = body.frame().await else {
            self.body = None;
            return Ok(false);
        };
        let frame = frame.map_err(|error| broken_off(error, self.deadline))?;
        match frame.into_data() {
            Ok(mut data) => self.splitter.add(&data.copy_to_bytes(data.remaining())),
            Err(frame) => self.end = Frame::into_trailers(frame).ok(),
        }
        Ok(true)
    }

    /// Handles the end of the body. Only a body of gRPC ends without a last envelope: its status is in HTTP's trailers.
    fn ended(&mut self) -> Result<(), ConnectError> {
        if !self.splitter.is_empty() {
            return Err(ConnectError::internal("the response ended within a message"));
        }
        match (self.protocol, self.end.take()) {
            (Protocol::Grpc, Some(trailers)) => {
                self.trailers.replace(status::read(trailers)?);
                Ok(())
            }
            (Protocol::Grpc, None) => Err(ConnectError::internal("the response ended without a status")),
            _ => Err(ConnectError::internal(
                "the response ended without its last message",
            )),
        }
    }
}

/// The error for a response that broke off. At the deadline it is `deadline_exceeded`.
pub(super) fn broken_off(error: impl std::fmt::Display, deadline: Option<Instant>) -> ConnectError {
    match deadline {
        Some(deadline) if Instant::now() >= deadline => {
            ConnectError::deadline_exceeded("the time for this request ran out during its response")
        }
        _ => ConnectError::unavailable(format!("the response broke off: {error}")),
    }
}
