//! The response of a method, before a protocol frames it.

use std::time::Instant;

use futures::future::LocalBoxFuture;
use futures::stream::StreamExt as _;

use crate::deadline::UntilDeadline;
use crate::error::ConnectError;
use crate::messages::MessageStream;

/// The encoded response of a method.
pub enum Reply {
    /// One message.
    Message(Vec<u8>),
    /// Messages as they come.
    Messages(MessageStream<Vec<u8>>),
}

impl Reply {
    /// The one message of a unary method.
    pub(crate) fn only(self) -> Result<Vec<u8>, ConnectError> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Messages(_) => Err(ConnectError::internal("a unary method answered with a stream")),
        }
    }

    /// The same answer. At the deadline, an error ends its stream.
    pub(crate) fn until(self, deadline: Option<Instant>, time: Option<LocalBoxFuture<'static, ()>>) -> Self {
        match (self, deadline, time) {
            (Self::Messages(messages), Some(deadline), Some(time)) => {
                let timed = UntilDeadline::new(messages, deadline, time);
                Self::Messages(timed.boxed_local())
            }
            (reply, ..) => reply,
        }
    }
}
