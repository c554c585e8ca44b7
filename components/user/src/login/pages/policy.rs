//! The headers that restrict what a browser may do with our pages.

use std::collections::BTreeSet;

use connect::Body;
use http::{HeaderName, HeaderValue, Response, header};

/// The origins to which a form may lead. Chromium checks each redirect after a form, so they are the issuer and the
/// application to which the browser returns.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormDestinations(BTreeSet<String>);

impl FormDestinations {
    /// The origins of these addresses. Texts that are not addresses are left out.
    pub(crate) fn of<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self(addresses.into_iter().filter_map(source).collect())
    }

    /// The value of `Content-Security-Policy`: it allows our stylesheet and our forms only, no script and no frame.
    fn policy(&self) -> String {
        let mut policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
             form-action 'self'"
            .to_owned();
        for destination in &self.0 {
            policy.push(' ');
            policy.push_str(destination);
        }
        policy
    }
}

/// The source expression (CSP 3, section 2.3.1) that covers an address. It never contains a character that could end a
/// directive.
fn source(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let is_web = scheme == "https" || scheme == "http";
    match rest.strip_prefix("//").filter(|_| is_web) {
        Some(rest) => host(&scheme, rest.split(['/', '?', '#']).next()?),
        // An app's own scheme.
        None if !is_web => Some(format!("{scheme}:")),
        None => None,
    }
}

fn host(scheme: &str, authority: &str) -> Option<String> {
    // CSP cannot name an IPv6 address, but it can name a port of any host.
    if let Some((_, port)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match port.strip_prefix(':') {
            Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(format!("{scheme}://*:{port}"))
            }
            None if port.is_empty() => Some(format!("{scheme}://*")),
            _ => None,
        };
    }
    let (name, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !is_name || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    Some(match (name.as_str(), port) {
        // An app on the user's machine listens on any free port (RFC 8252, section 7.3).
        ("127.0.0.1", _) => format!("{scheme}://{name}:*"),
        (_, "") => format!("{scheme}://{name}"),
        _ => format!("{scheme}://{name}:{port}"),
    })
}

/// Sets the headers that all answers of the pages have.
pub(crate) fn protect(response: &mut Response<Body>, destinations: &FormDestinations) {
    set(response, header::CONTENT_SECURITY_POLICY, &destinations.policy());
    set(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // For browsers without `frame-ancestors`.
    set(response, header::X_FRAME_OPTIONS, "DENY");
    // Our addresses contain challenges. With `no-referrer`, browsers would send forms with `Origin: null`.
    set(response, header::REFERRER_POLICY, "same-origin");
    set(response, header::CACHE_CONTROL, "no-store");
}

/// Sets a header, if the value is valid in a header.
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_is_named_by_its_origin() {
        let cases = [
            ("https://shop.example/cb?a=b", Some("https://shop.example")),
            ("https://Shop.Example:8443/cb", Some("https://shop.example:8443")),
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("http://127.0.0.1/cb", Some("http://127.0.0.1:*")),
            ("http://127.0.0.1:3000/cb", Some("http://127.0.0.1:*")),
            ("http://[::1]:3000/cb", Some("http://*:3000")),
            ("https://[2001:db8::1]/cb", Some("https://*")),
            ("http://[::1]:/cb", None),
            ("http://[::1]x/cb", None),
            ("http://[::1]:*/cb", None),
            ("http://[::1; script-src *", None),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("com.example.app://cb", Some("com.example.app:")),
            ("", None),
            ("/relative", None),
            ("https:shop.example", None),
            ("https://", None),
            ("https://shop.example; script-src *", None),
            ("https://shop.example 'unsafe-inline'", None),
            ("https://user@shop.example/", None),
            ("https://商.example/", None),
            ("https://*/", None),
            ("a b:/", None),
            ("'self':x", None),
        ];
        for (address, expected) in cases {
            assert_eq!(source(address).as_deref(), expected, "{address:?}");
        }
    }

    #[test]
    fn policy_allows_only_styles_and_forms() {
        let policy =
            FormDestinations::of(["https://b.example/x", "https://a.example", "https://b.example/y"])
                .policy();
        assert_eq!(
            policy,
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
             form-action 'self' https://a.example https://b.example"
        );
    }
}
