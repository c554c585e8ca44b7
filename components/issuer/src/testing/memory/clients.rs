//! Clients in memory.

use kernel::StoreError;

use super::Memory;
use crate::clients::domain::{ClientFilter, ClientProfile, OAuthClient, RegisteredClient};
use crate::clients::service::ClientStore;

impl ClientStore for Memory {
    async fn client(&self, id: &str) -> Result<Option<RegisteredClient>, StoreError> {
        Ok(self.tables().clients.get(id).cloned())
    }

    async fn add_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError> {
        let mut tables = self.tables();
        if tables.clients.contains_key(&client.id) {
            return Ok(None);
        }
        let registered = RegisteredClient {
            client: client.clone(),
            profile: profile.clone(),
            created_at: String::new(),
            updated_at: String::new(),
        };
        tables.clients.insert(client.id.clone(), registered.clone());
        Ok(Some(registered))
    }

    async fn replace_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError> {
        let mut tables = self.tables();
        let known = tables.clients.get_mut(&client.id);
        Ok(known.map(|known| {
            let old_secret = known.client.secret.take();
            known.client = client.clone();
            known.profile = profile.clone();
            if !client.is_public() && client.secret.is_none() {
                known.client.secret = old_secret;
            }
            known.clone()
        }))
    }

    async fn delete_client(&self, id: &str) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        tables.flows.retain(|row| row.flow.client_id != id);
        tables.grants.retain(|row| row.grant.client_id != id);
        Ok(tables.clients.remove(id).is_some())
    }

    async fn clients(&self, filter: ClientFilter<'_>) -> Result<Vec<RegisteredClient>, StoreError> {
        let tables = self.tables();
        let is_meant = |registered: &&RegisteredClient| {
            registered.client.id.as_str() > filter.after
                && filter.name.is_none_or(|name| name == registered.profile.name)
                && filter.owner.is_none_or(|owner| owner == registered.profile.owner)
        };
        let clients = tables.clients.values().filter(is_meant);
        Ok(clients.take(filter.limit as usize).cloned().collect())
    }

    async fn allows_origin(&self, origin: &str) -> Result<bool, StoreError> {
        let tables = self.tables();
        let mut origins = tables
            .clients
            .values()
            .flat_map(|registered| &registered.profile.cors_origins);
        Ok(origins.any(|allowed| allowed == origin))
    }
}
