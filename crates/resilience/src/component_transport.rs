//! Calls of other components of the application: with a time limit, with retries if a retry is safe, and with a circuit
//! breaker.

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

/// How long a called component may take, unless the transport has another limit.
const LIMIT: Duration = Duration::from_secs(10);

/// A call that has taken this long is not tried again: a slow failure is not a short disturbance, and the caller has
/// waited long enough.
const RETRY_WINDOW: Duration = Duration::from_secs(1);

/// How much longer than a call a probe's lease lasts, because the probe must also report its result.
const REPORT_TIME: Duration = Duration::from_secs(2);

/// The largest response of a called component, in bytes. Its clients accept the same size.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The transport to another component of this application, by its name in `spin.toml`. Typed clients use it.
///
/// A call inside the application does not wait for a connection, so it has one time limit: 10 s or the limit that is
/// set. An earlier deadline of the caller counts instead.
#[derive(Clone, Copy, Debug)]
pub struct ComponentTransport {
    component: &'static str,
    timeout: Option<&'static str>,
    max: Duration,
    breaker: Breaker,
}

/// Why an attempt failed.
enum AttemptFailure {
    /// The component or the host answered that it is unavailable.
    Unavailable(Box<Response<Body>>),
    NoAnswer(Error),
    TimedOut(Elapsed),
}

type Body = Either<Full<Bytes>, Timed<Incoming>>;

impl ComponentTransport {
    /// The transport to this component. `allowed_outbound_hosts` must have `http://NAME.spin.internal`.
    pub const fn to(component: &'static str) -> Self {
        Self {
            component,
            timeout: None,
            max: LIMIT,
            breaker: Breaker::local(component),
        }
    }

    /// Sets the time limit to the value of this variable, in seconds.
    #[must_use]
    pub const fn timeout(mut self, variable: &'static str) -> Self {
        self.timeout = Some(variable);
        self
    }

    /// Lowers the time limit to this one, even if the variable is higher.
    #[must_use]
    pub const fn at_most(mut self, limit: Duration) -> Self {
        self.max = limit;
        self
    }

    /// Replaces the breaker, which is a local one by default.
    #[must_use]
    pub const fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    async fn limit(&self) -> Result<Duration, variables::Error> {
        match self.timeout {
            Some(variable) if self.max == LIMIT => variables::seconds(variable).await,
            Some(variable) => Ok(variables::seconds(variable).await?.min(self.max)),
            None => Ok(self.max),
        }
    }

    fn address(&self, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme("http")
            .authority(format!("{}.spin.internal", self.component))
            .path_and_query(path.map_or("/", PathAndQuery::as_str))
            .build()
    }

    /// The error for the caller. The cause is logged.
    fn unavailable(&self, headers: &HeaderMap, cause: impl std::fmt::Display) -> TransportError {
        log::error(
            RequestIds::of(headers),
            format_args!("a call of {} failed: {cause}", self.component),
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
    ) -> Result<Response<Body>, AttemptFailure> {
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        // A body with trailers is also passed on in pieces, because reading it completely would lose them.
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
                false => exchange(request, None, MAX_RESPONSE_BYTES)
                    .await?
                    .map(|body| Either::Left(Full::new(body))),
            })
        });
        match answered.await {
            Ok(Ok(response)) if is_failure(response.status()) => {
                Err(AttemptFailure::Unavailable(Box::new(response)))
            }
            Ok(Ok(response)) => Ok(response),
            Ok(Err(cause)) => Err(AttemptFailure::NoAnswer(cause)),
            Err(elapsed) => Err(AttemptFailure::TimedOut(elapsed)),
        }
    }
}

/// Whether the component failed, not the call: the HTTP statuses of `unavailable`, from the component or from its host.
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// How many messages a call sends and receives. A request without this information is not an RPC.
fn kind(request: &Request<connect::Body>) -> MethodKind {
    request.extensions().get().copied().unwrap_or(MethodKind::Unary)
}

/// Whether a request may be sent more than once: it has no side effects, or a repeat changes nothing. A stream is not
/// repeated, because it may have begun.
fn may_repeat(request: &Request<connect::Body>) -> bool {
    kind(request) == MethodKind::Unary
        && matches!(
            request.extensions().get(),
            Some(Idempotency::NoSideEffects | Idempotency::Idempotent)
        )
}

impl Transport for ComponentTransport {
    type ResponseBody = Body;

    /// All attempts together end within the limit, including the response's body. A stream of answers must begin within
    /// that time, and may last until the caller's deadline. A stream of requests may also last until then, because the
    /// answer may have to wait for its last request.
    async fn send(&self, mut request: Request<connect::Body>) -> Result<Response<Body>, TransportError> {
        let began = Instant::now();
        let address = self.address(request.uri().path_and_query());
        *request.uri_mut() = address.map_err(|cause| self.unavailable(request.headers(), cause))?;
        let limit = self.limit().await;
        let limit = limit.map_err(|cause| self.unavailable(request.headers(), cause))?;
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        let until = match deadline {
            Some(deadline) if kind(&request).takes_stream() => deadline,
            Some(deadline) => deadline.min(began + limit),
            None => began + limit,
        };
        let may_repeat = may_repeat(&request);
        let lease = limit.max(until.saturating_duration_since(began)) + REPORT_TIME;
        let (head, mut body) = request.into_parts();

        for attempt in 1.. {
            let permit = self.breaker.acquire(lease).await;
            let permit = permit.map_err(|open| self.unavailable(&head.headers, open))?;
            // A stream cannot be sent twice, so its call is made once.
            let sent = body.try_clone().unwrap_or_else(|| std::mem::take(&mut body));
            let failure = match self.attempt(Request::from_parts(head.clone(), sent), until).await {
                Ok(response) => {
                    permit.succeeded().await;
                    return Ok(response);
                }
                // The caller's time was too short. The component did not fail.
                Err(AttemptFailure::TimedOut(_)) if deadline == Some(until) => break,
                Err(failure) => failure,
            };
            permit.failed().await;
            let may_repeat = may_repeat && began.elapsed() < RETRY_WINDOW;
            let pause = retry::pause(attempt).filter(|pause| may_repeat && Instant::now() + *pause < until);
            let (error, answer) = match failure {
                AttemptFailure::Unavailable(response) => {
                    (format!("it answered {}", response.status()), Some(*response))
                }
                AttemptFailure::NoAnswer(cause) => (cause.to_string(), None),
                AttemptFailure::TimedOut(elapsed) => (elapsed.to_string(), None),
            };
            let error = self.unavailable(&head.headers, format_args!("attempt {attempt}: {error}"));
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
