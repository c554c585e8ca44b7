//! Streams of messages.

use futures::stream::{LocalBoxStream, Stream, StreamExt as _};

use crate::error::ConnectError;

/// The messages of a streaming method: its handler's argument for requests, its handler's result for responses. A stream
/// that fails ends with an error. Dropping the stream cancels the rest.
pub type MessageStream<M> = LocalBoxStream<'static, Result<M, ConnectError>>;

/// A [`MessageStream`] of encoded messages.
pub(crate) type EncodedMessages = MessageStream<Vec<u8>>;

/// The messages of a stream up to its first error, and that error.
pub(crate) fn until_error<M: 'static>(
    messages: impl Stream<Item = Result<M, ConnectError>> + 'static,
) -> MessageStream<M> {
    let pass = |has_failed: &mut bool, message: Result<M, ConnectError>| {
        let passed = (!*has_failed).then_some(message);
        *has_failed |= passed.as_ref().is_none_or(Result::is_err);
        std::future::ready(passed)
    };
    messages.scan(false, pass).boxed_local()
}
