//! Cookies: the only reader and the only writer of them in the workspace.
//!
//! The cookies that we set are for one host, for all of its paths, and out of reach of scripts (`HttpOnly`). Another site can
//! have them sent only by leading the browser here (`SameSite=Lax`), which is how a browser comes back from an issuer. Over TLS
//! their names begin with `__Host-`, so that no other host below the same domain can set them (RFC 6265bis, section 4.1.3.2).

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, header};

/// The name of a cookie of ours, in both of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieName {
    /// For TLS. Begins with `__Host-`.
    pub secure: &'static str,
    /// For plain HTTP, where a browser would drop a cookie with `Secure`.
    pub plain: &'static str,
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the browser is closed.
    Session,
    /// For this many seconds. None at all, with 0: the cookie is removed.
    Seconds(u32),
}

impl CookieName {
    fn over(self, is_secure: bool) -> &'static str {
        if is_secure { self.secure } else { self.plain }
    }

    /// The cookie's value, if the request has the cookie once and in UTF-8.
    pub fn read(self, headers: &HeaderMap, is_secure: bool) -> Option<&str> {
        read(headers, self.over(is_secure))
    }

    /// The value of a `Set-Cookie` header that has the browser keep this value.
    #[must_use]
    pub fn set(self, value: &str, lifetime: Lifetime, is_secure: bool) -> String {
        let mut cookie = Cookie::build((self.over(is_secure), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax);
        if is_secure {
            cookie = cookie.secure(true);
        }
        if let Lifetime::Seconds(seconds) = lifetime {
            cookie = cookie.max_age(Duration::seconds(seconds.into()));
        }
        cookie.build().to_string()
    }

    /// The value of a `Set-Cookie` header that has the browser remove the cookie.
    #[must_use]
    pub fn remove(self, is_secure: bool) -> String {
        self.set("", Lifetime::Seconds(0), is_secure)
    }
}

/// The value of a cookie, if the request has it once. A cookie that is there twice counts as absent: a page of another host
/// below the same domain may have set the second one (RFC 6265, section 8.6). Cookies of other applications may contain any
/// bytes; a cookie of ours that is not UTF-8 counts as absent, too.
fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut values = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        });
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let value = |line: &&[u8]| HeaderValue::from_bytes(line).expect("a header's value");
        lines.iter().map(|line| (header::COOKIE, value(line))).collect()
    }

    #[test]
    fn a_cookie_that_is_there_twice_counts_as_absent() {
        for (lines, expected) in [
            (&[&b"a=1; page=x; b=2"[..]][..], Some("x")),
            (&[b"a=1", b"page=x"], Some("x")),
            (&[b"page="], Some("")),
            (&[b"page=x=y"], Some("x=y")),
            (&[b"homepage=x; pages=y; page"], None),
            (&[b"page=x; page=y"], None),
            (&[b"page=x", b"page=x"], None),
            (&[], None),
        ] {
            assert_eq!(read(&headers(lines), "page"), expected, "{lines:?}");
        }
    }

    #[test]
    fn cookies_of_other_applications_may_contain_any_bytes() {
        for (lines, expected) in [
            (&[&b"other=caf\xe9; page=x"[..]][..], Some("x")),
            (&[b"page=x; other=\xff\xfe"], Some("x")),
            (&[b"caf\xe9", b"page=x"], Some("x")),
            (&[b"page=caf\xe9"], None),
            (&[b"page=caf\xe9; page=x"], None),
        ] {
            assert_eq!(read(&headers(lines), "page"), expected, "{lines:?}");
        }
    }

    #[test]
    fn our_cookies_are_for_one_host_and_out_of_reach_of_scripts() {
        const PAGE: CookieName = CookieName {
            secure: "__Host-page",
            plain: "page",
        };
        let attributes = |cookie: &str| {
            let mut attributes: Vec<_> = cookie.split("; ").map(str::to_owned).collect();
            attributes[1..].sort();
            attributes
        };
        assert_eq!(
            attributes(&PAGE.set("v", Lifetime::Seconds(60), true)),
            [
                "__Host-page=v",
                "HttpOnly",
                "Max-Age=60",
                "Path=/",
                "SameSite=Lax",
                "Secure"
            ]
        );
        assert_eq!(
            attributes(&PAGE.set("v", Lifetime::Session, false)),
            ["page=v", "HttpOnly", "Path=/", "SameSite=Lax"]
        );
        assert_eq!(
            attributes(&PAGE.remove(false)),
            ["page=", "HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"]
        );
    }
}
