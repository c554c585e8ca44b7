//! A body with a deadline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::future::LocalBoxFuture;
use http_body::{Body, Frame};
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::clock;

/// A body that ends with an error when a deadline passes.
pub struct Timed<B> {
    body: B,
    /// `None`: the body has no time limit.
    deadline: Option<BodyDeadline>,
}

struct BodyDeadline {
    at: Instant,
    /// A future that is ready at that time.
    timer: LocalBoxFuture<'static, ()>,
}

impl<B> Timed<B> {
    /// A body that ends with an error at `deadline`. Without a deadline it has no time limit.
    pub fn until(deadline: Option<Instant>, body: B) -> Self {
        let deadline = deadline.map(|at| BodyDeadline {
            at,
            timer: Box::pin(clock::sleep(at.saturating_duration_since(Instant::now()))),
        });
        Self { body, deadline }
    }
}

impl<B: Body<Error = ErrorCode> + Unpin> Body for Timed<B> {
    type Data = B::Data;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, ErrorCode>>> {
        // The clock is read first: while the next chunk is always ready, the timer below is never polled, and the deadline
        // would never take effect.
        let deadline = self.deadline.as_ref();
        if deadline.is_none_or(|deadline| Instant::now() < deadline.at) {
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
                return Poll::Ready(frame);
            }
            match &mut self.deadline {
                Some(deadline) => ready!(deadline.timer.as_mut().poll(context)),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(Some(Err(ErrorCode::HttpResponseTimeout)))
    }
}
