use std::borrow::Cow;
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, Uri};

use crate::query;

/// What surrounds one request while it is handled: what came with it besides the message, and what goes back with the
/// answer.
///
/// Metadata whose name ends in `-bin` is bytes in base64 (Connect protocol, "Metadata"). It passes through as it is: who reads
/// it has to accept padding and its absence, who writes it leaves padding out.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The headers for calls made on behalf of this request. Empty at first: nothing travels on by itself; an
    /// interceptor puts here what should.
    pub outgoing: HeaderMap,
    /// Headers for the response, whether it succeeds or fails.
    pub response_headers: HeaderMap,
    /// Metadata for the end of the response, whether it succeeds or fails; a unary response carries it as headers
    /// prefixed with `trailer-`.
    pub response_trailers: HeaderMap,
    /// What interceptors leave for handlers, by type: above all who is calling.
    pub extensions: Extensions,
    deadline: Option<Instant>,
    /// The URI of a GET.
    get: Option<Uri>,
}

impl Context {
    /// The context of a request with these headers that must be answered by `deadline`.
    pub fn new(headers: HeaderMap, deadline: Option<Instant>) -> Self {
        Self {
            headers,
            deadline,
            ..Self::default()
        }
    }

    /// The same context of a call that came by GET, with this URI.
    pub(crate) fn by_get(mut self, uri: Uri) -> Self {
        self.get = Some(uri);
        self
    }

    /// The parameters of the query, decoded and in their order, where the call came by GET; `None` where it came by POST.
    /// The message is among them (Connect protocol, "Unary-Get-Request"). Bytes that are not UTF-8 read as U+FFFD.
    pub fn query_parameters(&self) -> Option<impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)>> {
        let uri = self.get.as_ref()?;
        Some(query::parameters(uri.query().unwrap_or_default()))
    }

    /// When the caller stops waiting, if it said so.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits, if it said so; zero if it waits no more.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Moves the deadline to `latest`, unless it is earlier already.
    pub fn limit_deadline(&mut self, latest: Instant) {
        self.deadline = Some(self.deadline.map_or(latest, |deadline| deadline.min(latest)));
    }

    /// The options for a call made on behalf of this request: its outgoing headers and what is left of its time.
    pub fn call_options(&self) -> CallOptions {
        CallOptions {
            headers: self.outgoing.clone(),
            deadline: self.deadline,
        }
    }
}

/// What goes with a call besides the message.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Headers to send.
    pub headers: HeaderMap,
    /// When to stop waiting. The called service is told how much time that leaves it.
    pub deadline: Option<Instant>,
}
