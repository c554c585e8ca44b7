//! Grants and their tokens.

mod claims;
mod grant;

pub(crate) use self::claims::{
    AccessClaims, ID_TOKEN_LIFETIME, IdClaims, IdTokenHint, VerifiedAccessToken, grant_of, is_reserved,
    token_id,
};
pub(crate) use self::grant::{CodeExchange, GrantFilter, Refresh, RefreshTokenRevocation, UserGrant};
