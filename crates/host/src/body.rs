//! Bodies of requests, with a maximum size, and bodies of responses, with a maximum time.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::task::AtomicWaker;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::inflight::Ticket;

/// How long the host continues to read a request body that no component reads.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// A body whose announced length is at most this, in bytes, is read completely before it is passed to a component, from
/// outside or from another component. An instance that waits for a body, or for the reader of a body, costs more than
/// reading it here.
const ONE_PIECE: u64 = 64 << 10;

/// Reads a body that is known to be short, including its trailers. Other bodies are not read here.
pub(crate) async fn in_one_piece<B>(body: B) -> Result<WasiBody, Error>
where
    B: Body<Data = Bytes, Error = Error> + Send + 'static,
{
    match body.size_hint().exact() {
        Some(1..=ONE_PIECE) => {
            let whole = body.collect().await?;
            Ok(whole.map_err(|never| match never {}).boxed_unsync())
        }
        _ => Ok(body.boxed_unsync()),
    }
}

/// Two copies of a request, after its whole body was read.
pub(crate) async fn twice(
    request: Request<WasiBody>,
) -> Result<(Request<WasiBody>, Request<WasiBody>), Error> {
    let (head, body) = request.into_parts();
    let whole = body.collect().await?.to_bytes();
    let request = || {
        let body = Full::new(whole.clone()).map_err(|never| match never {});
        Request::from_parts(head.clone(), body.boxed_unsync())
    };
    Ok((request(), request()))
}

/// The body of a request from outside. Reading past the limit fails and raises the flag.
pub(crate) struct Bounded {
    /// Present until this is dropped.
    body: Option<Incoming>,
    limit: u64,
    left: u64,
    exceeded: Flag,
}

/// Raised once; all clones see it.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Bounded {
    /// Limits `body` to `limit` bytes. Afterwards the flag shows whether the body was longer.
    pub(crate) fn new(body: Incoming, limit: u64) -> (Self, Flag) {
        let exceeded = Flag::default();
        (
            Self {
                body: Some(body),
                limit,
                left: limit,
                exceeded: exceeded.clone(),
            },
            exceeded,
        )
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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Error::from).and_then(|frame| self.take(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            discard(body, self.limit);
        }
    }
}

/// Reads and drops the rest of a request body that no component reads: at most `most` bytes, for at most
/// [`DISCARD_TIME`]. If a connection is closed with unread bytes, it is reset, and the client loses the answer that
/// explains why its body was refused.
pub(crate) fn discard(mut body: Incoming, most: u64) {
    if body.is_end_stream() {
        return;
    }
    let read = async move {
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(rest) = left.checked_sub(length) else {
                return;
            };
            left = rest;
        }
    };
    tokio::spawn(tokio::time::timeout(DISCARD_TIME, read));
}

/// The answer to a HEAD request: the same response without its content (RFC 9110, section 9.3.2). hyper would send the content
/// over HTTP/2.
pub(crate) fn without_content(mut response: Response<Reply>) -> Response<Reply> {
    if let Some(length @ 1..) = response.body().size_hint().exact() {
        let headers = response.headers_mut();
        headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    response.map(|_| Reply::Host(Full::default()))
}

/// The body of a response.
pub(crate) enum Reply {
    /// The body of a component. It ends with an error at the request's deadline.
    Guest { guest: Arc<Guest>, _watch: Watch },
    /// A body of the host.
    Host(Full<Bytes>),
}

/// The body of a component. At the request's deadline it is dropped, together with the component's work on it, even if
/// the client reads nothing: otherwise such a client could keep a request in flight.
pub(crate) struct Guest {
    /// The body and the ticket, which is held until the response is sent or cancelled.
    body: Mutex<Option<(WasiBody, Ticket)>>,
    given_up: AtomicWaker,
}

impl Guest {
    fn body(&self) -> MutexGuard<'_, Option<(WasiBody, Ticket)>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self) {
        let body = self.body().take();
        drop(body);
        self.given_up.wake();
    }
}

impl Reply {
    /// A component's body, until `deadline`.
    pub(crate) fn of_guest(body: WasiBody, deadline: Instant, ticket: Ticket) -> Self {
        let guest = Arc::new(Guest {
            body: Mutex::new(Some((body, ticket))),
            given_up: AtomicWaker::new(),
        });
        let watched = guest.clone();
        let watch = tokio::spawn(async move {
            tokio::time::sleep_until(deadline).await;
            watched.give_up();
        });
        Self::Guest {
            guest,
            _watch: Watch(watch),
        }
    }
}

/// The task that drops a body at its deadline. It ends with the response.
pub(crate) struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Host(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Guest { guest, .. } => {
                guest.given_up.register(cx.waker());
                match &mut *guest.body() {
                    Some((body, _)) => Pin::new(body).poll_frame(cx),
                    None => Poll::Ready(Some(Err(Error::HttpResponseTimeout))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Host(body) => body.is_end_stream(),
            Self::Guest { guest, .. } => guest
                .body()
                .as_ref()
                .is_some_and(|(body, _)| body.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Host(body) => body.size_hint(),
            Self::Guest { guest, .. } => {
                let body = guest.body();
                body.as_ref()
                    .map(|(body, _)| body.size_hint())
                    .unwrap_or_default()
            }
        }
    }
}
