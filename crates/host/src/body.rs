//! Bodies of requests: their maximum size, and the time that they may take to arrive.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::sleep;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::clients::ClientNetwork;
use crate::inflight::{LongPlace, LongPlaces};
use crate::limits::LONG_AFTER;
use crate::reply::Reply;
use crate::whole_body::{Beginning, WholeBody};

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
        Some(1..=ONE_PIECE) => Ok(WholeBody::read(body).await?.boxed_unsync()),
        _ => Ok(body.boxed_unsync()),
    }
}

/// Whether a body is read completely before it is passed on.
pub(crate) fn is_short(body: &impl Body) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= ONE_PIECE)
}

/// Reads a body of unknown length for [`LONG_AFTER`], up to 64 KiB. A body that is not complete then is passed on with the rest
/// as it arrives.
pub(crate) async fn read_ahead(mut body: Bounded) -> Result<WasiBody, Error> {
    let mut beginning = Beginning::default();
    let reading = async {
        while (beginning.len() as u64) < ONE_PIECE {
            let Some(frame) = body.frame().await.transpose()? else {
                return Ok(true);
            };
            beginning.push(frame);
        }
        Ok::<_, Error>(false)
    };
    let is_complete = tokio::select! {
        complete = reading => complete?,
        () = sleep(LONG_AFTER) => false,
    };
    let beginning = WholeBody::from(beginning);
    Ok(match is_complete {
        true => beginning.boxed_unsync(),
        false => ReadAhead {
            beginning,
            rest: body,
        }
        .boxed_unsync(),
    })
}

/// A body whose beginning was read ahead.
struct ReadAhead {
    beginning: WholeBody,
    rest: Bounded,
}

impl Body for ReadAhead {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.beginning.is_end_stream() {
            true => Pin::new(&mut self.rest).poll_frame(cx),
            false => Pin::new(&mut self.beginning).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.beginning.is_end_stream() && self.rest.is_end_stream()
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
    upload: Arc<Upload>,
}

/// What the host knows about a request's body while a component has it.
#[derive(Default)]
pub(crate) struct Upload {
    /// Whether the body was longer than its limit.
    exceeded: AtomicBool,
    /// Whether the body has arrived, or is no longer read.
    is_over: AtomicBool,
    /// The place of an upload that takes long.
    place: Mutex<Option<LongPlace>>,
}

impl Upload {
    pub(crate) fn has_exceeded_its_limit(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Ready if the body arrives for longer than [`LONG_AFTER`] and there is no place for another such upload.
    pub(crate) async fn without_place(&self, places: &LongPlaces, client: ClientNetwork) {
        sleep(LONG_AFTER).await;
        if !self.is_over.load(Ordering::Acquire) {
            let Some(place) = places.take(Some(client)) else {
                return;
            };
            self.set_place(Some(place));
            if self.is_over.load(Ordering::Acquire) {
                self.set_place(None);
            }
        }
        std::future::pending().await
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.set_place(None);
    }

    fn set_place(&self, place: Option<LongPlace>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

impl Bounded {
    /// Limits `body` to `limit` bytes.
    pub(crate) fn new(body: Incoming, limit: u64) -> (Self, Arc<Upload>) {
        let upload = Arc::new(Upload::default());
        let bounded = Self {
            body: Some(body),
            limit,
            left: limit,
            upload: upload.clone(),
        };
        (bounded, upload)
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                if self.body.as_ref().is_none_or(Incoming::is_end_stream) {
                    self.upload.end();
                }
                Ok(frame)
            }
            None => {
                self.upload.exceeded.store(true, Ordering::Release);
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
        if !matches!(frame, Some(Ok(_))) {
            self.upload.end();
        }
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
        self.upload.end();
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
