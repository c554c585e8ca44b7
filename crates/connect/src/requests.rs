//! Reads the messages of a request from its body, one at a time.
//!
//! The body is read only while the handler waits for the next message, so a slow handler slows its client. At most one
//! message and one piece of the body are kept in memory.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};
use http_body_util::BodyExt as _;

use crate::compression::{Compression, UnpackError};
use crate::deadline::Sleep;
use crate::envelope::{Envelope, Splitter};
use crate::error::ConnectError;
use crate::grpc::TextDecoder;
use crate::limits::Limits;
use crate::messages::MessageStream;

/// A request body whose messages are in envelopes.
pub(crate) struct Requests<B> {
    body: Pin<Box<B>>,
    splitter: Splitter,
    /// For a body in base64.
    text: Option<TextDecoder>,
    packed: Compression,
    limits: Limits,
    /// The size of the messages so far, decompressed.
    bytes: u64,
    messages: u64,
    sleep: Option<Sleep>,
}

impl<B> Requests<B>
where
    B: http_body::Body,
    B::Error: std::fmt::Display,
{
    /// The messages of `body`, which have this compression, and are in base64 if `is_text`.
    pub(crate) fn new(body: B, packed: Compression, is_text: bool, limits: Limits) -> Self {
        Self {
            body: Box::pin(body),
            splitter: Splitter::new(limits.request_bytes),
            text: is_text.then(TextDecoder::default),
            packed,
            limits,
            bytes: 0,
            messages: 0,
            sleep: None,
        }
    }

    /// The message of a request that must have exactly one.
    pub(crate) async fn only(mut self) -> Result<Bytes, ConnectError> {
        let Some(message) = self.next().await? else {
            return Err(ConnectError::unimplemented(
                "the method takes one message, and there is none",
            ));
        };
        match self.envelope().await? {
            None => Ok(message),
            Some(_) => Err(ConnectError::unimplemented(
                "the method takes one message, and there is more",
            )),
        }
    }

    /// The next message, still encoded; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, ConnectError> {
        let Some(envelope) = self.envelope().await? else {
            return Ok(None);
        };
        envelope.refuse_flags_beyond(0)?;
        let message = envelope.message(self.packed, self.limits.request_bytes);
        let message = message.map_err(UnpackError::of_request)?;
        self.count(&message)?;
        Ok(Some(message))
    }

    fn count(&mut self, message: &Bytes) -> Result<(), ConnectError> {
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(message.len() as u64);
        match (self.limits.stream_messages, self.limits.stream_bytes) {
            (Some(most), _) if self.messages > most => Err(ConnectError::resource_exhausted(format!(
                "the stream has more than {most} messages"
            ))),
            (_, Some(most)) if self.bytes > most => Err(ConnectError::resource_exhausted(format!(
                "the messages of the stream have more than {most} bytes together"
            ))),
            _ => Ok(()),
        }
    }

    async fn envelope(&mut self) -> Result<Option<Envelope>, ConnectError> {
        loop {
            if let Some(envelope) = self.splitter.next()? {
                return Ok(Some(envelope));
            }
            if !self.read().await? {
                let is_whole =
                    self.splitter.is_empty() && self.text.as_ref().is_none_or(TextDecoder::is_complete);
                return match is_whole {
                    true => Ok(None),
                    false => Err(ConnectError::invalid_argument(
                        "the request body broke off within a message",
                    )),
                };
            }
        }
    }

    /// Reads a piece of the body. Returns false at its end.
    async fn read(&mut self) -> Result<bool, ConnectError> {
        let Some(frame) = self.body.frame().await else {
            return Ok(false);
        };
        let frame = frame.map_err(|error| {
            ConnectError::invalid_argument(format!("the request body broke off: {error}"))
        })?;
        // A frame that is not data is trailers, which requests of these protocols do not use.
        if let Ok(mut data) = frame.into_data() {
            let piece = data.copy_to_bytes(data.remaining());
            match &mut self.text {
                None => self.splitter.add(&piece),
                Some(text) => self.splitter.add(&text.decode(&piece)?),
            }
        }
        Ok(true)
    }
}

impl<B> Requests<B>
where
    B: http_body::Body + 'static,
    B::Error: std::fmt::Display,
{
    /// The messages as a stream. Each must come within its time, if there is a timer. An error is the last item.
    pub(crate) fn into_stream(mut self, sleep: Option<Sleep>) -> MessageStream<Bytes> {
        self.sleep = sleep;
        let next = |mut requests: Self| async move {
            let message = requests.next_in_time().await?;
            Ok(message.map(|message| (message, requests)))
        };
        stream::try_unfold(self, next).boxed_local()
    }

    async fn next_in_time(&mut self) -> Result<Option<Bytes>, ConnectError> {
        let (Some(sleep), Some(most)) = (self.sleep.clone(), self.limits.message_time) else {
            return self.next().await;
        };
        match select(pin!(self.next()), sleep(most)).await {
            Either::Left((message, _)) => message,
            Either::Right(_) => Err(too_slow(most)),
        }
    }
}

fn too_slow(most: Duration) -> ConnectError {
    ConnectError::deadline_exceeded(format!(
        "the next message of the stream did not come within {most:?}"
    ))
}
