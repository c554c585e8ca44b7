//! What comes back from a call.

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
    /// The message alone, its metadata added to the response that `context` belongs to: for answering one call with
    /// the answer of another.
    pub fn relay(self, context: &mut Context) -> M {
        metadata::append_all(&mut context.response_headers, &self.headers);
        metadata::append_all(&mut context.response_trailers, &self.trailers);
        self.message
    }
}

/// The answers of a call that streams them, as they come. Reading them also sends what is left of the call's requests.
/// Dropping it gives the call up.
pub struct Streaming<M> {
    headers: HeaderMap,
    messages: MessageStream<M>,
    trailers: Rc<RefCell<HeaderMap>>,
}

impl<M: 'static> Streaming<M> {
    /// The answers among `messages`, unless the call's requests end in a failure first.
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
    /// Metadata that came before the first message. By gRPC, a response without a message may have all of its metadata in
    /// one place: then that is here, and in [`Self::trailers`].
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Metadata that came after the last message; empty until the stream has ended.
    pub fn trailers(&self) -> HeaderMap {
        self.trailers.borrow().clone()
    }

    /// The messages alone, the metadata that came first added to the response that `context` belongs to. What comes last
    /// is known too late for that, unless it comes with an error, and is dropped.
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
    /// Gone after a failure: dropping them gives the call up.
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
        // The requests are read while answers are awaited, so their failure may come in the same moment as an answer: the
        // answer is first, for it came before.
        let answer = arriving.poll_next_unpin(context);
        if answer.is_ready() {
            return answer;
        }
        let error = std::task::ready!(failure.poll_unpin(context));
        *messages = None;
        Poll::Ready(Some(Err(error)))
    }
}
