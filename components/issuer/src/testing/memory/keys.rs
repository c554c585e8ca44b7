use kernel::StoreError;

use super::{KeyRow, Memory};
use crate::keys::service::{KeyStore, PublishedKey, SealedSigningKey};

/// How long the key of the last tokens stays published: a day and ten minutes.
const PUBLISHED_FOR: i64 = 24 * 3600 + 600;

impl KeyStore for Memory {
    async fn signing_key(&self) -> Result<Option<SealedSigningKey>, StoreError> {
        let tables = self.tables();
        let signing = tables.keys.iter().find(|row| row.retired_at.is_none());
        Ok(signing.map(|row| SealedSigningKey {
            id: row.public.id.clone(),
            sealed: row.sealed.clone(),
            now: self.now(),
        }))
    }

    async fn published_keys(&self) -> Result<Vec<PublishedKey>, StoreError> {
        let tables = self.tables();
        let is_published = |row: &&KeyRow| row.retired_at.is_none_or(|at| at > self.now() - PUBLISHED_FOR);
        let rows = tables.keys.iter().rev().filter(is_published);
        Ok(rows.map(|row| row.public.clone()).collect())
    }

    async fn known_keys(&self) -> Result<Vec<PublishedKey>, StoreError> {
        let tables = self.tables();
        Ok(tables.keys.iter().rev().map(|row| row.public.clone()).collect())
    }

    async fn add_key(&self, sealed: &str, key: &PublishedKey) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.keys.iter().any(|row| row.public.id == key.id) {
            return Ok(false);
        }
        for row in tables.keys.iter_mut().filter(|row| row.retired_at.is_none()) {
            row.retired_at = Some(self.now());
        }
        tables.keys.push(KeyRow {
            sealed: sealed.to_owned(),
            public: key.clone(),
            retired_at: None,
        });
        Ok(true)
    }

    async fn remove_key(&self, id: &str) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let before = tables.keys.len();
        tables
            .keys
            .retain(|row| row.public.id != id || row.retired_at.is_none());
        Ok(tables.keys.len() < before)
    }
}
