use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};

/// The body of a response that a [`Router`](crate::Router) gives.
#[derive(Debug, Default)]
pub struct Body(Full<Bytes>);

impl Body {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Full::new(bytes.into()))
    }
}

/// For answers of the same server that are no RPC's.
impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Why a body could not be read whole.
pub(crate) enum ReadError<E> {
    /// It is larger than it may be.
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
        // What is not data is trailers, and this protocol has none.
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
