//! Bodies on their way through the host: a request's, bounded in size, and a response's, bounded in time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::inflight::Ticket;

/// The body of a request from outside. Reading past the limit fails and raises the flag.
pub(crate) struct Bounded {
    body: Incoming,
    limit: u64,
    left: u64,
    exceeded: Flag,
}

/// Raised once, and seen by whoever holds a clone.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Bounded {
    /// Bounds `body` to `limit` bytes. The flag tells afterwards whether that was too little.
    pub(crate) fn new(body: Incoming, limit: u64) -> (Self, Flag) {
        let exceeded = Flag::default();
        (Self { body, limit, left: limit, exceeded: exceeded.clone() }, exceeded)
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Ok(frame)
            }
            None => {
                self.exceeded.0.store(true, Ordering::Release);
                Err(Error::HttpRequestBodySize(Some(self.limit)))
            }
        }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Error::from).and_then(|frame| self.take(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response.
pub(crate) enum Reply {
    /// A component's. It ends with an error when the request's time is up.
    Guest {
        body: WasiBody,
        deadline: Pin<Box<Sleep>>,
        /// Held until the response is sent or given up.
        _ticket: Ticket,
    },
    /// The host's own.
    Host(Full<Bytes>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Host(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Guest { body, deadline, .. } => match Pin::new(body).poll_frame(cx) {
                Poll::Pending => deadline.as_mut().poll(cx).map(|()| Some(Err(Error::HttpResponseTimeout))),
                ready => ready,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Host(body) => body.is_end_stream(),
            Self::Guest { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Host(body) => body.size_hint(),
            Self::Guest { body, .. } => body.size_hint(),
        }
    }
}
