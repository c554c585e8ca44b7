//! Signing keys in Postgres.

use kernel::StoreError;
use spin_adapters::postgres::{Error as DatabaseError, FromRow, Row, only, parameter::text};

use super::service::{KeyStore, PublishedKey, SealedSigningKey};
use crate::domain::json::Json;
use crate::store::PostgresIssuer;

const SIGNING: &str = "select id, sealed_key, extract(epoch from clock_timestamp())::bigint as now \
     from signing_keys where retired_at is null";

// A token lives a day at most. The rest allows for clock differences, and for a token that is being signed now.
const PUBLISHED: &str = "select id, public_jwk::text as public_jwk from signing_keys \
     where retired_at is null or retired_at > now() - interval '24 hours 10 minutes' \
     order by created_at desc limit 64";

const KNOWN: &str =
    "select id, public_jwk::text as public_jwk from signing_keys order by created_at desc limit 64";

// The insert reads the result of the update, so it runs after the update, and only one key signs.
const ADD: &str = "with retired as ( \
         update signing_keys set retired_at = clock_timestamp() where retired_at is null returning id), \
     counted as (select count(*) from retired) \
     insert into signing_keys (id, sealed_key, public_jwk) \
     select $1::text, $2::text, $3::text::jsonb from counted returning id";

const REMOVE: &str = "delete from signing_keys where id = $1::text and retired_at is not null returning id";

impl KeyStore for PostgresIssuer {
    async fn signing_key(&self) -> Result<Option<SealedSigningKey>, StoreError> {
        self.find(SIGNING, &[]).await
    }

    async fn published_keys(&self) -> Result<Vec<PublishedKey>, StoreError> {
        self.list(PUBLISHED, &[]).await
    }

    async fn known_keys(&self) -> Result<Vec<PublishedKey>, StoreError> {
        self.list(KNOWN, &[]).await
    }

    async fn add_key(&self, sealed: &str, key: &PublishedKey) -> Result<bool, StoreError> {
        let parameters = [text(&key.id), text(sealed), text(key.jwk.as_str())];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => Ok(only(rows).map(|_| true)?),
            Err(DatabaseError::Unique { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove_key(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.write_one(REMOVE, &[text(id)]).await?.is_some())
    }
}

impl FromRow for SealedSigningKey {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get("id")?,
            sealed: row.get("sealed_key")?,
            now: row.get("now")?,
        })
    }
}

impl FromRow for PublishedKey {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get("id")?,
            jwk: Json::new(row.get("public_jwk")?),
        })
    }
}
