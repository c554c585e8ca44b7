//! Cross-origin requests (Fetch Standard, section 3.2): browsers may call from the origins that the variable
//! `allowed_origins` lists, and from no other.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Request headers that a page may send in addition to those that are always allowed.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, connect-accept-encoding, connect-content-encoding, connect-protocol-version, connect-timeout-ms, \
     content-encoding, content-type, grpc-accept-encoding, grpc-encoding, grpc-timeout, idempotency-key, traceparent, \
     tracestate, x-grpc-web, x-request-id, x-user-agent",
);

/// Response headers that a page may read in addition to those that it always can. gRPC-Web may have its status in them.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "age, cache-status, connect-content-encoding, grpc-encoding, grpc-message, grpc-status, grpc-status-details-bin, ratelimit-limit, \
     ratelimit-remaining, ratelimit-reset, retry-after, www-authenticate, x-request-id",
);

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, POST");

/// How long a browser may remember a preflight: 2 h, as long as Chromium does.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The request's origin, if the list has it. The list is separated by commas. Origins are compared byte by byte, as browsers
/// serialize them (scheme, host and port, in lower case).
pub(crate) fn allowed_origin(allowed_origins: &str, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let listed = |allowed: &str| !allowed.is_empty() && allowed.as_bytes() == origin.as_bytes();
    allowed_origins
        .split(',')
        .map(str::trim)
        .any(listed)
        .then(|| origin.clone())
}

/// Whether the request is a preflight request of a browser.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds the headers of a preflight answer that [`grant`] does not add.
pub(crate) fn grant_preflight(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// Adds the CORS headers of every answer. They allow pages of an allowed origin to read the answer, and they show
/// caches that it depends on the origin. Credentials are never allowed: clients send tokens in a header, not in
/// cookies.
pub(crate) fn grant(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    const ORIGIN: HeaderValue = HeaderValue::from_static("origin");
    headers.append(header::VARY, ORIGIN);
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        HeaderName::from_static("access-control-expose-headers"),
        EXPOSED_HEADERS,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let listed = "https://shop.example, http://localhost:5173";
        let cases = [
            (listed, "https://shop.example", true),
            (listed, "http://localhost:5173", true),
            (listed, "http://localhost", false),
            (listed, "https://shop.example.evil.example", false),
            (listed, "http://shop.example", false),
            (listed, "null", false),
            (listed, "", false),
            ("", "https://shop.example", false),
            ("", "", false),
        ];
        for (allowed, origin, expected) in cases {
            let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(
                allowed_origin(allowed, &headers).is_some(),
                expected,
                "{origin:?} where {allowed:?} is allowed"
            );
        }
        assert_eq!(
            allowed_origin(listed, &HeaderMap::new()),
            None,
            "a request without an origin needs no grant"
        );
    }
}
