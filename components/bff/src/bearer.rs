//! The access token of a request, and the errors for a malformed `Authorization` header.

use connect::ConnectError;
use http::HeaderMap;
use web::{
    bearer::{self, BearerError},
    challenge,
};

/// The access token of a request; `None` if it has no `Authorization` header.
///
/// # Errors
/// `unauthenticated`: another scheme, no token, or more than one header.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, ConnectError> {
    bearer::token(headers).map_err(|error| match error {
        BearerError::Repeated => challenge::invalid("send one Authorization header"),
        BearerError::Malformed => {
            challenge::invalid("send the access token as a bearer token: \"Authorization: Bearer …\"")
        }
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn malformed_credentials_are_unauthenticated() {
        let wrong: [&[&str]; 3] = [&[""], &["Basic YTpi"], &["Bearer abc", "Bearer abc"]];
        for values in wrong {
            let value = |value: &&str| HeaderValue::from_str(value).expect("a header's value");
            let headers = values.iter().map(|text| (header::AUTHORIZATION, value(text)));
            let error = token(&headers.collect()).expect_err("it is malformed");
            assert_eq!(error.code(), connect::Code::Unauthenticated, "{values:?}");
            assert_eq!(
                error.metadata()[header::WWW_AUTHENTICATE],
                "Bearer error=\"invalid_token\"",
                "{values:?}"
            );
        }
    }
}
