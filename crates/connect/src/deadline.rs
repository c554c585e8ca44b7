//! Deadlines of calls. At the deadline the work of a call is dropped, and the answer is `deadline_exceeded`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::{Stream, StreamExt as _};

use crate::error::ConnectError;
use crate::messages::EncodedMessages;

/// Waits for a duration, by the timer of the runtime that embeds this crate.
pub(crate) type Sleep = Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

fn deadline_exceeded() -> ConnectError {
    ConnectError::deadline_exceeded("the time for this request ran out")
}

/// Runs `work` until `time` is ready, which is the deadline. Without `time` there is no deadline.
pub(crate) async fn within<T>(
    time: Option<LocalBoxFuture<'static, ()>>,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(time) = time else {
        return work.await;
    };
    match select(pin!(work), time).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(deadline_exceeded()),
    }
}

/// Messages until a deadline, and then the error `deadline_exceeded`.
pub(crate) struct UntilDeadline {
    /// `None` after the end.
    messages: Option<EncodedMessages>,
    deadline: Instant,
    /// Ready at the deadline.
    time: LocalBoxFuture<'static, ()>,
}

impl UntilDeadline {
    /// `messages` until `deadline`, at which `time` is ready.
    pub(crate) fn new(
        messages: EncodedMessages,
        deadline: Instant,
        time: LocalBoxFuture<'static, ()>,
    ) -> Self {
        Self {
            messages: Some(messages),
            deadline,
            time,
        }
    }
}

impl Stream for UntilDeadline {
    type Item = Result<Vec<u8>, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            messages,
            deadline,
            time,
        } = &mut *self;
        let Some(arriving) = messages else {
            return Poll::Ready(None);
        };
        // The clock is read first: while a message is always ready, the timer is never polled.
        if Instant::now() < *deadline {
            if let Poll::Ready(message) = arriving.poll_next_unpin(context) {
                return Poll::Ready(message);
            }
            ready!(time.as_mut().poll(context));
        }
        *messages = None;
        Poll::Ready(Some(Err(deadline_exceeded())))
    }
}
