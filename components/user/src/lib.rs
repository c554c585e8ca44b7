//! The user service: accounts.
//!
//! This file is the door: it wires HTTP and the WIT export to the use cases, and nothing else.

mod domain;
mod password;
mod service;
mod store;
mod wit;

use password::Argon2id;
use platform::postgres::Database;
use service::{Accounts, StoreError};
use store::Postgres;

/// The use cases over the database that `spin.toml` grants.
async fn accounts() -> Result<Accounts<Postgres, Argon2id>, StoreError> {
    let database = Database::from_variable("database_url").await;
    let database = database.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Accounts::new(Postgres(database), Argon2id))
}
