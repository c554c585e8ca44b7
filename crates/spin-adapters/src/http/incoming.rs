//! Received messages: the headers and bodies of requests and responses.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader};
use spin_sdk::wasip3::wit_future;

/// The largest chunk of a body that is read at once, in bytes, and the size of the buffer for a body of unknown length.
const CHUNK: usize = 16 * 1024;

/// The body of a request that this component answers, or of a response to a request that it sent.
pub struct Incoming {
    state: BodyState,
    /// Sends the rest of the request to which this is the response. Dropping it stops the sending.
    sending: Option<LocalBoxFuture<'static, ()>>,
}

enum BodyState {
    Ended,
    Idle(BodyReader),
    Reading(LocalBoxFuture<'static, (BodyReader, Chunk)>),
}

/// The result of reading a body: a frame, its end, or the reason for a break.
type Chunk = Result<Option<Frame<Bytes>>, ErrorCode>;

/// A body that has not ended.
struct BodyReader {
    contents: StreamReader<u8>,
    /// Reports, after the last byte, whether the body was complete.
    outcome: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    /// The number of bytes that are left, if it is known.
    left: Option<u64>,
    /// Whether to read its trailers. Waiting for them costs a call of the host.
    trailers: bool,
    /// Dropping it signals to the host that the rest of the body is not needed.
    _received: FutureWriter<Result<(), ErrorCode>>,
}

/// The body of a message, as the host provides it.
type Contents = (
    StreamReader<u8>,
    FutureReader<Result<Option<Trailers>, ErrorCode>>,
);

impl Incoming {
    pub(super) fn empty() -> Self {
        Self::in_state(BodyState::Ended)
    }

    fn in_state(state: BodyState) -> Self {
        Self { state, sending: None }
    }

    /// The body that `consume` takes from a message with these headers. `trailers`: whether to read its trailers.
    pub(super) fn new(
        headers: &HeaderMap,
        trailers: bool,
        consume: impl FnOnce(FutureReader<Result<(), ErrorCode>>) -> Contents,
    ) -> Self {
        let left = content_length(headers);
        if left == Some(0) && !trailers {
            return Self::empty();
        }
        let (received, on_received) = wit_future::new(|| Ok(()));
        let (contents, outcome) = consume(on_received);
        Self::in_state(BodyState::Idle(BodyReader {
            contents,
            outcome: Some(outcome),
            left,
            trailers,
            _received: received,
        }))
    }

    /// The same body. Reading it also sends the rest of the request.
    pub(super) fn while_sending(mut self, request: Option<LocalBoxFuture<'static, ()>>) -> Self {
        self.sending = request;
        self
    }
}

impl BodyReader {
    async fn next(mut self) -> (Self, Chunk) {
        let capacity = self.left.and_then(|left| usize::try_from(left).ok());
        let buffer = Vec::with_capacity(capacity.unwrap_or(CHUNK).clamp(1, CHUNK));
        let (_, chunk) = self.contents.read(buffer).await;
        if chunk.is_empty() {
            let end = self.end().await;
            return (self, end.map(|trailers| trailers.map(Frame::trailers)));
        }
        self.left = self.left.map(|left| left.saturating_sub(chunk.len() as u64));
        (self, Ok(Some(Frame::data(chunk.into()))))
    }

    /// The trailers, if there are any. An incomplete body must not look like a shorter one.
    async fn end(&mut self) -> Result<Option<HeaderMap>, ErrorCode> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(ErrorCode::HttpRequestBodySize(self.left));
        }
        match self.outcome.take() {
            Some(outcome) => Ok(outcome.await?.map(|trailers| headers(&trailers))),
            None => Ok(None),
        }
    }

    /// Whether more may follow after a chunk.
    fn has_more(&self) -> bool {
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
        if let BodyState::Idle(_) = self.state
            && let BodyState::Idle(reader) = std::mem::replace(&mut self.state, BodyState::Ended)
        {
            self.state = BodyState::Reading(Box::pin(reader.next()));
        }
        let BodyState::Reading(reading) = &mut self.state else {
            return Poll::Ready(None);
        };
        let (reader, frame) = ready!(reading.as_mut().poll(context));
        self.state = match &frame {
            Ok(Some(frame)) if frame.is_data() && reader.has_more() => BodyState::Idle(reader),
            _ => BodyState::Ended,
        };
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, BodyState::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            BodyState::Ended => SizeHint::with_exact(0),
            BodyState::Idle(BodyReader { left: Some(left), .. }) => SizeHint::with_exact(*left),
            BodyState::Idle(_) | BodyState::Reading(_) => SizeHint::default(),
        }
    }
}

/// The length of a body from its header. The host ensures that there is at most one such header, and that it is
/// correct.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The headers of a message. The host gives only valid names and values. Invalid ones would be left out.
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
