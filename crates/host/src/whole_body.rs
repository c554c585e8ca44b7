//! A body that is in memory completely.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::Error;

/// The largest piece of a body, in bytes. A client that takes a byte of an HTTP/2 response makes hyper send a whole piece to its
/// buffer.
const PIECE: usize = 16 << 10;

/// The bytes of a body and its trailers.
#[derive(Debug, Default)]
pub(crate) struct WholeBody {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

/// The beginning of a body, while it is read. It takes as much memory as the body has bytes, however small the frames are.
#[derive(Default)]
pub(crate) struct Beginning {
    data: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Beginning {
    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn push(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.data.put(data),
            Err(frame) => self.trailers = frame.into_trailers().ok(),
        }
    }
}

impl From<Beginning> for WholeBody {
    fn from(Beginning { data, trailers }: Beginning) -> Self {
        Self {
            data: data.freeze(),
            trailers,
        }
    }
}

impl WholeBody {
    /// Reads a body to its end.
    ///
    /// # Errors
    /// The body ends with an error.
    pub(crate) async fn read<B>(body: B) -> Result<Self, Error>
    where
        B: Body<Data = Bytes, Error = Error>,
    {
        let mut body = std::pin::pin!(body);
        let mut beginning = Beginning::default();
        let mut only = Bytes::new();
        while let Some(frame) = body.frame().await.transpose()? {
            match frame.into_data() {
                // Most short bodies are one frame, which needs no copy.
                Ok(data) if only.is_empty() && beginning.len() == 0 => only = data,
                Ok(data) => {
                    beginning.data.put(std::mem::take(&mut only));
                    beginning.data.put(data);
                }
                Err(frame) => beginning.trailers = frame.into_trailers().ok(),
            }
        }
        Ok(match only.is_empty() {
            true => beginning.into(),
            false => Self {
                data: only,
                trailers: beginning.trailers,
            },
        })
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.data.has_remaining() {
            let length = self.data.len().min(PIECE);
            return Poll::Ready(Some(Ok(Frame::data(self.data.split_to(length)))));
        }
        let trailers = self.trailers.take();
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
