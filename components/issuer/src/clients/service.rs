//! The use cases of clients.

#[cfg(test)]
mod tests;

use kernel::StoreError;

use super::domain::{
    ClientAuthentication, ClientFilter, ClientProfile, OAuthClient, RegisteredClient, Registration,
};
use crate::domain::failure::{Denied, InternalFailure};
use crate::domain::secret::{Hash, Token, new_id};

/// The registered clients.
pub(crate) trait ClientStore {
    async fn client(&self, id: &str) -> Result<Option<RegisteredClient>, StoreError>;

    /// Adds a client. `None` if there is one with this id.
    async fn add_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError>;

    /// Replaces a client. `None` if there is no such client. A confidential client without a new secret keeps its old
    /// one.
    async fn replace_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError>;

    /// Removes a client with all its grants. False if there is none.
    async fn delete_client(&self, id: &str) -> Result<bool, StoreError>;

    /// Clients by their ids.
    async fn clients(&self, filter: ClientFilter<'_>) -> Result<Vec<RegisteredClient>, StoreError>;

    /// Whether a client has registered this origin.
    async fn allows_origin(&self, origin: &str) -> Result<bool, StoreError>;
}

/// Why a client is not registered or changed.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// There is no such client.
    NotFound,
    /// There is a client with this id.
    Exists,
    /// The registration breaks a rule. The text describes it.
    Invalid(String),
    Failed(InternalFailure),
}

impl<E: Into<InternalFailure>> From<E> for ClientError {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// A client with its secret. The secret is shown once: in the answer to the request that has set it.
#[derive(Debug)]
pub(crate) struct NewlyRegistered {
    pub(crate) client: RegisteredClient,
    pub(crate) secret: Option<String>,
}

/// The use cases of clients.
pub(crate) struct Clients<'a, S> {
    pub(crate) store: &'a S,
}

impl<S: ClientStore> Clients<'_, S> {
    pub(crate) async fn find(&self, id: &str) -> Result<RegisteredClient, ClientError> {
        self.store.client(id).await?.ok_or(ClientError::NotFound)
    }

    pub(crate) async fn list(&self, filter: ClientFilter<'_>) -> Result<Vec<RegisteredClient>, ClientError> {
        Ok(self.store.clients(filter).await?)
    }

    /// Registers a client. A confidential client without a secret gets a random one.
    pub(crate) async fn register(&self, registration: Registration) -> Result<NewlyRegistered, ClientError> {
        registration.check().map_err(ClientError::Invalid)?;
        let Registration {
            id,
            secret,
            mut client,
            profile,
        } = registration;
        client.id = id.map_or_else(new_id, Ok)?;
        let secret = match (client.is_public(), secret) {
            (true, _) => None,
            (false, Some(secret)) => Some(secret),
            (false, None) => Some(Token::new()?.reveal().to_owned()),
        };
        client.secret = secret.as_deref().map(Hash::of);
        let added = self.store.add_client(&client, &profile).await?;
        let client = added.ok_or(ClientError::Exists)?;
        Ok(NewlyRegistered { client, secret })
    }

    /// Replaces a client's registration. Without a new secret, the client keeps its own.
    pub(crate) async fn replace(
        &self,
        id: &str,
        registration: Registration,
    ) -> Result<NewlyRegistered, ClientError> {
        registration.check().map_err(ClientError::Invalid)?;
        let Registration {
            secret,
            mut client,
            profile,
            ..
        } = registration;
        let current = self.find(id).await?.client;
        let secret = secret.filter(|_| !client.is_public());
        if !client.is_public() && secret.is_none() && current.secret.is_none() {
            let cause = "client_secret is missing: the client was public and becomes confidential";
            return Err(ClientError::Invalid(cause.into()));
        }
        client.id = current.id;
        client.secret = secret.as_deref().map(Hash::of);
        let replaced = self.store.replace_client(&client, &profile).await?;
        let client = replaced.ok_or(ClientError::NotFound)?;
        Ok(NewlyRegistered { client, secret })
    }

    /// Gives a confidential client a new random secret. The old one is no longer valid.
    pub(crate) async fn rotate_secret(&self, id: &str) -> Result<NewlyRegistered, ClientError> {
        let RegisteredClient {
            mut client, profile, ..
        } = self.find(id).await?;
        if client.secret.is_none() {
            return Err(ClientError::Invalid("a public client has no secret".into()));
        }
        let secret = Token::new()?;
        client.secret = Some(secret.hash());
        let replaced = self.store.replace_client(&client, &profile).await?;
        let client = replaced.ok_or(ClientError::NotFound)?;
        Ok(NewlyRegistered {
            client,
            secret: Some(secret.reveal().to_owned()),
        })
    }

    /// Removes a client with all its grants.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), ClientError> {
        match self.store.delete_client(id).await? {
            true => Ok(()),
            false => Err(ClientError::NotFound),
        }
    }

    /// Whether pages of this origin may read the answers of the token endpoint.
    pub(crate) async fn allows_origin(&self, origin: &str) -> Result<bool, InternalFailure> {
        Ok(self.store.allows_origin(origin).await?)
    }
}

/// The client with these credentials.
///
/// # Errors
/// [`Denied::Client`], which does not reveal whether the id or the secret is wrong.
pub(crate) async fn authenticate(
    store: &impl ClientStore,
    credentials: &ClientAuthentication,
) -> Result<OAuthClient, Denied> {
    let registered = store.client(&credentials.id).await?;
    let client = registered.map(|registered| registered.client);
    let client = client.filter(|client| credentials.match_client(client));
    client.ok_or(Denied::Client)
}
