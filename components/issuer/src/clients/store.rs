//! Clients in Postgres.

use kernel::StoreError;
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Parameter, Row, only,
    parameter::{optional, text},
};

use super::document::ClientDocument;
use super::domain::{ClientFilter, ClientProfile, OAuthClient, RegisteredClient};
use super::service::ClientStore;
use crate::domain::secret::Hash;
use crate::store::{PostgresIssuer, json};

/// The columns of a [`RegisteredClient`].
macro_rules! columns {
    () => {
        "id, secret_hash, metadata::text as metadata, \
         to_char(created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as created_at, \
         to_char(updated_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as updated_at"
    };
}

const FIND: &str = concat!("select ", columns!(), " from clients where id = $1::text");

const ADD: &str = concat!(
    "insert into clients (id, secret_hash, metadata) values ($1::text, $2::text, $3::text::jsonb) returning ",
    columns!()
);

// A client that becomes public loses its secret. Without a new secret, the old one is kept.
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

const ALLOWS_ORIGIN: &str = "select exists (select from clients where metadata->'allowed_cors_origins' @> to_jsonb($1::text)) as is_allowed";

impl ClientStore for PostgresIssuer {
    async fn client(&self, id: &str) -> Result<Option<RegisteredClient>, StoreError> {
        self.find(FIND, &[text(id)]).await
    }

    async fn add_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError> {
        let parameters = [
            text(&client.id),
            optional(client.secret.as_ref().map(Hash::as_str)),
            json(&ClientDocument::from((client, profile)))?,
        ];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => Ok(Some(RegisteredClient::from_row(&mut only(rows)?)?)),
            Err(DatabaseError::Unique { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn replace_client(
        &self,
        client: &OAuthClient,
        profile: &ClientProfile,
    ) -> Result<Option<RegisteredClient>, StoreError> {
        let parameters = [
            text(&client.id),
            Parameter::Boolean(client.is_public()),
            optional(client.secret.as_ref().map(Hash::as_str)),
            json(&ClientDocument::from((client, profile)))?,
        ];
        let row = self.write_one(REPLACE, &parameters).await?;
        Ok(row
            .map(|mut row| RegisteredClient::from_row(&mut row))
            .transpose()?)
    }

    async fn delete_client(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.write_one(DELETE, &[text(id)]).await?.is_some())
    }

    async fn clients(&self, filter: ClientFilter<'_>) -> Result<Vec<RegisteredClient>, StoreError> {
        let parameters = [
            text(filter.after),
            optional(filter.name),
            optional(filter.owner),
            Parameter::Int64(filter.limit),
        ];
        self.list(LIST, &parameters).await
    }

    async fn allows_origin(&self, origin: &str) -> Result<bool, StoreError> {
        let rows = self.0.read(ALLOWS_ORIGIN, &[text(origin)]).await?;
        Ok(only(rows)?.get("is_allowed")?)
    }
}

impl FromRow for RegisteredClient {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        let document: ClientDocument = row.json("metadata")?;
        let registration = document.registration();
        let registration = registration.map_err(|error| DatabaseError::invalid("metadata", error))?;
        let mut client = registration.client;
        client.id = row.get("id")?;
        client.secret = row.get::<Option<String>>("secret_hash")?.map(Hash::stored);
        Ok(Self {
            client,
            profile: registration.profile,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}
