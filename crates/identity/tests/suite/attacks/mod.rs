//! Access tokens that an attacker would send: one test each.

mod claims;
mod form;
mod header;
mod keys;
mod signatures;

use identity::access::TokenError;

use crate::tokens::*;

#[track_caller]
fn refused(token: &str, expected: TokenError) {
    assert_eq!(
        verify(token).map(|_| "accepted"),
        Err(expected),
        "for the token {token}"
    );
}
