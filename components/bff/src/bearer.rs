//! `Authorization: Bearer …` (RFC 6750): the token in a request, and what those are told whose token is refused.

use connect::ConnectError;
use http::{HeaderMap, HeaderValue, header};

/// What the answer to a request without a token says (RFC 6750, section 3).
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");

/// What the answer to a request says whose token is refused (RFC 6750, section 3.1).
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// The token of a request; none if it has no `Authorization`. The scheme's name is in upper or lower case (RFC 9110,
/// section 11.1).
///
/// # Errors
/// `unauthenticated`: another scheme, no token, or more than one header.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, ConnectError> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => credentials(one).map(Some),
        (Some(_), Some(_)) => Err(refused("send one Authorization header")),
    }
}

fn credentials(value: &HeaderValue) -> Result<&str, ConnectError> {
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .unwrap_or_default();
    match token.trim_start_matches(' ') {
        token if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => Ok(token),
        _ => Err(refused(
            "send the access token as a bearer token: \"Authorization: Bearer …\"",
        )),
    }
}

/// The answer to somebody who must sign in first.
pub(crate) fn wanted() -> ConnectError {
    challenge("sign in, and send the access token as a bearer token", BEARER)
}

/// The answer to somebody whose token does not count.
pub(crate) fn refused(why: &str) -> ConnectError {
    challenge(why, INVALID_TOKEN)
}

/// As metadata, so that every protocol has it: not all of them answer with the HTTP status 401.
fn challenge(why: &str, challenge: HeaderValue) -> ConnectError {
    let mut error = ConnectError::unauthenticated(why);
    error.metadata_mut().insert(header::WWW_AUTHENTICATE, challenge);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(values: &[&'static str]) -> HeaderMap {
        let pair = |value: &&'static str| (header::AUTHORIZATION, HeaderValue::from_static(value));
        values.iter().map(pair).collect()
    }

    #[test]
    fn a_bearer_token_is_found() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(token(&given(&[value])).unwrap(), Some("abc"), "{value:?}");
        }
        assert_eq!(token(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn anything_else_is_refused() {
        let wrong: [&[&str]; 7] = [
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["abc"],
            &["Basic YTpi"],
            &["Bearerabc"],
            &["Bearer abc", "Bearer abc"],
        ];
        for values in wrong {
            let error = token(&given(values)).unwrap_err();
            assert_eq!(error.code(), connect::Code::Unauthenticated, "{values:?}");
            assert_eq!(
                error.metadata()[header::WWW_AUTHENTICATE],
                INVALID_TOKEN,
                "{values:?}"
            );
        }
    }
}
