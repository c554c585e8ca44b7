//! What a component is told about a request besides the request: Spin's `spin-*` headers (crates/trigger-http/src/headers.rs).
//!
//! One difference is deliberate. Spin appends its headers to those of the caller, so that a forged `spin-client-addr`
//! comes before the true one. Here whatever the caller sent under a name that begins with `spin-` is dropped first.

use http::header::{CONNECTION, HOST, InvalidHeaderValue};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::networking;
use crate::routes::RouteNames;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The address that a component sees when another component calls it.
pub(crate) const CHAINED_CLIENT: HeaderValue = HeaderValue::from_static("0.0.0.0:0");

/// Why a request cannot be given to a component. Each is the client's fault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("the request has no Host header")]
    NoHost,
    #[error("the Host header is not an authority such as example.com:3000")]
    HostSyntax,
    #[error("the Host header and the authority of the request's URI differ")]
    HostMismatch,
    #[error("the value of header {0} is not UTF-8")]
    NotUtf8(HeaderName),
    #[error("the path cannot be passed on in a header")]
    Path,
}

impl From<InvalidHeaderValue> for BadRequest {
    // The host's own values are good ones; what is left is a path with bytes that no header can hold.
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Path
    }
}

/// What is known about a request besides itself.
pub(crate) struct Origin<'a> {
    pub(crate) route: &'a RouteNames,
    /// What the route's trailing wildcard matched.
    pub(crate) path_info: &'a str,
    /// The caller's address with its port.
    pub(crate) client: HeaderValue,
}

/// Makes a request from outside fit for a component: removes what concerns the connection only, and completes the URI.
pub(crate) fn accept(parts: &mut Parts) -> Result<(), BadRequest> {
    let host = parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse::<Uri>().ok());
    if host.is_some_and(|host| networking::service_chaining_target(&host).is_some()) {
        parts.headers.remove(HOST);
    }
    parts.headers.remove(CONNECTION);
    check_values(&parts.headers)?;
    complete_uri(parts)
}

/// Spin answers 500 to a header that is not UTF-8; refusing it is the same, and 400 says whose fault it is.
fn check_values(headers: &HeaderMap) -> Result<(), BadRequest> {
    let bad = headers
        .iter()
        .find(|(_, value)| std::str::from_utf8(value.as_bytes()).is_err());
    bad.map_or(Ok(()), |(name, _)| Err(BadRequest::NotUtf8(name.clone())))
}

/// Puts scheme and authority into the URI, from the Host header or, with HTTP/2, from the URI itself: Spin's
/// `set_req_uri` (crates/trigger-http/src/server.rs).
pub(crate) fn complete_uri(parts: &mut Parts) -> Result<(), BadRequest> {
    let host = parts.headers.get(HOST).map(parse_authority).transpose()?;
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.authority = match (host, uri.authority.take()) {
        (None, None) => return Err(BadRequest::NoHost),
        (Some(host), Some(authority)) if host != authority => return Err(BadRequest::HostMismatch),
        (host, authority) => authority.or(host),
    };
    uri.scheme = Some(Scheme::HTTP);
    uri.path_and_query
        .get_or_insert(http::uri::PathAndQuery::from_static("/"));
    parts.uri = Uri::from_parts(uri).map_err(|_| BadRequest::HostSyntax)?;
    Ok(())
}

fn parse_authority(host: &HeaderValue) -> Result<Authority, BadRequest> {
    Authority::try_from(host.as_bytes()).map_err(|_| BadRequest::HostSyntax)
}

/// Replaces the request's `spin-*` headers with true ones. `parameters` are those of the route, by name.
pub(crate) fn describe<'a>(
    parts: &mut Parts,
    origin: Origin<'_>,
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), BadRequest> {
    let full_url = full_url(parts)?;
    let headers = &mut parts.headers;
    remove_forged(headers);
    headers.insert(PATH_INFO, HeaderValue::from_str(origin.path_info)?);
    headers.insert(FULL_URL, full_url);
    headers.insert(MATCHED_ROUTE, origin.route.matched.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(RAW_COMPONENT_ROUTE, origin.route.raw.clone());
    headers.insert(COMPONENT_ROUTE, origin.route.prefix.clone());
    headers.insert(CLIENT_ADDR, origin.client);
    for (name, value) in parameters {
        // As in Spin, a parameter whose name makes no header name is left out.
        if let Ok(name) = HeaderName::try_from(format!("spin-path-match-{}", name.replace('_', "-"))) {
            headers.insert(name, HeaderValue::from_str(value)?);
        }
    }
    Ok(())
}

/// Without a Host header, as with HTTP/2 and between components, Spin writes `localhost`.
fn full_url(parts: &Parts) -> Result<HeaderValue, BadRequest> {
    let host = parts
        .headers
        .get(HOST)
        .map_or(&b"localhost"[..], HeaderValue::as_bytes);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = [
        parts.uri.scheme_str().unwrap_or("http").as_bytes(),
        b"://",
        host,
        path.as_bytes(),
    ]
    .concat();
    Ok(HeaderValue::from_maybe_shared(bytes::Bytes::from(url))?)
}

fn remove_forged(headers: &mut HeaderMap) {
    let is_ours = |name: &&HeaderName| name.as_str().starts_with("spin-");
    let forged: Vec<HeaderName> = headers.keys().filter(is_ours).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ComponentId, Route};
    use crate::routes::Router;

    fn parts(uri: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    /// `describe` over a router with the one route `pattern`.
    fn described(pattern: &str, mut parts: Parts, client: &'static str) -> HeaderMap {
        let component = ComponentId::try_from("dummy".to_owned()).expect("a component id");
        let route = Route::Public(pattern.into());
        let (router, _) = Router::new([(&route, &component)], |_| ()).expect("a route");
        let path = parts.uri.path().to_owned();
        let found = router.route(&path).expect("the pattern matches");
        let trailing = found.trailing();
        let origin = Origin {
            route: &found.route.names,
            path_info: &trailing,
            client: HeaderValue::from_static(client),
        };
        describe(&mut parts, origin, found.parameters()).expect("headers");
        parts.headers
    }

    /// Each row: the test in Spin's crates/trigger-http/src/headers.rs, the route, the path, and what the guest is told.
    #[test]
    fn tells_the_guest_what_spin_tells_it() {
        for (place, pattern, path, expected) in [
            (
                "test_default_headers",
                "/foo/...",
                "/foo/bar",
                &[
                    (
                        "spin-full-url",
                        "https://example.com/foo/bar?key1=value1&key2=value2",
                    ),
                    ("spin-path-info", "/bar"),
                    ("spin-matched-route", "/foo/..."),
                    ("spin-base-path", "/"),
                    ("spin-raw-component-route", "/foo/..."),
                    ("spin-component-route", "/foo"),
                    ("spin-client-addr", "127.0.0.1:8777"),
                ][..],
            ),
            (
                "test_default_headers_with_named_wildcards",
                "/foo/:userid/...",
                "/foo/42/bar",
                &[
                    ("spin-path-info", "/bar"),
                    ("spin-matched-route", "/foo/:userid/..."),
                    ("spin-component-route", "/foo/:userid"),
                    ("spin-path-match-userid", "42"),
                ],
            ),
        ] {
            let uri = format!("https://example.com{path}?key1=value1&key2=value2");
            let headers = described(pattern, parts(&uri, &[("host", "example.com")]), "127.0.0.1:8777");
            for (name, value) in expected {
                assert_eq!(
                    headers.get(*name).map(HeaderValue::as_bytes),
                    Some(value.as_bytes()),
                    "{place}: {name}"
                );
            }
        }
    }

    #[test]
    fn forged_headers_are_replaced() {
        let forged = [
            ("spin-client-addr", "1.2.3.4:5"),
            ("spin-path-match-x", "y"),
            ("spin-anything", "z"),
        ];
        let headers = described("/...", parts("http://a/", &forged), "127.0.0.1:8777");
        let seen: Vec<_> = headers.get_all("spin-client-addr").iter().collect();
        assert_eq!(seen, ["127.0.0.1:8777"], "only the true address is seen");
        assert!(
            !headers.contains_key("spin-path-match-x"),
            "a parameter that the route has not is dropped"
        );
        assert!(
            !headers.contains_key("spin-anything"),
            "a name that we might use one day is dropped"
        );
    }

    /// Each row: the place in Spin's crates/trigger-http/src, the headers sent, and which of Host and Connection remain.
    #[test]
    fn connection_headers_are_removed_as_in_spin() {
        for (place, uri, host, kept) in [
            (
                "headers.rs forbidden_headers_are_removed",
                "http://test.spin.internal/",
                "test.spin.internal",
                false,
            ),
            (
                "headers.rs forbidden_headers_are_removed",
                "http://test.spin.internal:1234/",
                "test.spin.internal:1234",
                false,
            ),
            (
                "headers.rs non_forbidden_headers_are_not_removed",
                "/",
                "test.example.org",
                true,
            ),
        ] {
            let mut parts = parts(
                uri,
                &[("host", host), ("connection", "close"), ("accept", "text/plain")],
            );
            accept(&mut parts).expect("a good request");
            assert_eq!(parts.headers.contains_key(HOST), kept, "{place}: Host of {host}");
            assert!(!parts.headers.contains_key(CONNECTION), "{place}: Connection");
            assert!(parts.headers.contains_key("accept"), "{place}: the others stay");
        }
    }

    /// Each row: server.rs `set_req_uri` in Spin's crates/trigger-http, the request, and the URI that the guest sees.
    #[test]
    fn the_uri_is_completed_as_in_spin() {
        for (uri, headers, expected) in [
            (
                "/a?b",
                &[("host", "example.com:1")][..],
                Ok("http://example.com:1/a?b"),
            ),
            ("http://example.com/a", &[], Ok("http://example.com/a")),
            (
                "http://example.com/a",
                &[("host", "example.com")],
                Ok("http://example.com/a"),
            ),
            (
                "http://example.com/a",
                &[("host", "example.org")],
                Err(BadRequest::HostMismatch),
            ),
            ("/a", &[], Err(BadRequest::NoHost)),
            ("/a", &[("host", "a b")], Err(BadRequest::HostSyntax)),
        ] {
            let mut parts = parts(uri, headers);
            let completed = complete_uri(&mut parts).map(|()| parts.uri.to_string());
            assert_eq!(completed, expected.map(str::to_owned), "{uri} with {headers:?}");
        }
    }
}
