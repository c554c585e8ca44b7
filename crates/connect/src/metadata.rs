//! Metadata of a call in HTTP headers, and the form of trailing metadata.

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, SERVER, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName};

/// The prefix of trailing metadata in the headers of a unary response.
const TRAILER_PREFIX: &str = "trailer-";

/// Headers that describe one HTTP message or connection, and have no meaning for another.
const FRAMING: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers that every server writes for itself.
const SERVER_OWN: [HeaderName; 4] = [ACCEPT_ENCODING, DATE, HOST, SERVER];

/// Removes headers that would contradict the actual form of the message.
pub(crate) fn remove_framing(headers: &mut HeaderMap) {
    for name in &FRAMING {
        headers.remove(name);
    }
}

/// Adds metadata to other metadata. Existing values of the same name are kept.
pub(crate) fn append_all(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        headers.append(name, value.clone());
    }
}

/// Adds trailing metadata in the form of a unary response.
pub(crate) fn append_trailers(headers: &mut HeaderMap, trailers: &HeaderMap) {
    for (name, value) in trailers {
        // With a prefix of letters, a header's name is still valid.
        if let Ok(name) = HeaderName::try_from(format!("{TRAILER_PREFIX}{name}")) {
            headers.append(name, value.clone());
        }
    }
}

/// The metadata in headers or trailers, without the headers of HTTP and of the protocol. Connect and gRPC reserve these
/// prefixes.
pub(crate) fn custom(mut headers: HeaderMap) -> HeaderMap {
    remove_framing(&mut headers);
    for name in &SERVER_OWN {
        headers.remove(name);
    }
    let own = |name: &&HeaderName| {
        ["connect-", "grpc-"]
            .iter()
            .any(|prefix| name.as_str().starts_with(prefix))
    };
    let own: Vec<HeaderName> = headers.keys().filter(own).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    headers
}

/// Splits the headers of a unary response into leading and trailing metadata.
pub(crate) fn split(headers: HeaderMap) -> (HeaderMap, HeaderMap) {
    let (mut leading, mut trailing) = (HeaderMap::new(), HeaderMap::new());
    for (name, value) in &custom(headers) {
        let trailer = name.as_str().strip_prefix(TRAILER_PREFIX);
        match trailer.map(HeaderName::try_from) {
            Some(Ok(trailer)) => trailing.append(trailer, value.clone()),
            _ => leading.append(name, value.clone()),
        };
    }
    (leading, trailing)
}
