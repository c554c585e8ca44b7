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

use std::time::{Duration, Instant};

use bytes::Bytes;
use connect::{Body, Deadline, MethodKind, Transport, TransportError};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Either, Full, Limited};

pub use self::incoming::Incoming;
use self::outgoing::send;
#[doc(hidden)]
pub use self::serve::serve;
pub use self::timed::Timed;
use crate::{clock::within, log, rpc::X_REQUEST_ID};

/// How long a called component may take when its caller has more time than that.
const LIMIT: Duration = Duration::from_secs(10);

/// The largest response of a called component, in bytes: what its own clients accept.
const MOST_RESPONSE: usize = 4 * 1024 * 1024;

/// A component, or a host outside, did not answer. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// A short text for people.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

/// Gets a text of at most `most` bytes. The caller sets the time limit.
pub async fn get(uri: &str, most: usize) -> Result<(StatusCode, String), Error> {
    let request = Request::get(uri).body(Bytes::new()).map_err(Error::new)?;
    let (head, body) = exchange(request, most).await?.into_parts();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// The way to another component of this application, by its name in `spin.toml`. Typed clients are built on it.
#[derive(Clone, Copy, Debug)]
pub struct Chained {
    component: &'static str,
}

impl Chained {
    /// The way to this component. `allowed_outbound_hosts` must have `http://NAME.spin.internal`.
    pub fn to(component: &'static str) -> Self {
        Self { component }
    }

    fn address(self, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme("http")
            .authority(format!("{}.spin.internal", self.component))
            .path_and_query(path.map_or("/", PathAndQuery::as_str))
            .build()
    }

    /// What the caller is told; the cause is for the log, under the request's id.
    fn failed(self, request_id: &str, cause: impl std::fmt::Display) -> TransportError {
        log::error(request_id, format_args!("call of {}: {cause}", self.component));
        TransportError::Unavailable(format!(
            "the {} service does not answer; try again",
            self.component
        ))
    }
}

impl Transport for Chained {
    type ResponseBody = Either<Full<Bytes>, Timed<Incoming>>;

    /// Within 10 s, or the caller's deadline where that is earlier, the response's body included. A stream of messages
    /// has to begin within that time, and may then go on until the caller's deadline.
    async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Self::ResponseBody>, TransportError> {
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        let streams = request.extensions().get() == Some(&MethodKind::ServerStreaming);
        let left = deadline.map_or(LIMIT, |at| at.saturating_duration_since(Instant::now()));
        let request_id = request.headers().get(X_REQUEST_ID).cloned();
        let request_id = request_id
            .as_ref()
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default();

        let address = self.address(request.uri().path_and_query());
        *request.uri_mut() = address.map_err(|cause| self.failed(request_id, cause))?;
        let answered = within(left.min(LIMIT), async {
            Ok::<_, Error>(match streams {
                true => begin(request)
                    .await?
                    .map(|body| Either::Right(Timed::until(deadline, body))),
                false => exchange(request, MOST_RESPONSE)
                    .await?
                    .map(|body| Either::Left(Full::new(body))),
            })
        });
        match answered.await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(cause)) => Err(self.failed(request_id, cause)),
            Err(_) if left <= LIMIT => Err(TransportError::DeadlineExceeded(
                "the time for this request ran out".into(),
            )),
            Err(elapsed) => Err(self.failed(request_id, elapsed)),
        }
    }
}

/// The response, its body still to come.
async fn begin(request: Request<Bytes>) -> Result<Response<Incoming>, Error> {
    send(request).await.map_err(Error::new)
}

async fn exchange(request: Request<Bytes>, most: usize) -> Result<Response<Bytes>, Error> {
    let (head, body) = begin(request).await?.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(Error::new)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
