//! `Authorization: Bearer …` (RFC 6750, section 2.1). Only the issuer reads the header itself: its clients may also authenticate
//! by `Basic`, and its userinfo endpoint takes a token from the form, too.

use http::{HeaderMap, HeaderValue, header};

use crate::constant_time;

/// Why a request has no bearer token although it has an `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// More than one `Authorization` header. Choosing one would let an intermediary and us choose differently.
    Repeated,
    /// Another scheme than `Bearer`, no token after it, or bytes that are no text.
    Malformed,
}

/// The bearer token of a request; `None` if it has no `Authorization` header. The scheme's name is case-insensitive
/// (RFC 9110, section 11.1).
///
/// # Errors
/// See [`BearerError`].
pub fn token(headers: &HeaderMap) -> Result<Option<&str>, BearerError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => credentials(one).map(Some),
        (Some(_), Some(_)) => Err(BearerError::Repeated),
    }
}

/// Whether the request's bearer token is this secret. The time that it takes does not depend on where the two differ.
pub fn is_secret(headers: &HeaderMap, secret: &str) -> bool {
    matches!(token(headers), Ok(Some(given)) if constant_time::equal(given.as_bytes(), secret.as_bytes()))
}

fn credentials(value: &HeaderValue) -> Result<&str, BearerError> {
    let text = value.to_str().map_err(|_| BearerError::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(BearerError::Malformed)?;
    match token.trim_start_matches(' ') {
        token if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => Ok(token),
        _ => Err(BearerError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let pair = |value: &&'static str| (header::AUTHORIZATION, HeaderValue::from_static(value));
        values.iter().map(pair).collect()
    }

    #[test]
    fn one_bearer_token_is_found() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(token(&headers(&[value])), Ok(Some("abc")), "{value:?}");
        }
        assert_eq!(token(&HeaderMap::new()), Ok(None), "a request without the header");
    }

    #[test]
    fn other_credentials_are_malformed() {
        for value in ["", "Bearer", "Bearer ", "abc", "Basic YTpi", "Bearerabc"] {
            assert_eq!(
                token(&headers(&[value])),
                Err(BearerError::Malformed),
                "{value:?}"
            );
        }
        let bytes = HeaderValue::from_bytes(b"Bearer caf\xe9").expect("a header's value");
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bytes)]);
        assert_eq!(
            token(&headers),
            Err(BearerError::Malformed),
            "bytes that are no text"
        );
    }

    #[test]
    fn repeated_headers_are_refused_even_if_they_are_equal() {
        let twice = headers(&["Bearer abc", "Bearer abc"]);
        assert_eq!(token(&twice), Err(BearerError::Repeated));
        assert!(!is_secret(&twice, "abc"), "no secret counts that is sent twice");
    }

    #[test]
    fn only_the_whole_secret_is_the_secret() {
        let secret = "0123456789abcdef";
        assert!(is_secret(&headers(&["Bearer 0123456789abcdef"]), secret));
        for other in [
            "Bearer 0",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeg",
            "Basic 0123456789abcdef",
        ] {
            assert!(!is_secret(&headers(&[other]), secret), "{other:?}");
        }
        assert!(
            !is_secret(&HeaderMap::new(), ""),
            "without the header not even an empty secret"
        );
    }
}
