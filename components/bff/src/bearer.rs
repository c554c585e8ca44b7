//! `Authorization: Bearer …` (RFC 6750): the token in a request.

use connect::ConnectError;
use http::{HeaderMap, HeaderValue, header};
use platform::challenge;

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
        (Some(_), Some(_)) => Err(challenge::invalid("send one Authorization header")),
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
        _ => Err(challenge::invalid(
            "send the access token as a bearer token: \"Authorization: Bearer …\"",
        )),
    }
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
                "Bearer error=\"invalid_token\"",
                "{values:?}"
            );
        }
    }
}
