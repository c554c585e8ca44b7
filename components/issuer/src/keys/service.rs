//! The use cases of signing keys.

#[cfg(test)]
mod tests;

use kernel::StoreError;
use signing::{SigningKey, SigningKeyError};

use crate::domain::failure::InternalFailure;
use crate::domain::json::Json;

/// The signing key, sealed, and the database's time in seconds since 1970: the input for a new token.
#[derive(Debug)]
pub(crate) struct SealedSigningKey {
    pub(crate) id: String,
    pub(crate) sealed: String,
    pub(crate) now: i64,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedKey {
    /// Its `kid`.
    pub(crate) id: String,
    /// The key as a JWK (RFC 7517).
    pub(crate) jwk: Json,
}

/// Why a key is not imported.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// The text is not a key that can sign.
    Key(SigningKeyError),
    /// The issuer has it already, or another key was imported at the same time.
    Conflict,
    Failed(InternalFailure),
}

impl<E: Into<InternalFailure>> From<E> for ImportError {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// The store of signing keys.
pub(crate) trait KeyStore {
    /// The current signing key, if there is one.
    async fn signing_key(&self) -> Result<Option<SealedSigningKey>, StoreError>;

    /// The public keys of all tokens that may still be valid, the newest first.
    async fn published_keys(&self) -> Result<Vec<PublishedKey>, StoreError>;

    /// The public keys of all tokens that this issuer has ever signed. ID tokens that clients send back as hints may be old.
    async fn known_keys(&self) -> Result<Vec<PublishedKey>, StoreError>;

    /// Makes this the signing key. The key before stays published until its tokens have expired. False if the key
    /// exists already, or if another key was added at the same time.
    async fn add_key(&self, sealed: &str, key: &PublishedKey) -> Result<bool, StoreError>;

    /// Removes a key, so that its tokens are no longer valid. False if there is no such key, or if it is the signing
    /// key.
    async fn remove_key(&self, id: &str) -> Result<bool, StoreError>;
}

/// Seals signing keys, so that the store never contains one as plain text.
pub(crate) trait KeySealer {
    /// The key in the form that is stored.
    fn seal(&self, key: &SigningKey) -> Result<String, InternalFailure>;
}

/// The use cases of signing keys.
pub(crate) struct SigningKeys<'a, S, V> {
    pub(crate) store: &'a S,
    pub(crate) vault: &'a V,
}

impl<S: KeyStore, V: KeySealer> SigningKeys<'_, S, V> {
    /// The public keys of all tokens that may still be valid.
    pub(crate) async fn published(&self) -> Result<Vec<PublishedKey>, InternalFailure> {
        Ok(self.store.published_keys().await?)
    }

    /// Makes a key the signing key. Its id is its thumbprint. An id in the request is ignored.
    pub(crate) async fn import(
        &self,
        key: Result<SigningKey, SigningKeyError>,
    ) -> Result<PublishedKey, ImportError> {
        let key = key.map_err(ImportError::Key)?;
        let sealed = self.vault.seal(&key)?;
        let public = PublishedKey {
            id: key.id().to_owned(),
            jwk: Json::new(key.public_jwk().to_string()),
        };
        match self.store.add_key(&sealed, &public).await? {
            true => Ok(public),
            false => Err(ImportError::Conflict),
        }
    }

    /// Removes a key that no longer signs. False if there is none.
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, InternalFailure> {
        Ok(self.store.remove_key(id).await?)
    }
}
