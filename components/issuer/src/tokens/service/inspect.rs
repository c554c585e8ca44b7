//! Received tokens: introspection (RFC 7662), userinfo (OpenID Connect Core, section 5.3) and the grants of users.

use super::{GrantStore, RefreshHook, TokenKeys, Tokens};
use crate::clients::domain::scopes;
use crate::domain::failure::InternalFailure;
use crate::domain::secret::Hash;
use crate::tokens::domain::{GrantFilter, UserGrant, VerifiedAccessToken, grant_of};

/// An access token that is neither expired nor revoked.
#[derive(Debug)]
pub(crate) struct ActiveToken {
    pub(crate) token: VerifiedAccessToken,
    /// Its grant. `None` for a client's own token.
    pub(crate) grant: Option<UserGrant>,
}

/// The result of a token's introspection.
#[derive(Debug)]
pub(crate) enum Introspection {
    Inactive,
    RefreshToken(Box<UserGrant>),
    AccessToken(Box<VerifiedAccessToken>),
}

impl<S, K, H> Tokens<'_, S, K, H>
where
    S: GrantStore,
    K: TokenKeys,
    H: RefreshHook,
{
    /// The access token, if this issuer has issued it and it is neither expired nor revoked.
    pub(crate) async fn active_access_token(
        &self,
        token: &str,
    ) -> Result<Option<ActiveToken>, InternalFailure> {
        let Some(token) = self.keys.read_access_token(token).await? else {
            return Ok(None);
        };
        let (is_valid, now) = self.store.machine_token_validity(&token.id).await?;
        if !is_valid || token.expires_at <= now {
            return Ok(None);
        }
        match grant_of(&token.id) {
            None => Ok(Some(ActiveToken { token, grant: None })),
            Some(id) => {
                let grant = self.store.grant(id).await?;
                Ok(grant.map(|grant| ActiveToken {
                    token,
                    grant: Some(grant),
                }))
            }
        }
    }

    /// Whether a token is active, with all of these scopes (a list with spaces between them).
    pub(crate) async fn introspect(
        &self,
        token: &str,
        scope: &str,
    ) -> Result<Introspection, InternalFailure> {
        let Some(wanted) = scopes::parse(scope) else {
            return Ok(Introspection::Inactive);
        };
        let grant = self.store.grant_of_refresh_token(&Hash::of(token), true).await?;
        if let Some(grant) = grant {
            return Ok(match scopes::are_among(&wanted, &grant.scopes) {
                true => Introspection::RefreshToken(Box::new(grant)),
                false => Introspection::Inactive,
            });
        }
        Ok(match self.active_access_token(token).await? {
            Some(active) if scopes::are_among(&wanted, &active.token.scopes) => {
                Introspection::AccessToken(Box::new(active.token))
            }
            _ => Introspection::Inactive,
        })
    }

    /// The valid grants of a user.
    pub(crate) async fn grants(&self, filter: GrantFilter<'_>) -> Result<Vec<UserGrant>, InternalFailure> {
        Ok(self.store.grants(filter).await?)
    }
}
