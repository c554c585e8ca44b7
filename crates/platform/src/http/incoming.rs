//! What comes in: the headers and bodies of requests and responses.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader};
use spin_sdk::wasip3::wit_future;

/// The largest piece of a body that is read at once, in bytes, and the size of the room for a piece of a body whose
/// length is unknown.
const PIECE: usize = 16 * 1024;

/// The body of a request that this component answers, or of a response to a request that it sent.
pub struct Incoming(State);

enum State {
    Ended,
    Idle(Reader),
    Reading(LocalBoxFuture<'static, (Reader, Result<Option<Bytes>, ErrorCode>)>),
}

/// A body that has not ended.
struct Reader {
    contents: StreamReader<u8>,
    /// Tells, after the last byte, whether the body was whole.
    outcome: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// What is left of it, where that is known.
    left: Option<u64>,
    /// Tells the host, when dropped, that the body is wanted no longer.
    _received: FutureWriter<Result<(), ErrorCode>>,
}

/// What a message gives away its body as.
type Contents = (
    StreamReader<u8>,
    FutureReader<Result<Option<Trailers>, ErrorCode>>,
);

impl Incoming {
    pub(super) fn empty() -> Self {
        Self(State::Ended)
    }

    /// The body that `consume` takes out of a message with these headers.
    pub(super) fn new(
        headers: &HeaderMap,
        consume: impl FnOnce(FutureReader<Result<(), ErrorCode>>) -> Contents,
    ) -> Self {
        let left = content_length(headers);
        if left == Some(0) {
            return Self::empty();
        }
        let (received, told) = wit_future::new(|| Ok(()));
        let (contents, outcome) = consume(told);
        Self(State::Idle(Reader {
            contents,
            outcome: Some(outcome),
            left,
            _received: received,
        }))
    }
}

impl Reader {
    async fn next(mut self) -> (Self, Result<Option<Bytes>, ErrorCode>) {
        let room = self.left.and_then(|left| usize::try_from(left).ok());
        let room = Vec::with_capacity(room.unwrap_or(PIECE).min(PIECE));
        let (_, piece) = self.contents.read(room).await;
        if piece.is_empty() {
            let end = self.end().await;
            return (self, end.map(|()| None));
        }
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        (self, Ok(Some(piece.into())))
    }

    /// A body that broke off must not pass for a shorter one.
    async fn end(&mut self) -> Result<(), ErrorCode> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(ErrorCode::HttpRequestBodySize(self.left));
        }
        match self.outcome.take() {
            Some(outcome) => outcome.await.map(|_trailers| ()),
            None => Ok(()),
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        if let State::Idle(_) = self.0
            && let State::Idle(reader) = std::mem::replace(&mut self.0, State::Ended)
        {
            self.0 = State::Reading(Box::pin(reader.next()));
        }
        let State::Reading(reading) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let (reader, piece) = ready!(reading.as_mut().poll(context));
        self.0 = match (&piece, reader.left) {
            (Ok(Some(_)), left) if left != Some(0) => State::Idle(reader),
            _ => State::Ended,
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Ended => SizeHint::with_exact(0),
            State::Idle(Reader { left: Some(left), .. }) => SizeHint::with_exact(*left),
            State::Idle(_) | State::Reading(_) => SizeHint::default(),
        }
    }
}

/// The length that a message says its body has. The host has seen to it that it says so once, and truly.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The headers of a message. What the host gives away are valid names and values; others would be left out.
pub(super) fn headers(fields: &Fields) -> HeaderMap {
    let fields = fields.copy_all();
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(Bytes::from(value))) {
            headers.append(name, value);
        }
    }
    headers
}
