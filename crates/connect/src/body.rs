use std::convert::Infallible;
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{LocalBoxStream, Stream, StreamExt as _};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};

/// The body of a request that a [`Client`](crate::Client) sends, or of a response that a [`Router`](crate::Router) returns:
/// a whole body, or a stream of messages from the caller or the method. Dropping the body drops the source of the messages.
#[derive(Default)]
pub struct Body(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Stream(LocalBoxStream<'static, Frame<Bytes>>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl Body {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(Full::new(bytes.into())))
    }

    /// A copy of the body, if it is whole: a stream cannot be copied.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Kind::Whole(body) => Some(Self(Kind::Whole(body.clone()))),
            Kind::Stream(_) => None,
        }
    }

    /// The frames of a body of either kind.
    pub(crate) fn into_frames(self) -> LocalBoxStream<'static, Frame<Bytes>> {
        match self.0 {
            Kind::Whole(body) => {
                let frame = http_body_util::BodyStream::new(body).map(|frame| match frame {
                    Ok(frame) => frame,
                    Err(never) => match never {},
                });
                frame.boxed_local()
            }
            Kind::Stream(frames) => frames,
        }
    }

    pub(crate) fn stream(frames: impl Stream<Item = Frame<Bytes>> + 'static) -> Self {
        Self(Kind::Stream(frames.boxed_local()))
    }
}

/// A body for requests and answers that are not RPCs.
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(body) => formatter.debug_tuple("Body").field(body).finish(),
            Kind::Stream(_) => formatter.write_str("Body(a stream)"),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Whole(body) => Pin::new(body).poll_frame(context),
            Kind::Stream(frames) => frames.poll_next_unpin(context).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// The reason why a body could not be read completely.
pub(crate) enum ReadError<E> {
    /// It is larger than the limit.
    TooLarge,
    /// It broke off.
    Broken(E),
}

/// Reads a body of at most `limit` bytes. One that comes in a single piece is not copied.
pub(crate) async fn read_whole<B: http_body::Body>(
    body: B,
    limit: usize,
) -> Result<Bytes, ReadError<B::Error>> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // A frame that is not data is trailers, which requests of these protocols do not use.
        let Ok(mut data) = frame.map_err(ReadError::Broken)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.remaining() > limit {
            return Err(ReadError::TooLarge);
        }
        match first.is_empty() {
            true => first = data.copy_to_bytes(data.remaining()),
            false => rest.extend_from_slice(&data.copy_to_bytes(data.remaining())),
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}
