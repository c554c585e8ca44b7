//! HTTP in both directions: requests that this component answers, and requests that it sends to other components of the
//! application (`http://NAME.spin.internal`, in process, without a socket).
//!
//! The SDK's adapters treat every body as a stream of unknown length, and each wait for a chunk of a stream is a call
//! to the host. Here a body of known length is one chunk, and a call between two components costs three calls to the
//! host (docs/PERFORMANCE.md has the figures).

mod incoming;
mod outgoing;
mod serve;
mod timed;

use std::time::Duration;

use bytes::Bytes;
use connect::Body;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};

pub use self::incoming::Incoming;
use self::outgoing::send;
#[doc(hidden)]
pub use self::serve::serve;
pub use self::timed::Timed;

/// A component or a server did not answer. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    /// An error with this cause.
    pub fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// Gets a text of at most `max_bytes`. The caller sets the time limit of the whole request. `connect` is the time limit for
/// connecting, for hosts that can limit it.
pub async fn get(
    uri: &str,
    max_bytes: usize,
    connect: Option<Duration>,
) -> Result<(StatusCode, String), Error> {
    let request = Request::get(uri).body(Bytes::new()).map_err(Error::new)?;
    let (head, body) = exchange(request, connect, max_bytes).await?.into_parts();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// Sends a request and returns the head of its response. The body is not read yet. The caller sets the time limit.
///
/// # Errors
/// There is no answer.
pub async fn begin(request: Request<Body>, connect: Option<Duration>) -> Result<Response<Incoming>, Error> {
    send(request, connect).await.map_err(Error::new)
}

/// Sends a request and reads its response of at most `max_bytes`. The caller sets the time limit of both. `connect` is as for
/// [`get`].
///
/// # Errors
/// There is no answer, or a larger one.
pub async fn exchange(
    request: Request<impl Into<Body>>,
    connect: Option<Duration>,
    max_bytes: usize,
) -> Result<Response<Bytes>, Error> {
    let (head, body) = begin(request.map(Into::into), connect).await?.into_parts();
    let body = Limited::new(body, max_bytes)
        .collect()
        .await
        .map_err(Error::new)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
