//! The product service: the catalogue and its stock.
//!
//! This file is the door: it wires HTTP and the WIT export to the use cases, and nothing else.

mod domain;
mod service;
mod store;
mod wit;

use platform::postgres::Database;
use service::{Catalogue, StoreError};
use store::Postgres;

/// The use cases over the database that `spin.toml` grants.
async fn catalogue() -> Result<Catalogue<Postgres>, StoreError> {
    let database = Database::from_variable("database_url").await;
    Ok(Catalogue::new(Postgres(
        database.map_err(|error| StoreError::Failed(error.to_string()))?,
    )))
}
