use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::LocalBoxFuture;
use http_body::{Body, Frame};
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::clock;

/// A body that breaks off when a deadline passes.
pub struct Timed<B> {
    body: B,
    /// Ready when time is up; none if nobody set a limit.
    time: Option<LocalBoxFuture<'static, ()>>,
}

impl<B> Timed<B> {
    pub(super) fn until(deadline: Option<Instant>, body: B) -> Self {
        let sleep = |at: Instant| clock::sleep(at.saturating_duration_since(Instant::now()));
        Self {
            body,
            time: deadline.map(|at| Box::pin(sleep(at)) as LocalBoxFuture<'static, ()>),
        }
    }
}

impl<B: Body<Error = ErrorCode> + Unpin> Body for Timed<B> {
    type Data = B::Data;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, ErrorCode>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        match &mut self.time {
            Some(time) => time
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(ErrorCode::HttpResponseTimeout))),
            None => Poll::Pending,
        }
    }
}
