//! Calls of servers outside of the application.

use std::time::{Duration, Instant};

use connect::{Body, Deadline, Transport, TransportError};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use spin_adapters::{
    clock::within,
    http::{Error, Incoming, Timed, begin},
    log,
};
use web::request_id::RequestIds;

/// The time limit of a call without a deadline.
const LIMIT: Duration = Duration::from_secs(10);

/// The transport to a server outside of the application. Typed clients use it.
///
/// A call must end by its deadline, or within 10 s, including the response's body. It is made once. The host chooses
/// the version of HTTP (docs/ARCHITECTURE.md, "Where Spin and our host differ"). For gRPC the host must be configured
/// to use HTTP/2 with the server.
#[derive(Clone, Debug)]
pub struct RemoteTransport {
    scheme: Scheme,
    authority: Authority,
}

impl RemoteTransport {
    /// The transport to the server of this origin, such as `http://127.0.0.1:8080`. `allowed_outbound_hosts` must have it.
    ///
    /// # Errors
    /// The text is not an origin, which has only a scheme and an authority.
    pub fn to(origin: &str) -> Result<Self, Error> {
        let parts = origin.parse::<Uri>().map_err(Error::new)?.into_parts();
        match (parts.scheme, parts.authority, parts.path_and_query) {
            (Some(scheme), Some(authority), path) if path.as_ref().is_none_or(|path| path == "/") => {
                Ok(Self { scheme, authority })
            }
            _ => Err(Error::new(format_args!(
                "{origin:?} is not an origin: write scheme and authority, such as http://127.0.0.1:8080"
            ))),
        }
    }

    fn address(&self, path: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path.map_or("/", PathAndQuery::as_str))
            .build()
    }
}

impl Transport for RemoteTransport {
    type ResponseBody = Timed<Incoming>;

    async fn send(&self, mut request: Request<Body>) -> Result<Response<Timed<Incoming>>, TransportError> {
        let headers = request.headers().clone();
        let failed = |cause: Error| {
            let call = format_args!("a call of {} failed: {cause}", self.authority);
            log::error(RequestIds::of(&headers), call);
            TransportError::Unavailable("the server does not answer; try again".into())
        };
        let deadline = request.extensions().get::<Deadline>().map(|Deadline(at)| *at);
        let deadline = deadline.unwrap_or_else(|| Instant::now() + LIMIT);
        *request.uri_mut() = match self.address(request.uri().path_and_query()) {
            Ok(address) => address,
            Err(cause) => return Err(failed(Error::new(cause))),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match within(left, begin(request, None)).await {
            Ok(Ok(response)) => Ok(response.map(|body| Timed::until(Some(deadline), body))),
            Ok(Err(cause)) => Err(failed(cause)),
            Err(_) => Err(TransportError::DeadlineExceeded(
                "the time for this request ran out".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_and_authority() {
        for origin in ["http://127.0.0.1:8080", "https://example.com", "http://[::1]:1/"] {
            let remote = RemoteTransport::to(origin).expect(origin);
            let address = remote
                .address(Some(&PathAndQuery::from_static("/a.B/C?d")))
                .expect(origin);
            assert_eq!(
                address.to_string(),
                format!("{}/a.B/C?d", origin.trim_end_matches('/'))
            );
        }
        for wrong in [
            "",
            "/",
            "example.com",
            "http://example.com/a",
            "http://example.com/?b",
            "http://",
        ] {
            assert!(RemoteTransport::to(wrong).is_err(), "{wrong:?}");
        }
    }
}
