use kernel::StoreError;

use super::{Memory, RefreshTokenRow, Tables};
use crate::clients::domain::{OAuthClient, scopes::are_among};
use crate::domain::secret::Hash;
use crate::tokens::domain::{CodeExchange, GrantFilter, Refresh, RefreshTokenRevocation, UserGrant};
use crate::tokens::service::{CodeUse, GrantStore};

/// How long a replaced refresh token gets siblings, in seconds.
const GRACE: i64 = 10;

impl Tables {
    /// A grant of this client, revoked or not.
    fn family(&self, grant: &str, client_id: &str) -> Option<(UserGrant, bool)> {
        let mut rows = self.grants.iter();
        let row = rows.find(|row| row.grant.id == grant && row.grant.client_id == client_id)?;
        Some((row.grant.clone(), row.is_revoked))
    }

    fn insert_refresh_token(&mut self, hash: &Hash, grant: &str, predecessor: Option<&Hash>) {
        self.refresh_tokens.push(RefreshTokenRow {
            hash: hash.clone(),
            grant: grant.to_owned(),
            predecessor: predecessor.cloned(),
            used_at: None,
            successor_used: false,
        });
    }

    fn mark_used(&mut self, token: &Hash, predecessor: Option<&Hash>, now: i64) {
        for row in &mut self.refresh_tokens {
            if row.hash == *token {
                row.used_at = Some(now);
            }
            if Some(&row.hash) == predecessor {
                row.successor_used = true;
            }
        }
    }
}

impl GrantStore for Memory {
    async fn use_code(&self, code: CodeUse<'_>) -> Result<CodeExchange, StoreError> {
        let mut tables = self.tables();
        let Some(index) = tables.codes.iter().position(|row| row.hash == *code.code) else {
            return Ok(CodeExchange::Refused);
        };
        let row = &tables.codes[index];
        let Some((grant, is_revoked)) = tables.family(&row.grant, code.client_id) else {
            return Ok(CodeExchange::Refused);
        };
        if row.is_used {
            tables.revoke(|other| other.id == grant.id);
            return Ok(CodeExchange::Replayed);
        }
        let fits = row.redirect_uri == code.redirect_uri && row.code_challenge == code.code_challenge;
        if is_revoked || row.expires_at <= self.now() || !fits {
            return Ok(CodeExchange::Refused);
        }
        tables.codes[index].is_used = true;
        if grant.scopes.iter().any(|scope| code.offline.contains(scope)) {
            tables.insert_refresh_token(code.refresh_token, &grant.id, None);
        }
        Ok(CodeExchange::Granted(Box::new(grant)))
    }

    async fn replace_refresh_token(
        &self,
        token: &Hash,
        client: &OAuthClient,
        next: &Hash,
        scopes: &[String],
    ) -> Result<Refresh, StoreError> {
        let mut tables = self.tables();
        let Some(row) = tables.refresh_tokens.iter().find(|row| row.hash == *token) else {
            return Ok(Refresh::Refused);
        };
        let (used_at, successor_used) = (row.used_at, row.successor_used);
        let predecessor = row.predecessor.clone();
        let Some((grant, is_revoked)) = tables.family(&row.grant, &client.id) else {
            return Ok(Refresh::Refused);
        };
        if is_revoked || grant.ends_at <= self.now() {
            return Ok(Refresh::Refused);
        }
        if successor_used || used_at.is_some_and(|at| at <= self.now() - GRACE) {
            tables.revoke(|other| other.id == grant.id);
            return Ok(Refresh::Reused);
        }
        if !are_among(&grant.scopes, &client.scopes) || !are_among(&grant.audience, &client.audience) {
            return Ok(Refresh::Unregistered);
        }
        if !are_among(scopes, &grant.scopes) {
            return Ok(Refresh::TooManyScopes);
        }
        if used_at.is_none() {
            tables.mark_used(token, predecessor.as_ref(), self.now());
        }
        tables.insert_refresh_token(next, &grant.id, Some(token));
        Ok(Refresh::Granted(Box::new(grant)))
    }

    async fn grant_of_refresh_token(
        &self,
        token: &Hash,
        unused: bool,
    ) -> Result<Option<UserGrant>, StoreError> {
        let mut tables = self.tables();
        let row = tables.refresh_tokens.iter().find(|row| row.hash == *token);
        let row = row.filter(|row| !unused || row.used_at.is_none());
        let Some(id) = row.map(|row| row.grant.clone()) else {
            return Ok(None);
        };
        let grant = tables.grant(&id).map(|row| row.grant.clone());
        Ok(grant.filter(|grant| grant.ends_at > self.now()))
    }

    async fn grant(&self, id: &str) -> Result<Option<UserGrant>, StoreError> {
        Ok(self.tables().grant(id).map(|row| row.grant.clone()))
    }

    async fn grants(&self, filter: GrantFilter<'_>) -> Result<Vec<UserGrant>, StoreError> {
        let tables = self.tables();
        let living = tables
            .grants
            .iter()
            .filter(|row| !row.is_revoked && row.grant.ends_at > self.now());
        let mut grants: Vec<_> = living
            .map(|row| row.grant.clone())
            .filter(|grant| grant.subject == filter.subject && grant.id.as_str() > filter.after)
            .filter(|grant| filter.session.is_none_or(|session| session == grant.session_id))
            .collect();
        grants.sort_by(|one, other| one.id.cmp(&other.id));
        grants.truncate(filter.limit as usize);
        Ok(grants)
    }

    async fn has_grant(&self, subject: &str, session: &str) -> Result<bool, StoreError> {
        let filter = GrantFilter {
            subject,
            session: Some(session),
            after: "",
            limit: 1,
        };
        Ok(!self.grants(filter).await?.is_empty())
    }

    async fn revoke_refresh_token(
        &self,
        token: &Hash,
        client_id: &str,
    ) -> Result<RefreshTokenRevocation, StoreError> {
        let Some(grant) = self.grant_of_refresh_token(token, false).await? else {
            return Ok(RefreshTokenRevocation::Unknown);
        };
        if grant.client_id != client_id {
            return Ok(RefreshTokenRevocation::OfAnotherClient);
        }
        self.tables().revoke(|other| other.id == grant.id);
        Ok(RefreshTokenRevocation::Revoked)
    }

    async fn revoke_grant(&self, id: &str, client_id: Option<&str>) -> Result<(), StoreError> {
        let is_clients = |grant: &UserGrant| client_id.is_none_or(|client| client == grant.client_id);
        self.tables().revoke(|grant| grant.id == id && is_clients(grant));
        Ok(())
    }

    async fn revoke_grants_of(&self, subject: &str, client_id: Option<&str>) -> Result<(), StoreError> {
        let is_meant = |of: &str, to: &str| of == subject && client_id.is_none_or(|client| client == to);
        let mut tables = self.tables();
        tables
            .consents
            .retain(|row| !is_meant(&row.subject, &row.client_id));
        tables.revoke(|grant| is_meant(&grant.subject, &grant.client_id));
        Ok(())
    }

    async fn revoke_grants_of_client(&self, client_id: &str) -> Result<(), StoreError> {
        self.tables().revoke(|grant| grant.client_id == client_id);
        Ok(())
    }

    async fn revoke_machine_token(&self, id: &str, _expires_at: i64) -> Result<(), StoreError> {
        self.tables().revoked_tokens.push(id.to_owned());
        Ok(())
    }

    async fn machine_token_validity(&self, id: &str) -> Result<(bool, i64), StoreError> {
        let is_revoked = self.tables().revoked_tokens.iter().any(|revoked| revoked == id);
        Ok((!is_revoked, self.now()))
    }
}
