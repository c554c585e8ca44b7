//! The host of a request from outside: its `Host` header (RFC 9112, section 3.2), or the authority of its target, in
//! absolute form (RFC 9112, section 3.2.2) or as `:authority` (RFC 9113, section 8.3.1).
//!
//! Routes do not depend on it, but components and proxies in front of the host do. If two readers found different hosts in one
//! request, an attacker could use the difference. So a request whose host can be read in two ways is refused.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Version};

use crate::bad_request::BadRequest;

/// The host of a request without one: HTTP/1.0 does not require a host, and an HTTP/1.1 `Host` may be empty. Spin
/// writes the same into `spin-full-url`.
pub(crate) const UNNAMED: Authority = Authority::from_static("localhost");

/// The host of a request.
///
/// # Errors
/// The required host is missing, there is more than one, or it is not a host with an optional port.
pub(crate) fn of(parts: &Parts) -> Result<Authority, BadRequest> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(BadRequest::SeveralHosts),
        (line, None) => line.map(HeaderValue::as_bytes).map(parse).transpose()?,
    };
    let target = parts.uri.authority().map(|target| target.as_str().as_bytes());
    let target = target.map(parse).transpose()?;
    match (parts.version, host, target) {
        (Version::HTTP_11, None, _) | (Version::HTTP_2, None, None) => Err(BadRequest::NoHost),
        (Version::HTTP_2, Some(host), Some(target)) if !is_same(&host, &target) => {
            Err(BadRequest::HostMismatch)
        }
        // In HTTP/1.1 the target counts, and `Host` is ignored (RFC 9112, section 3.2.2).
        (_, _, Some(target)) => Ok(target),
        (_, Some(host), None) => Ok(host),
        (_, None, None) => Ok(UNNAMED),
    }
}

/// Reads `host[:port]` (RFC 9110, section 7.2). The host is a name, which may contain underscores, an IPv4 address, or
/// an IPv6 address in brackets. The port may be empty, and is then removed.
fn parse(value: &[u8]) -> Result<Authority, BadRequest> {
    let text = std::str::from_utf8(value).map_err(|_| BadRequest::HostSyntax)?;
    let (host, port) = split(text).ok_or(BadRequest::HostSyntax)?;
    if !is_port(port) {
        return Err(BadRequest::HostSyntax);
    }
    let authority = match (host, port) {
        ("", _) => return Ok(UNNAMED),
        (host, "") => Authority::try_from(host),
        _ => Authority::try_from(text),
    };
    authority.map_err(|_| BadRequest::HostSyntax)
}

/// Host and port, if the host is valid.
fn split(text: &str) -> Option<(&str, &str)> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return host.bytes().all(is_of_name).then_some((host, port));
    };
    let (address, rest) = bracketed.split_once(']')?;
    address.parse::<Ipv6Addr>().ok()?;
    let port = match rest {
        "" => "",
        _ => rest.strip_prefix(':')?,
    };
    Some((&text[..address.len() + 2], port))
}

/// `reg-name` of RFC 3986, section 3.2.2, without percent-encoded bytes, which do not occur in names of DNS.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

fn is_port(port: &str) -> bool {
    port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// Whether both are the same host. Case makes no difference, and the port of plain HTTP may be written or left out.
fn is_same(one: &Authority, other: &Authority) -> bool {
    let port = |authority: &Authority| authority.port_u16().unwrap_or(80);
    one.host().eq_ignore_ascii_case(other.host()) && port(one) == port(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(version: Version, uri: &str, hosts: &[&[u8]]) -> Result<String, BadRequest> {
        let mut request = http::Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).expect("a header's value"));
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        of(&parts).map(|authority| authority.to_string())
    }

    #[test]
    fn host_header_is_a_host_with_an_optional_port() {
        for (given, expected) in [
            ("example.com", "example.com"),
            ("example.com:8080", "example.com:8080"),
            ("EXAMPLE.com.", "EXAMPLE.com."),
            ("my_shop.internal:80", "my_shop.internal:80"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:", "127.0.0.1"),
            ("127.0.0.1:03000", "127.0.0.1:03000"),
            ("[::1]", "[::1]"),
            ("[::1]:", "[::1]"),
            ("[2001:db8::1]:3000", "[2001:db8::1]:3000"),
            ("", "localhost"),
            (":3000", "localhost"),
        ] {
            let found = authority(Version::HTTP_11, "/", &[given.as_bytes()]);
            assert_eq!(found, Ok(expected.to_owned()), "{given:?}");
        }
    }

    #[test]
    fn host_header_with_other_text_is_refused() {
        for given in [
            &b"user@example.com"[..],
            b"user:password@example.com:3000",
            b"@example.com",
            b"example.com:3000x",
            b"example.com:x",
            b"example.com:-1",
            b"example.com:+80",
            b"example.com:65536",
            b"example.com:80:80",
            b"example.com:8 0",
            b"a b",
            b"a,\tb",
            b"http://example.com",
            b"example.com/",
            b"example.com?a",
            b"example.com#a",
            b"ex%61mple.com",
            b"<example>",
            b"caf\xe9.example",
            "caf\u{e9}.example".as_bytes(),
            b"::1",
            b"[::1",
            b"::1]",
            b"[::1]3000",
            b"[::1]:x",
            b"[]",
            b"[127.0.0.1]",
            b"[fe80::1%25eth0]",
            b"[::1]@a",
        ] {
            let found = authority(Version::HTTP_11, "/", &[given]);
            assert_eq!(found, Err(BadRequest::HostSyntax), "{}", given.escape_ascii());
        }
    }

    #[test]
    fn a_request_has_one_host() {
        for hosts in [&[&b"a"[..], b"b"][..], &[b"a", b"a"], &[b"", b"a"]] {
            for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
                let found = authority(version, "/", hosts);
                assert_eq!(found, Err(BadRequest::SeveralHosts), "{hosts:?} in {version:?}");
            }
        }
    }

    #[test]
    fn only_http_1_0_may_name_no_host() {
        for (version, uri, expected) in [
            (Version::HTTP_10, "/", Ok("localhost".to_owned())),
            (Version::HTTP_11, "/", Err(BadRequest::NoHost)),
            (Version::HTTP_11, "http://a/", Err(BadRequest::NoHost)),
            (Version::HTTP_2, "/", Err(BadRequest::NoHost)),
            (Version::HTTP_2, "http://a/", Ok("a".to_owned())),
        ] {
            assert_eq!(authority(version, uri, &[]), expected, "{uri} in {version:?}");
        }
    }

    #[test]
    fn a_target_with_a_host_counts_in_http_1_1_and_must_agree_in_http_2() {
        for (version, uri, host, expected) in [
            (Version::HTTP_11, "http://a/", "b", Ok("a")),
            (Version::HTTP_11, "http://a:81/", "a", Ok("a:81")),
            (Version::HTTP_11, "http://a/", "b@c", Err(BadRequest::HostSyntax)),
            (
                Version::HTTP_11,
                "http://user@a/",
                "a",
                Err(BadRequest::HostSyntax),
            ),
            (Version::HTTP_2, "http://a/", "a", Ok("a")),
            (Version::HTTP_2, "http://a:80/", "A", Ok("a:80")),
            (Version::HTTP_2, "http://a/", "b", Err(BadRequest::HostMismatch)),
            (
                Version::HTTP_2,
                "http://a/",
                "a:81",
                Err(BadRequest::HostMismatch),
            ),
            (
                Version::HTTP_2,
                "http://user@a/",
                "a",
                Err(BadRequest::HostSyntax),
            ),
        ] {
            let found = authority(version, uri, &[host.as_bytes()]);
            let expected = expected.map(str::to_owned);
            assert_eq!(found, expected, "{uri} with Host: {host} in {version:?}");
        }
    }
}
