//! `WWW-Authenticate`: every answer 401 must say how to authenticate (RFC 9110, section 15.5.2). Here that is a bearer token or key
//! (RFC 6750). Clients of the issuer authenticate in other ways, so the issuer writes its own header.

use connect::ConnectError;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// For a request without a token (RFC 6750, section 3: at least one parameter, and no error).
const MISSING: HeaderValue = HeaderValue::from_static("Bearer realm=\"akinai\"");

/// For a request whose token is refused (RFC 6750, section 3.1).
const INVALID: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// `unauthenticated`, for a user who has to sign in first.
pub fn sign_in() -> ConnectError {
    missing("sign in, and send the access token as a bearer token")
}

/// `unauthenticated`, for a caller that has sent no token.
pub fn missing(why: &str) -> ConnectError {
    unauthenticated(why, MISSING)
}

/// `unauthenticated`, for a caller whose token is refused.
pub fn invalid(why: &str) -> ConnectError {
    unauthenticated(why, INVALID)
}

/// The challenge is metadata of the error, because not every protocol answers with the HTTP status 401.
fn unauthenticated(why: &str, challenge: HeaderValue) -> ConnectError {
    let mut error = ConnectError::unauthenticated(why);
    error.metadata_mut().insert(header::WWW_AUTHENTICATE, challenge);
    error
}

/// Adds a challenge for a bearer token to an answer 401 that has none.
pub fn complete(status: StatusCode, headers: &mut HeaderMap) {
    if status == StatusCode::UNAUTHORIZED && !headers.contains_key(header::WWW_AUTHENTICATE) {
        headers.insert(header::WWW_AUTHENTICATE, MISSING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_401_says_how_to_authenticate() {
        let completed = |status, challenge: Option<&'static str>| {
            let challenge = challenge.map(HeaderValue::from_static);
            let mut headers: HeaderMap = challenge
                .map(|value| (header::WWW_AUTHENTICATE, value))
                .into_iter()
                .collect();
            complete(status, &mut headers);
            headers.get(header::WWW_AUTHENTICATE).cloned()
        };
        assert_eq!(completed(StatusCode::UNAUTHORIZED, None), Some(MISSING));
        let basic = Some(HeaderValue::from_static("Basic realm=\"issuer\""));
        assert_eq!(
            completed(StatusCode::UNAUTHORIZED, Some("Basic realm=\"issuer\"")),
            basic
        );
        assert_eq!(completed(StatusCode::FORBIDDEN, None), None);
        assert_eq!(sign_in().metadata()[header::WWW_AUTHENTICATE], MISSING);
        assert_eq!(invalid("").metadata()[header::WWW_AUTHENTICATE], INVALID);
    }
}
