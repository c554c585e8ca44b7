//! Cross-origin access to the responses (the Fetch standard's CORS). None of these responses depends on a cookie, and
//! browsers may not send cookies with such requests.

use connect::Body;
use http::{Response, StatusCode, header};
use spin_adapters::log;

use crate::clients::domain::is_origin;
use crate::clients::service::{ClientStore, Clients};
use crate::request::HttpRequest;
use crate::response::{append, empty, set};

/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBERED: &str = "600";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// None, because browsers open these addresses, not scripts.
    None,
    /// Those that a client has registered (`allowed_cors_origins`).
    Registered,
    /// All: the content is public.
    All,
}

/// The response to a preflight. [`allow`] adds the headers that allow the request.
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

/// Adds the headers with which the requesting page may read the response, if it may.
pub(crate) async fn allow(
    clients: &Clients<'_, impl ClientStore>,
    request: &HttpRequest,
    origins: Origins,
    response: &mut Response<Body>,
) {
    let allowed = match (origins, request.header(header::ORIGIN)) {
        (Origins::None, _) | (Origins::Registered, None) => None,
        (Origins::All, _) => Some("*"),
        (Origins::Registered, Some(origin)) => {
            let may_read = may_read(clients, request, origin, response.status()).await;
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

/// Whether a client has registered the origin. While the database cannot answer, all pages may read a server error,
/// because such a response contains no other data.
async fn may_read(
    clients: &Clients<'_, impl ClientStore>,
    request: &HttpRequest,
    origin: &str,
    status: StatusCode,
) -> bool {
    if !is_origin(origin) {
        return false;
    }
    let registered = clients.allows_origin(origin).await;
    registered.unwrap_or_else(|error| {
        log::error(request.ids(), error);
        status.is_server_error()
    })
}
