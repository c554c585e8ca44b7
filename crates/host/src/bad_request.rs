//! Requests that the host refuses before it calls a component.

use http::StatusCode;
use http::header::InvalidHeaderValue;

/// The reason why a request cannot be passed to a component. Each one is the client's fault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("the request has no Host header: send one, such as example.com:3000")]
    NoHost,
    #[error("the request has more than one Host header: send one")]
    SeveralHosts,
    #[error("the Host header is not a host with an optional port, such as example.com:3000")]
    HostSyntax,
    #[error("the Host header and the request's :authority differ: send one of them, or the same in both")]
    HostMismatch,
    #[error("the host is a name for calls between components: send the name of this server")]
    InternalHost,
    #[error("the Transfer-Encoding is not understood: send \"chunked\", once")]
    TransferCoding,
    #[error("the path cannot be passed on in a header")]
    Path,
}

impl BadRequest {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            // RFC 9112, section 6.1.
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<InvalidHeaderValue> for BadRequest {
    // The host's own values are valid. The only other cause is a path with bytes that are not allowed in a header.
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Path
    }
}
