//! Clients.

use serde_json::{Map, Value};
use spin_adapters::postgres::{Error as DatabaseError, Parameter, Row};

use super::{Store, StoreError, json, object, only, optional, text};
use crate::domain::secret::Hash;

/// A client as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StoredClient {
    pub(crate) id: String,
    pub(crate) secret: Option<Hash>,
    /// As Hydra's API spells it, without id, secret and times.
    pub(crate) metadata: Map<String, Value>,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339.
    pub(crate) updated_at: String,
}

/// The select list that [`read`] takes apart.
macro_rules! columns {
    () => {
        "id, secret_hash, metadata::text, \
         to_char(created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
         to_char(updated_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    };
}

const FIND: &str = concat!("select ", columns!(), " from clients where id = $1::text");

const ADD: &str = concat!(
    "insert into clients (id, secret_hash, metadata) values ($1::text, $2::text, $3::text::jsonb) returning ",
    columns!()
);

// A client that becomes public loses its secret; without a new one the old one stays.
const REPLACE: &str = concat!(
    "update clients set secret_hash = case when $2::boolean then null else coalesce($3::text, secret_hash) end, \
         metadata = $4::text::jsonb, updated_at = now() \
     where id = $1::text returning ",
    columns!()
);

const DELETE: &str = "delete from clients where id = $1::text returning id";

const LIST: &str = concat!(
    "select ",
    columns!(),
    " from clients \
     where id > $1::text and ($2::text is null or metadata->>'client_name' = $2::text) \
         and ($3::text is null or metadata->>'owner' = $3::text) \
     order by id limit $4::bigint"
);

const ALLOWS_ORIGIN: &str =
    "select exists (select from clients where metadata->'allowed_cors_origins' @> to_jsonb($1::text))";

impl Store {
    pub(crate) async fn client(&self, id: &str) -> Result<Option<StoredClient>, StoreError> {
        let row = self.read_one(FIND, &[text(id)]).await?;
        row.map(read).transpose()
    }

    /// Adds a client; `None` if there is one with this id.
    pub(crate) async fn add_client(
        &self,
        id: &str,
        secret: Option<&Hash>,
        metadata: &Map<String, Value>,
    ) -> Result<Option<StoredClient>, StoreError> {
        let parameters = [text(id), optional(secret.map(Hash::as_str)), json(metadata)?];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => read(only(rows.into_iter().next())?).map(Some),
            Err(DatabaseError::Unique { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces a client, but for its secret where there is no new one; `None` if there is no such client.
    pub(crate) async fn replace_client(
        &self,
        id: &str,
        is_public: bool,
        secret: Option<&Hash>,
        metadata: &Map<String, Value>,
    ) -> Result<Option<StoredClient>, StoreError> {
        let parameters = [
            text(id),
            Parameter::Boolean(is_public),
            optional(secret.map(Hash::as_str)),
            json(metadata)?,
        ];
        self.write_one(REPLACE, &parameters).await?.map(read).transpose()
    }

    /// Removes a client with all that was ever granted to it; false if there is none.
    pub(crate) async fn delete_client(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.write_one(DELETE, &[text(id)]).await?.is_some())
    }

    /// Clients by id, from the one after `after`.
    pub(crate) async fn clients(
        &self,
        after: &str,
        name: Option<&str>,
        owner: Option<&str>,
        limit: i64,
    ) -> Result<Vec<StoredClient>, StoreError> {
        let parameters = [
            text(after),
            optional(name),
            optional(owner),
            Parameter::Int64(limit),
        ];
        let rows = self.0.read(LIST, &parameters).await?;
        rows.into_iter().map(read).collect()
    }

    /// Whether some client's pages may call us from this origin.
    pub(crate) async fn allows_origin(&self, origin: &str) -> Result<bool, StoreError> {
        Ok(only(self.read_one(ALLOWS_ORIGIN, &[text(origin)]).await?)?.boolean()?)
    }
}

fn read(mut row: Row) -> Result<StoredClient, StoreError> {
    Ok(StoredClient {
        id: row.text()?,
        secret: row.optional_text()?.map(Hash::stored),
        metadata: object(&mut row)?,
        created_at: row.text()?,
        updated_at: row.text()?,
    })
}
