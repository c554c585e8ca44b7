//! The answer to a call.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use futures::future::FutureExt as _;
use futures::stream::{Stream, StreamExt as _};
use http::HeaderMap;

use super::request::Failure;
use crate::context::Context;
use crate::error::ConnectError;
use crate::messages::MessageStream;
use crate::metadata;

/// A successful answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response<M> {
    /// The message.
    pub message: M,
    /// Metadata that came before it.
    pub headers: HeaderMap,
    /// Metadata that came after it.
    pub trailers: HeaderMap,
}

impl<M> Response<M> {
    /// Returns the message, and adds its metadata to the response of `context`. With this, a method can answer a call with
    /// the answer of another call.
    pub fn relay(self, context: &mut Context) -> M {
        metadata::append_all(&mut context.response_headers, &self.headers);
        metadata::append_all(&mut context.response_trailers, &self.trailers);
        self.message
    }
}

/// The stream of a call's answers. Reading it also sends the remaining requests of the call. Dropping it cancels the call.
pub struct Streaming<M> {
    headers: HeaderMap,
    messages: MessageStream<M>,
    trailers: Rc<RefCell<HeaderMap>>,
}

impl<M: 'static> Streaming<M> {
    /// The answers in `messages`, until the call's requests fail.
    pub(super) fn new(
        headers: HeaderMap,
        messages: MessageStream<M>,
        trailers: Rc<RefCell<HeaderMap>>,
        failure: Option<Failure>,
    ) -> Self {
        let messages = match failure {
            Some(failure) => UnlessFailed::new(messages, failure).boxed_local(),
            None => messages,
        };
        Self {
            headers,
            messages,
            trailers,
        }
    }
}

impl<M> Streaming<M> {
    /// Metadata that came before the first message. With gRPC, a response without a message may have all of its metadata in
    /// one place. Then the metadata is here and in [`Self::trailers`].
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Metadata that came after the last message; empty until the stream has ended.
    pub fn trailers(&self) -> HeaderMap {
        self.trailers.borrow().clone()
    }

    /// Returns the messages, and adds the leading metadata to the response of `context`. Trailing metadata comes too late
    /// for that and is dropped, unless it comes with an error.
    pub fn relay(self, context: &mut Context) -> MessageStream<M> {
        metadata::append_all(&mut context.response_headers, &self.headers);
        self.messages
    }
}

impl<M> Stream for Streaming<M> {
    type Item = Result<M, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_next_unpin(context)
    }
}

impl<M> std::fmt::Debug for Streaming<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Streaming").finish_non_exhaustive()
    }
}

/// Answers until the call's requests fail.
struct UnlessFailed<M> {
    /// `None` after a failure: dropping the answers cancels the call.
    messages: Option<MessageStream<M>>,
    failure: Failure,
}

impl<M> UnlessFailed<M> {
    fn new(messages: MessageStream<M>, failure: Failure) -> Self {
        Self {
            messages: Some(messages),
            failure,
        }
    }
}

impl<M> Stream for UnlessFailed<M> {
    type Item = Result<M, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let Self { messages, failure } = &mut *self;
        let Some(arriving) = messages else {
            return Poll::Ready(None);
        };
        // The requests are read while answers are awaited, so their failure may come at the same moment as an answer. The
        // answer is returned first, because it came before.
        let answer = arriving.poll_next_unpin(context);
        if answer.is_ready() {
            return answer;
        }
        let error = std::task::ready!(failure.poll_unpin(context));
        *messages = None;
        Poll::Ready(Some(Err(error)))
    }
}
