//! Which pages of other origins may read the answers (the Fetch standard's CORS). No answer to them depends on a cookie, and
//! none is allowed to be sent.

use connect::Body;
use http::{Response, StatusCode, header};
use spin_adapters::log;

use crate::Issuer;
use crate::domain::client::is_origin;
use crate::exchange::{Call, append, empty, set};

/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBERED: &str = "600";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Only browsers themselves come here, no scripts.
    None,
    /// Those that some client has registered (`allowed_cors_origins`).
    Registered,
    /// Everybody: it is public.
    All,
}

/// The answer to a preflight; whether it allows anything is up to [`allow`].
pub(crate) fn preflight(methods: &str) -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    set(&mut response, header::ALLOW, methods);
    set(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    set(
        &mut response,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type",
    );
    set(&mut response, header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    response
}

/// Lets the page that asks read the answer, if it may.
pub(crate) async fn allow(issuer: &Issuer, call: &Call, origins: Origins, response: &mut Response<Body>) {
    let allowed = match (origins, call.header(header::ORIGIN)) {
        (Origins::None, _) | (Origins::Registered, None) => None,
        (Origins::All, _) => Some("*"),
        (Origins::Registered, Some(origin)) => {
            let may_read = may_read(issuer, call, origin, response.status()).await;
            may_read.then_some(origin)
        }
    };
    if let Some(allowed) = allowed {
        set(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        set(
            response,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "retry-after, www-authenticate, x-request-id",
        );
    }
    if origins == Origins::Registered {
        append(response.headers_mut(), header::VARY, "Origin");
    }
}

/// Whether some client has registered the origin. While the database cannot say, all may read that something failed here:
/// such an answer has nothing else in it.
async fn may_read(issuer: &Issuer, call: &Call, origin: &str, status: StatusCode) -> bool {
    if !is_origin(origin) {
        return false;
    }
    let registered = issuer.store.allows_origin(origin).await;
    registered.unwrap_or_else(|error| {
        log::error(call.names(), error);
        status.is_server_error()
    })
}
