use std::borrow::Cow;
use std::time::{Duration, Instant};

use http::{Extensions, HeaderMap, Uri};

use crate::query;

/// The context of a request: the data that came with it besides the message, and the metadata of the answer.
///
/// Metadata whose name ends in `-bin` is bytes in base64 (Connect protocol, "Metadata"). It is passed on unchanged. A reader
/// has to accept it with and without padding, and a writer leaves padding out.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The headers for calls on behalf of this request. It is empty at first: no header is passed on by itself. An
    /// interceptor adds the headers to pass on.
    pub outgoing: HeaderMap,
    /// Headers for the response, whether it succeeds or fails.
    pub response_headers: HeaderMap,
    /// Metadata for the end of the response, whether it succeeds or fails; a unary response carries it as headers
    /// prefixed with `trailer-`.
    pub response_trailers: HeaderMap,
    /// Values from interceptors for handlers, by type, such as the caller.
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

    /// The parameters of the query, decoded and in their order, for a call by GET. `None` for a call by POST. The
    /// message is among them (Connect protocol, "Unary-Get-Request"). Bytes that are not UTF-8 read as U+FFFD.
    pub fn query_parameters(&self) -> Option<impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)>> {
        let uri = self.get.as_ref()?;
        Some(query::parameters(uri.query().unwrap_or_default()))
    }

    /// The moment at which the caller stops waiting, if the request has a deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the caller still waits, if the request has a deadline; zero after the deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Moves the deadline to `latest`, unless it is earlier already.
    pub fn limit_deadline(&mut self, latest: Instant) {
        self.deadline = Some(self.deadline.map_or(latest, |deadline| deadline.min(latest)));
    }

    /// The options for a call on behalf of this request: its outgoing headers and its deadline.
    pub fn call_options(&self) -> CallOptions {
        CallOptions {
            headers: self.outgoing.clone(),
            deadline: self.deadline,
        }
    }
}

/// The data that is sent with a call besides the message.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Headers to send.
    pub headers: HeaderMap,
    /// When to stop waiting. The remaining time is sent to the called service.
    pub deadline: Option<Instant>,
}
