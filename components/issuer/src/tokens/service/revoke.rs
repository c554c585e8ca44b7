//! Revoking tokens and grants (RFC 7009, and Hydra's admin API).

use super::{GrantStore, RefreshHook, TokenKeys, Tokens};
use crate::clients::domain::{ClientAuthentication, OAuthClient};
use crate::clients::service::{ClientStore, authenticate};
use crate::domain::failure::{Denied, InternalFailure};
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;
use crate::domain::secret::Hash;
use crate::tokens::domain::{RefreshTokenRevocation, grant_of};

impl<S, K, H> Tokens<'_, S, K, H>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    /// Revokes the token in a client's form. The token itself shows its type, so `token_type_hint` is ignored.
    pub(crate) async fn revoke(
        &self,
        form: &Parameters,
        credentials: &ClientAuthentication,
    ) -> Result<(), Denied> {
        let client = authenticate(self.store, credentials).await?;
        let token = form.get("token").ok_or_else(|| OAuthError::missing("token"))?;
        let revocation = self
            .store
            .revoke_refresh_token(&Hash::of(token), &client.id)
            .await?;
        match revocation {
            RefreshTokenRevocation::Revoked => Ok(()),
            RefreshTokenRevocation::OfAnotherClient => Err(of_another_client().into()),
            RefreshTokenRevocation::Unknown => self.revoke_access_token(&client, token).await,
        }
    }

    /// Revoking a user's access token revokes its whole grant (RFC 7009, section 2.1, allows that). A token that is
    /// unknown or no longer valid is no error (section 2.2).
    async fn revoke_access_token(&self, client: &OAuthClient, token: &str) -> Result<(), Denied> {
        let Some(active) = self.active_access_token(token).await? else {
            return Ok(());
        };
        let token = active.token;
        if token.client_id != client.id {
            return Err(of_another_client().into());
        }
        match grant_of(&token.id) {
            Some(grant) => self.store.revoke_grant(grant, Some(&client.id)).await?,
            None => {
                self.store
                    .revoke_machine_token(&token.id, token.expires_at)
                    .await?
            }
        }
        Ok(())
    }

    /// Revokes one grant, by the id of its consent request.
    pub(crate) async fn revoke_grant(&self, id: &str) -> Result<(), InternalFailure> {
        Ok(self.store.revoke_grant(id, None).await?)
    }

    /// Revokes all grants of a user, to one client or to all, and forgets remembered consent.
    pub(crate) async fn revoke_grants_of(
        &self,
        subject: &str,
        client_id: Option<&str>,
    ) -> Result<(), InternalFailure> {
        Ok(self.store.revoke_grants_of(subject, client_id).await?)
    }

    /// Revokes all grants to a client.
    pub(crate) async fn revoke_grants_of_client(&self, client_id: &str) -> Result<(), InternalFailure> {
        Ok(self.store.revoke_grants_of_client(client_id).await?)
    }
}

/// RFC 7009, section 2.1: the request is refused and the client gets an error. Its name is the one of RFC 6749, section 5.2.
fn of_another_client() -> OAuthError {
    OAuthError::invalid_grant("the token was issued to another client, and only that client can revoke it")
}
