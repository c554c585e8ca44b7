//! The access token of a request, and what a client is told that sent it in another form.

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
