//! The claims of tokens.

use crate::domain::json::Json;

/// How long ID tokens live, in seconds.
pub(crate) const ID_TOKEN_LIFETIME: i64 = 3600;

/// Claims of ID tokens that only the issuer writes. Consent cannot replace or add them.
const RESERVED: [&str; 18] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "rat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "client_id",
];

/// The claims of an access token.
#[derive(Debug)]
pub(crate) struct AccessClaims<'a> {
    pub(crate) subject: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) audience: &'a [String],
    pub(crate) scopes: &'a [String],
    /// `jti`: see [`token_id`].
    pub(crate) id: &'a str,
    /// In seconds.
    pub(crate) lifespan: i64,
    /// The claim `ext`: claims from consent.
    pub(crate) extra: &'a Json,
}

/// The claims of an ID token.
#[derive(Debug)]
pub(crate) struct IdClaims<'a> {
    pub(crate) subject: &'a str,
    pub(crate) client_id: &'a str,
    /// `jti`.
    pub(crate) id: &'a str,
    pub(crate) session_id: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) acr: &'a str,
    pub(crate) amr: &'a [String],
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// The time of the request, in seconds since 1970.
    pub(crate) requested_at: i64,
    /// The access token that is issued with it.
    pub(crate) access_token: &'a str,
    /// The claims that consent adds to the token.
    pub(crate) extra: &'a Json,
}

/// An ID token of this issuer that a client sends back, expired or not. It shows which user is meant, and grants
/// nothing (OpenID Connect Core, section 3.1.2.2; RP-Initiated Logout, section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdTokenHint {
    pub(crate) subject: String,
    pub(crate) session_id: String,
    /// The client that it was issued to.
    pub(crate) client_id: String,
    /// All of its claims.
    pub(crate) claims: Json,
}

/// An access token of this issuer, received with a valid signature. It may be expired or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedAccessToken {
    pub(crate) subject: String,
    pub(crate) client_id: String,
    pub(crate) audience: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// `jti`: see [`token_id`].
    pub(crate) id: String,
    /// In seconds since 1970.
    pub(crate) issued_at: i64,
    /// In seconds since 1970.
    pub(crate) not_before: i64,
    /// In seconds since 1970.
    pub(crate) expires_at: i64,
    pub(crate) extra: Json,
}

/// Whether only the issuer writes this claim of an ID token.
pub(crate) fn is_reserved(claim: &str) -> bool {
    RESERVED.contains(&claim)
}

/// An access token's `jti`: the id of its grant, so that it is revoked with the grant, or an empty text for a client's
/// own token; then a point and a unique part.
pub(crate) fn token_id(grant: Option<&str>, unique: &str) -> String {
    format!("{}.{unique}", grant.unwrap_or_default())
}

/// The grant that a `jti` names; `None` for a client's own token.
pub(crate) fn grant_of(token_id: &str) -> Option<&str> {
    let (grant, _) = token_id.split_once('.')?;
    Some(grant).filter(|grant| !grant.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_id_names_its_grant() {
        assert_eq!(grant_of(&token_id(Some("g1"), "u")), Some("g1"));
        for none in [&token_id(None, "u"), "", "u"] {
            assert_eq!(grant_of(none), None, "{none:?}");
        }
    }
}
