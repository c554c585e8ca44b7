//! Grants.

use crate::authorization::domain::{AcceptedConsent, AcceptedLogin};

/// The grant of a user to a client. All tokens of a grant are one family.
#[derive(Clone, Debug)]
pub(crate) struct UserGrant {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) session_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// In seconds since 1970.
    pub(crate) created_at: i64,
    /// In seconds since 1970.
    pub(crate) ends_at: i64,
    /// The time of the consent: RFC 3339.
    pub(crate) handled_at: String,
    /// The request's parameters, as a query.
    pub(crate) request: String,
    pub(crate) login: AcceptedLogin,
    pub(crate) consent: AcceptedConsent,
}

/// The grants of a user to list, and the first one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantFilter<'a> {
    pub(crate) subject: &'a str,
    /// Only the grants of this login.
    pub(crate) session: Option<&'a str>,
    /// The list begins after the grant with this id.
    pub(crate) after: &'a str,
    pub(crate) limit: i64,
}

/// The result of exchanging a code.
#[derive(Debug)]
pub(crate) enum CodeExchange {
    Granted(Box<UserGrant>),
    /// The code was used before: all tokens of its grant are revoked now (RFC 6749, section 4.1.2).
    Replayed,
    /// The code is unknown, expired, of another client, for another address, with another verifier, or of a revoked
    /// grant.
    Refused,
}

/// The result of using a refresh token.
#[derive(Debug)]
pub(crate) enum Refresh {
    /// The new token replaces the old one, or is a sibling of an earlier replacement.
    Granted(Box<UserGrant>),
    /// The request exceeds the grant. The token can still be used.
    TooManyScopes,
    /// The client is no longer registered for the whole grant. The token can still be used.
    Unregistered,
    /// The token was used before, and more than a moment ago: all tokens of its family are revoked now (RFC 9700, section
    /// 4.14.2).
    Reused,
    /// The token is unknown, expired, of another client, or of a revoked grant.
    Refused,
}

/// The result of revoking a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshTokenRevocation {
    /// All tokens of its family are revoked.
    Revoked,
    /// It was issued to another client, and stays valid.
    OfAnotherClient,
    /// It is not a refresh token, or was not valid before.
    Unknown,
}
