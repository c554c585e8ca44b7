//! Signing keys.

use serde_json::Value;
use spin_adapters::postgres::Error as DatabaseError;

use super::{Store, StoreError, json, only, parsed, text};

/// The key that signs, sealed, and the database's time, in seconds since 1970: what a new token needs.
#[derive(Debug)]
pub(crate) struct SealedKey {
    pub(crate) id: String,
    pub(crate) sealed: String,
    pub(crate) now: i64,
}

/// What became of a key that was to sign from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Added,
    /// It was here before, or another one came at the same time.
    Conflict,
}

const SIGNING: &str = "select id, sealed_key, extract(epoch from clock_timestamp())::bigint \
     from signing_keys where retired_at is null";

// A token lives a day at most; the rest is for clocks that differ, and for one that is being signed at this moment.
const PUBLISHED: &str = "select public_jwk::text from signing_keys \
     where retired_at is null or retired_at > now() - interval '24 hours 10 minutes' \
     order by created_at desc limit 64";

const KNOWN: &str = "select public_jwk::text from signing_keys order by created_at desc limit 64";

// The insert reads what the update returns, and so comes after it: one key signs.
const ADD: &str = "with retired as ( \
         update signing_keys set retired_at = clock_timestamp() where retired_at is null returning id), \
     counted as (select count(*) from retired) \
     insert into signing_keys (id, sealed_key, public_jwk) \
     select $1::text, $2::text, $3::text::jsonb from counted returning id";

const REMOVE: &str = "delete from signing_keys where id = $1::text and retired_at is not null returning id";

impl Store {
    /// The key that signs, if there is one.
    pub(crate) async fn signing_key(&self) -> Result<Option<SealedKey>, StoreError> {
        let row = self.read_one(SIGNING, &[]).await?;
        row.map(|mut row| {
            Ok(SealedKey {
                id: row.text()?,
                sealed: row.text()?,
                now: row.bigint()?,
            })
        })
        .transpose()
    }

    /// The public keys of all tokens that may still be alive, the newest first.
    pub(crate) async fn published_keys(&self) -> Result<Vec<Value>, StoreError> {
        self.public_keys(PUBLISHED).await
    }

    /// The public keys of all tokens that were ever signed here: those of ID tokens that come back as hints.
    pub(crate) async fn known_keys(&self) -> Result<Vec<Value>, StoreError> {
        self.public_keys(KNOWN).await
    }

    async fn public_keys(&self, statement: &str) -> Result<Vec<Value>, StoreError> {
        let rows = self.0.read(statement, &[]).await?;
        rows.into_iter().map(|mut row| parsed(&row.text()?)).collect()
    }

    /// Has this key sign from now on; the one before stays in the key set until its tokens are gone.
    pub(crate) async fn add_key(&self, id: &str, sealed: &str, public: &Value) -> Result<Added, StoreError> {
        let parameters = [text(id), text(sealed), json(public)?];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => only(rows.into_iter().next()).map(|_| Added::Added),
            Err(DatabaseError::Unique { .. }) => Ok(Added::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a key, and with it the worth of all tokens that it has signed. False if there is none, or if it is the one that
    /// signs.
    pub(crate) async fn remove_key(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.write_one(REMOVE, &[text(id)]).await?.is_some())
    }
}
