//! The bodies of responses.
//!
//! The host reads the body of a component, and the client reads from the host. So an instance's place depends on the
//! component's work and not on how fast the client reads.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::inflight::{Places, Ticket};
use crate::limits::LONG_AFTER;
use crate::whole_body::WholeBody;

/// The frames of a body that the host reads ahead of the client. So most responses are read completely, and their places given
/// back, at the speed of the component.
const FRAMES_AHEAD: usize = 16;

/// The body of a response.
pub(crate) enum Reply {
    /// A body of the host.
    Host(Full<Bytes>),
    /// A component's body, which was read whole.
    Whole(WholeBody),
    /// A component's body, while it is read.
    Arriving(ReplyInProgress),
}

/// A component's body, while it is read. It ends with an error if it is not complete at the request's deadline, or if it goes on
/// for long and there is no place for another long response.
pub(crate) struct ReplyInProgress {
    frames: mpsc::Receiver<Result<Frame<Bytes>, Error>>,
    is_complete: Arc<AtomicBool>,
    /// The rest, as the component announced it.
    size: SizeHint,
}

/// The reason why a body is not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client has left.
    Left,
    /// The request's time is up.
    Late,
    /// There are too many long responses.
    TooManyLong,
}

impl Reply {
    /// A component's body, until `deadline`. `cut` is called with the reason if it is not read to its end.
    pub(crate) fn arriving(
        body: WasiBody,
        deadline: Instant,
        ticket: Ticket,
        places: Arc<Places>,
        cut: impl FnOnce(Cut) + Send + 'static,
    ) -> Self {
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let (is_complete, size) = (Arc::new(AtomicBool::new(false)), body.size_hint());
        let complete = is_complete.clone();
        tokio::spawn(async move {
            match pass_on(body, &sender, deadline, &ticket, &places).await {
                Ok(()) => complete.store(true, Ordering::Release),
                Err(reason) => cut(reason),
            }
        });
        Self::Arriving(ReplyInProgress {
            frames,
            is_complete,
            size,
        })
    }
}

/// Reads a body and passes its frames on, until it is complete.
async fn pass_on(
    body: WasiBody,
    frames: &mpsc::Sender<Result<Frame<Bytes>, Error>>,
    deadline: Instant,
    ticket: &Ticket,
    places: &Places,
) -> Result<(), Cut> {
    let mut body = pin!(body);
    let passing = async {
        loop {
            let Ok(room) = frames.reserve().await else {
                return Err(Cut::Left);
            };
            match body.frame().await {
                Some(frame) => room.send(frame),
                None => return Ok(()),
            }
        }
    };
    let no_place = async {
        sleep(LONG_AFTER).await;
        if places.make_long(ticket) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = passing => result,
        () = frames.closed() => Err(Cut::Left),
        () = no_place => Err(Cut::TooManyLong),
        () = sleep_until(deadline) => Err(Cut::Late),
    }
}

impl ReplyInProgress {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match ready!(self.frames.poll_recv(cx)) {
            Some(frame) => {
                let length = frame
                    .as_ref()
                    .ok()
                    .and_then(Frame::data_ref)
                    .map_or(0, Bytes::len);
                if let Some(exact) = self.size.exact() {
                    self.size.set_exact(exact.saturating_sub(length as u64));
                }
                Poll::Ready(Some(frame))
            }
            None if self.is_complete.load(Ordering::Acquire) => Poll::Ready(None),
            None => Poll::Ready(Some(Err(Error::HttpResponseTimeout))),
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Host(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Arriving(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Host(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
            Self::Arriving(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Host(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
            Self::Arriving(body) => body.size,
        }
    }
}
