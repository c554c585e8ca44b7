//! The pages' cookies: random texts, each for one browser.
//!
//! Scripts cannot read them. Other sites cannot have them sent except by leading the browser here (`SameSite=Lax`: the browser
//! comes here from the issuer, which may be another site). With TLS their names begin with `__Host-`, so that no other host
//! below the same domain can set them (RFC 6265bis, section 4.1.3.2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::request::Parts;

/// A random text of this many bytes, in base64url without padding.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RandomText<const BYTES: usize>(String);

impl<const BYTES: usize> RandomText<BYTES> {
    /// A new one. None if the host has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The one in a cookie, if it has the form of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A cookie by its names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookie {
    /// Where browsers reach the pages by TLS.
    pub(crate) secure: &'static str,
    /// Where they reach them without.
    pub(crate) plain: &'static str,
}

impl Cookie {
    fn name(self, is_secure: bool) -> &'static str {
        match is_secure {
            true => self.secure,
            false => self.plain,
        }
    }

    /// Its value, if the request has it once.
    pub(crate) fn read(self, head: &Parts, is_secure: bool) -> Option<&str> {
        web::cookie::read(&head.headers, self.name(is_secure))
    }

    /// The header that has the browser keep this value for some seconds, or until it is closed.
    pub(crate) fn header(self, value: &str, seconds: Option<u32>, is_secure: bool) -> String {
        let name = self.name(is_secure);
        let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        let secure = if is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Cookie = Cookie {
        secure: "__Host-page",
        plain: "page",
    };

    #[test]
    fn a_cookie_is_random_and_out_of_reach() {
        let text = RandomText::<16>::new().expect("random numbers");
        assert!(Some(&text) != RandomText::new().as_ref());
        assert!(RandomText::parse(text.as_str()) == Some(text), "it comes back");
        for planted in [
            "",
            "x",
            &"A".repeat(23),
            "AAAA AAAAAAAAAAAAAAAAA",
            &"A".repeat(10_000),
        ] {
            assert!(RandomText::<16>::parse(planted).is_none(), "{planted:.30}");
        }
        let secure = PAGE.header("v", Some(60), true);
        assert_eq!(
            secure,
            "__Host-page=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        // With `Secure` a browser on plain HTTP would drop it.
        assert_eq!(
            PAGE.header("v", None, false),
            "page=v; Path=/; HttpOnly; SameSite=Lax"
        );
    }
}
