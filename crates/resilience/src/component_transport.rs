//! Calls of other components of the application: timed, tried again where that does no harm, and not made at all while
//! the component is known to fail.

use std::time::{Duration, Instant};

use bytes::Bytes;
use connect::{Deadline, Idempotency, MethodKind, Transport, TransportError};
use http::{HeaderMap, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{Either, Full};
use spin_adapters::{
    clock::{Elapsed, sleep, within},
    http::{Error, Incoming, Timed, begin, exchange},
    log, variables,
};
use web::request_id::RequestIds;

use crate::{breaker::Breaker, retry};

/// How long a called component may take, where nothing else is said.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a call may have taken for another attempt to be made: what failed slowly is no hiccup, and its caller has waited.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much longer than a call a probe's lease lasts: its end has to be told, too.
const TELLING: Duration = Duration::from_secs(2);

/// The largest response of a called component, in bytes: what its own clients accept.
const MOST_RESPONSE: usize = 4 * 1024 * 1024;

/// The way to another component of this application, by its name in `spin.toml`. Typed clients are built on it.
///
/// A chained call has no connection to wait for, so there is one limit for all of it: 10 s, unless told otherwise, or the
/// caller's deadline where that is earlier.
#[derive(Clone, Copy, Debug)]
pub struct ComponentTransport {
    component: &'static str,
    timeout: Option<&'static str>,
    most: Duration,
    breaker: Breaker,
}

/// Why an attempt came to nothing.
enum Failure {
    /// `unavailable`, in words of the component's or the host's.
    Refused(Box<Response<Body>>),
    NoAnswer(Error),
    Late(Elapsed),
}

type Body = Either<Full<Bytes>, Timed<Incoming>>;

impl ComponentTransport {
    /// The way to this component. `allowed_outbound_hosts` must have `http://NAME.spin.internal`.
    pub const fn to(component: &'static str) -> Self {
        Self {
            component,
            timeout: None,
            most: LIMIT,
            breaker: Breaker::local(component),
        }
    }

    /// The same way, with the limit that this variable has, in seconds.
    #[must_use]
    pub const fn timeout(mut self, variable: &'static str) -> Self {
        self.timeout = Some(variable);
        self
    }

    /// The same way, with this limit, whatever a variable allows.
    #[must_use]
    pub const fn at_most(mut self, limit: Duration) -> Self {
        self.most = limit;
        self
    }

    /// The same way, with another breaker than the instance's own.
    #[must_use]
    pub const fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    async fn limit(&self) -> Result<Duration, variables::Error> {
        match self.timeout {
            Some(variable) if self.most == LIMIT => variables::seconds(variable).await,
            Some(variable) => Ok(variables::seconds(variable).await?.min(self.most)),
            None => Ok(self.most),
        }
    }

    fn address(&self, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme("http")
            .authority(format!("{}.spin.internal", self.component))
            .path_and_query(path.map_or("/", PathAndQuery::as_str))
            .build()
    }

    /// What the caller is told; the cause is for the log.
    fn failed(&self, headers: &HeaderMap, cause: impl std::fmt::Display) -> TransportError {
        log::error(
            RequestIds::of(headers),
            format_args!("call of {}: {cause}", self.component),
        );
        TransportError::Unavailable(format!(
            "the {} service does not answer; try again",
            self.component
        ))
    }

    async fn attempt(
        &self,
        request: Request<connect::Body>,
        until: Instant,
    ) -> Result<Response<Body>, Failure> {
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        // A body with trailers is not read whole, either: they would be lost.
        let ends_at = match kind(&request).gives_stream() {
            true => deadline,
            false => Some(until),
        };
        let comes_in_pieces = kind(&request).gives_stream() || request.headers().contains_key(header::TE);
        let left = until.saturating_duration_since(Instant::now());
        let answered = within(left, async {
            Ok::<_, Error>(match comes_in_pieces {
                true => begin(request, None)
                    .await?
                    .map(|body| Either::Right(Timed::until(ends_at, body))),
                false => exchange(request, None, MOST_RESPONSE)
                    .await?
                    .map(|body| Either::Left(Full::new(body))),
            })
        });
        match answered.await {
            Ok(Ok(response)) if is_failure(response.status()) => Err(Failure::Refused(Box::new(response))),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(cause)) => Err(Failure::NoAnswer(cause)),
            Err(elapsed) => Err(Failure::Late(elapsed)),
        }
    }
}

/// Whether this is a component's failure to serve, and none of the call: what `unavailable` is in HTTP, and what a host says
/// in its place.
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// How many messages a call takes and gives. What says nothing is no RPC.
fn kind(request: &Request<connect::Body>) -> MethodKind {
    request.extensions().get().copied().unwrap_or(MethodKind::Unary)
}

/// Whether a request may be sent more than once: it reads, or its repeat changes nothing. A stream may have begun.
fn may_repeat(request: &Request<connect::Body>) -> bool {
    kind(request) == MethodKind::Unary
        && matches!(
            request.extensions().get(),
            Some(Idempotency::NoSideEffects | Idempotency::Idempotent)
        )
}

impl Transport for ComponentTransport {
    type ResponseBody = Body;

    /// All attempts together end within the limit, the response's body included. A stream of answers has to begin
    /// within that time, and may then go on until the caller's deadline. A stream of requests may take until then, too,
    /// for the answer may have to wait for the last of them.
    async fn send(&self, mut request: Request<connect::Body>) -> Result<Response<Body>, TransportError> {
        let begun = Instant::now();
        let address = self.address(request.uri().path_and_query());
        *request.uri_mut() = address.map_err(|cause| self.failed(request.headers(), cause))?;
        let limit = self.limit().await;
        let limit = limit.map_err(|cause| self.failed(request.headers(), cause))?;
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        let until = match deadline {
            Some(deadline) if kind(&request).takes_stream() => deadline,
            Some(deadline) => deadline.min(begun + limit),
            None => begun + limit,
        };
        let may_repeat = may_repeat(&request);
        let lease = limit.max(until.saturating_duration_since(begun)) + TELLING;
        let (head, mut body) = request.into_parts();

        for attempt in 1.. {
            let pass = self.breaker.enter(lease).await;
            let pass = pass.map_err(|open| self.failed(&head.headers, open))?;
            // A stream is there once, and its call is made once.
            let sent = body.try_clone().unwrap_or_else(|| std::mem::take(&mut body));
            let failure = match self.attempt(Request::from_parts(head.clone(), sent), until).await {
                Ok(response) => {
                    pass.succeeded().await;
                    return Ok(response);
                }
                // The caller's time was too short, which is no fault of the component's.
                Err(Failure::Late(_)) if deadline == Some(until) => break,
                Err(failure) => failure,
            };
            pass.failed().await;
            let may_repeat = may_repeat && begun.elapsed() < PATIENCE;
            let pause = retry::pause(attempt).filter(|pause| may_repeat && Instant::now() + *pause < until);
            let (error, answer) = match failure {
                Failure::Refused(response) => (format!("it answered {}", response.status()), Some(*response)),
                Failure::NoAnswer(cause) => (cause.to_string(), None),
                Failure::Late(elapsed) => (elapsed.to_string(), None),
            };
            let error = self.failed(&head.headers, format_args!("attempt {attempt}: {error}"));
            match (pause, answer) {
                (Some(pause), _) => sleep(pause).await,
                (None, Some(response)) => return Ok(response),
                (None, None) => return Err(error),
            }
        }
        Err(TransportError::DeadlineExceeded(
            "the time for this request ran out".into(),
        ))
    }
}
