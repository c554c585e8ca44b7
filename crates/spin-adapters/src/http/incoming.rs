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
pub struct Incoming {
    state: State,
    /// Sends what is left of the request that this responds to. Dropping it gives that up.
    sending: Option<LocalBoxFuture<'static, ()>>,
}

enum State {
    Ended,
    Idle(Reader),
    Reading(LocalBoxFuture<'static, (Reader, Piece)>),
}

/// What came of a body: a frame, its end, or why it broke off.
type Piece = Result<Option<Frame<Bytes>>, ErrorCode>;

/// A body that has not ended.
struct Reader {
    contents: StreamReader<u8>,
    /// Tells, after the last byte, whether the body was whole.
    outcome: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// What is left of it, where that is known.
    left: Option<u64>,
    /// Whether its trailers are wanted. Waiting for them costs a trip to the host.
    trailers: bool,
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
        Self::in_state(State::Ended)
    }

    fn in_state(state: State) -> Self {
        Self { state, sending: None }
    }

    /// The body that `consume` takes out of a message with these headers, with its trailers if they are wanted.
    pub(super) fn new(
        headers: &HeaderMap,
        trailers: bool,
        consume: impl FnOnce(FutureReader<Result<(), ErrorCode>>) -> Contents,
    ) -> Self {
        let left = content_length(headers);
        if left == Some(0) && !trailers {
            return Self::empty();
        }
        let (received, told) = wit_future::new(|| Ok(()));
        let (contents, outcome) = consume(told);
        Self::in_state(State::Idle(Reader {
            contents,
            outcome: Some(outcome),
            left,
            trailers,
            _received: received,
        }))
    }

    /// The same body, that goes on sending the request whenever it is read.
    pub(super) fn while_sending(mut self, request: Option<LocalBoxFuture<'static, ()>>) -> Self {
        self.sending = request;
        self
    }
}

impl Reader {
    async fn next(mut self) -> (Self, Piece) {
        let room = self.left.and_then(|left| usize::try_from(left).ok());
        let room = Vec::with_capacity(room.unwrap_or(PIECE).clamp(1, PIECE));
        let (_, piece) = self.contents.read(room).await;
        if piece.is_empty() {
            let end = self.end().await;
            return (self, end.map(|trailers| trailers.map(Frame::trailers)));
        }
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        (self, Ok(Some(Frame::data(piece.into()))))
    }

    /// The trailers, if there are any. A body that broke off must not pass for a shorter one.
    async fn end(&mut self) -> Result<Option<HeaderMap>, ErrorCode> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(ErrorCode::HttpRequestBodySize(self.left));
        }
        match self.outcome.take() {
            Some(outcome) => Ok(outcome.await?.map(|trailers| headers(&trailers))),
            None => Ok(None),
        }
    }

    /// Whether there may be more to read after a piece of the body.
    fn goes_on(&self) -> bool {
        self.left != Some(0) || self.trailers
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        if let Some(sending) = &mut self.sending
            && sending.as_mut().poll(context).is_ready()
        {
            self.sending = None;
        }
        if let State::Idle(_) = self.state
            && let State::Idle(reader) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.state = State::Reading(Box::pin(reader.next()));
        }
        let State::Reading(reading) = &mut self.state else {
            return Poll::Ready(None);
        };
        let (reader, frame) = ready!(reading.as_mut().poll(context));
        self.state = match &frame {
            Ok(Some(frame)) if frame.is_data() && reader.goes_on() => State::Idle(reader),
            _ => State::Ended,
        };
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
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
