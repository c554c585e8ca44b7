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
    /// Gone when all of it was read.
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
    /// How its messages are compressed, where they are.
    pub(super) packed: Compression,
    /// The largest message, in bytes, as sent and unpacked.
    pub(super) limit: usize,
    pub(super) deadline: Option<Instant>,
}

impl<B: http_body::Body<Error: std::fmt::Display>> Arriving<B> {
    /// The response with these headers and this body.
    ///
    /// # Errors
    /// What a gRPC response is that has nothing but an error, in its headers.
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
        // Only without a body are the headers trailers, too, and nothing tells the two apart; before a body a status in them
        // means nothing.
        if is_grpc && status::is_among(&headers) && !arriving.read().await? {
            arriving.trailers.replace(status::read(headers.clone())?);
        }
        arriving.headers = metadata::custom(headers);
        Ok(arriving)
    }

    /// The next message, still encoded; none after the last.
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

    /// The one message of a method that answers with one.
    ///
    /// # Errors
    /// `unimplemented` if there is none, or more: a method that this client knows otherwise than the server (gRPC,
    /// `statuscodes.md`, "cardinality violation"). Whatever the response ended in comes before that.
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

    /// What the end of the body means. Only gRPC's body ends without an envelope that says so: its end is in HTTP's
    /// trailers.
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

/// What a response that broke off means: at the deadline, that time ran out.
pub(super) fn broken_off(error: impl std::fmt::Display, deadline: Option<Instant>) -> ConnectError {
    match deadline {
        Some(deadline) if Instant::now() >= deadline => {
            ConnectError::deadline_exceeded("the time for this request ran out during its response")
        }
        _ => ConnectError::unavailable(format!("the response broke off: {error}")),
    }
}
