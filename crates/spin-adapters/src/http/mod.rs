//! HTTP, in and out: requests that this component answers, and those that it sends to other components of the
//! application (`http://NAME.spin.internal`, in process, without a socket).
//!
//! The SDK has adapters of its own, which treat every body as a stream of unknown length, and each wait for a piece of a
//! stream is a trip out of the component and back. Here a body whose length is known travels in one piece, and a call
//! between two components is three such trips (docs/PERFORMANCE.md has the figures).

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

/// A component, or a host outside, did not answer. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    /// An error with this cause.
    pub fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// Gets a text of at most `most` bytes. The caller sets the time limit for all of it; `connect` is what the host is told of
/// the part of it that connecting may take, where there is something to connect to.
pub async fn get(uri: &str, most: usize, connect: Option<Duration>) -> Result<(StatusCode, String), Error> {
    let request = Request::get(uri).body(Bytes::new()).map_err(Error::new)?;
    let (head, body) = exchange(request, connect, most).await?.into_parts();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// Sends a request and returns the head of its response; the body is still to be read. The caller sets the time limit.
///
/// # Errors
/// There is no answer.
pub async fn begin(request: Request<Body>, connect: Option<Duration>) -> Result<Response<Incoming>, Error> {
    send(request, connect).await.map_err(Error::new)
}

/// Sends a request and reads its response, of at most `most` bytes. The caller sets the time limit for all of it; `connect`
/// is as for [`get`].
///
/// # Errors
/// There is no answer, or a larger one.
pub async fn exchange(
    request: Request<impl Into<Body>>,
    connect: Option<Duration>,
    most: usize,
) -> Result<Response<Bytes>, Error> {
    let (head, body) = begin(request.map(Into::into), connect).await?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(Error::new)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
