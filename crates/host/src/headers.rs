//! Additional headers of a request for a component: Spin's `spin-*` headers (crates/trigger-http/src/headers.rs).
//!
//! One difference is deliberate. Spin appends its headers to those of the caller, so that a forged `spin-client-addr` comes
//! before the true one. This host first removes all headers of the caller whose names begin with `spin-`.

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::authority;
use crate::bad_request::BadRequest;
use crate::networking;
use crate::routes::RouteNames;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The caller's address for a component that another component calls.
pub(crate) const CHAINED_CLIENT: HeaderValue = HeaderValue::from_static("0.0.0.0:0");

/// Data about a request that the request itself does not contain.
pub(crate) struct Origin<'a> {
    pub(crate) route: &'a RouteNames,
    /// The part of the path that the route's trailing wildcard matched.
    pub(crate) path_info: &'a str,
    /// The caller's address with its port.
    pub(crate) client: HeaderValue,
}

/// Prepares a request from outside for a component: refuses requests that can be read in two ways, removes headers that concern
/// only the connection, and completes the URI. Values of headers are bytes (RFC 9110, section 5.5) and are passed on unchanged.
pub(crate) fn accept(parts: &mut Parts) -> Result<(), BadRequest> {
    check_framing(&parts.headers)?;
    let authority = authority::of(parts)?;
    if let Some(host) = parts.headers.get_mut(HOST) {
        *host = HeaderValue::from_str(authority.as_str()).map_err(|_| BadRequest::HostSyntax)?;
    }
    parts.headers.remove(CONNECTION);
    complete_uri(parts, authority)?;
    match networking::service_chaining_target(&parts.uri) {
        Some(_) => Err(BadRequest::InternalHost),
        None => Ok(()),
    }
}

/// The same for a request that a component sends. It has no headers of the connection, because WASI forbids them.
pub(crate) fn accept_from_component(parts: &mut Parts) -> Result<(), BadRequest> {
    parts.headers.remove(HOST);
    let authority = parts.uri.authority().cloned();
    complete_uri(parts, authority.unwrap_or(authority::UNNAMED))
}

/// hyper decodes only the last transfer coding. It does not undo another coding, and the component would take the encoded
/// bytes for the content.
fn check_framing(headers: &HeaderMap) -> Result<(), BadRequest> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(BadRequest::TransferCoding),
    }
}

/// Puts scheme and authority into the URI, as Spin's `set_req_uri` does (crates/trigger-http/src/server.rs).
fn complete_uri(parts: &mut Parts, authority: Authority) -> Result<(), BadRequest> {
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.authority = Some(authority);
    uri.scheme = Some(Scheme::HTTP);
    uri.path_and_query
        .get_or_insert(http::uri::PathAndQuery::from_static("/"));
    parts.uri = Uri::from_parts(uri).map_err(|_| BadRequest::HostSyntax)?;
    Ok(())
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
        // As in Spin, a parameter is left out if its name is not valid in a header name.
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

    /// Each row: the test in Spin's crates/trigger-http/src/headers.rs, the route, the path, and the guest's headers.
    #[test]
    fn guest_gets_the_same_headers_as_from_spin() {
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

    fn accepted(uri: &str, headers: &[(&'static str, &'static str)]) -> Result<Parts, BadRequest> {
        let mut parts = parts(uri, headers);
        accept(&mut parts).map(|()| parts)
    }

    #[test]
    fn headers_of_the_connection_are_removed_and_others_stay() {
        let sent = [("host", "a"), ("connection", "close"), ("accept", "text/plain")];
        let headers = accepted("/", &sent).expect("a good request").headers;
        assert!(
            !headers.contains_key(CONNECTION),
            "Connection is between two hops"
        );
        assert_eq!(headers["accept"], "text/plain", "the others stay");
    }

    /// Spin removes such a Host header and then refuses the request: headers.rs `strip_forbidden_headers` in its
    /// crates/trigger-http.
    #[test]
    fn internal_names_are_refused_from_outside() {
        for (uri, host) in [
            ("/", "user.spin.internal"),
            ("/", "user.spin.internal:1234"),
            ("http://user.spin.internal/", "example.com"),
        ] {
            let refused = accepted(uri, &[("host", host)]).map(|parts| parts.uri);
            assert_eq!(refused, Err(BadRequest::InternalHost), "{uri} with Host: {host}");
        }
    }

    /// Each row: the request, and the URI for the guest. Spin: server.rs `set_req_uri` in its crates/trigger-http.
    #[test]
    fn uri_is_completed_with_the_host() {
        for (uri, host, expected) in [
            ("/a?b", "example.com:1", "http://example.com:1/a?b"),
            ("/a", "example.com:", "http://example.com/a"),
            ("/a", "", "http://localhost/a"),
            ("http://example.com/a", "example.com", "http://example.com/a"),
            ("http://example.com", "example.org", "http://example.com/"),
        ] {
            let parts = accepted(uri, &[("host", host)]).expect("a good request");
            assert_eq!(parts.uri.to_string(), expected, "{uri} with Host: {host}");
            let host = parts.headers[HOST].to_str().ok();
            assert_eq!(
                host,
                parts.uri.authority().map(Authority::as_str),
                "Host agrees: {uri}"
            );
        }
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        for (lines, expected) in [
            (&[][..], Ok(())),
            (&["chunked"], Ok(())),
            (&["Chunked ,"], Ok(())),
            (&["gzip, chunked"], Err(BadRequest::TransferCoding)),
            (&["gzip", "chunked"], Err(BadRequest::TransferCoding)),
            (&["chunked, chunked"], Err(BadRequest::TransferCoding)),
            (&["chunked", "chunked"], Err(BadRequest::TransferCoding)),
            (&["identity"], Err(BadRequest::TransferCoding)),
        ] {
            let line = |line: &&'static str| ("transfer-encoding", *line);
            let sent: Vec<_> = [("host", "a")]
                .into_iter()
                .chain(lines.iter().map(line))
                .collect();
            assert_eq!(accepted("/", &sent).map(drop), expected, "{lines:?}");
        }
    }

    #[test]
    fn values_of_headers_are_passed_on_byte_by_byte() {
        let mut parts = parts("/", &[("host", "a")]);
        for name in ["cookie", "user-agent", "referer", "x-anything"] {
            let value = HeaderValue::from_bytes(b"caf\xe9 \xff").expect("a header's value");
            parts.headers.insert(name, value);
        }
        accept(&mut parts).expect("a good request");
        for name in ["cookie", "user-agent", "referer", "x-anything"] {
            assert_eq!(parts.headers[name].as_bytes(), b"caf\xe9 \xff", "{name}");
        }
    }
}
