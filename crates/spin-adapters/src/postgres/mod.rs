//! Statements on Postgres, which stores all data that must not be lost.
//!
//! A connection is held for one statement and then returned to the host's pool. An instance that kept its connection
//! would save the access to the pool. But a host has 64 connections for a component and may run more instances than
//! that. The other instances would then have no connection while those instances live, which is as long as their
//! streams.
//!
//! This module deliberately has no transactions: a write is one statement, so an interrupted request leaves no
//! transaction open (docs/decisions/0003).

mod parameters;
mod rows;

use std::{rc::Rc, time::Duration};

use kernel::StoreError;
use spin_sdk::{
    pg::{Connection, DbError, Error as SdkError, PgError, QueryError},
    wit_bindgen::StreamResult,
};

pub use self::{
    parameters::{Parameter, parameter},
    rows::{FromColumn, FromRow, Row, all, first, only},
};
use crate::{clock::within, variables};

/// The time limit of a statement, including the connection. Clients get `unavailable` well within the 5 s that the API
/// promises.
const LIMIT: Duration = Duration::from_secs(3);

/// The number of rows that are read from the host in one call. A page has at most 101.
const BATCH: usize = 128;

/// A statement failed. The texts are for the log; none contains the database's address, which has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres is not reachable, shutting down, out of connections or too slow. A later attempt may succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The statement violates a unique constraint.
    #[error("unique constraint {constraint}")]
    Unique {
        /// The constraint's (or unique index's) name in the schema.
        constraint: String,
    },
    /// The statement violates a CHECK constraint.
    #[error("check constraint {constraint}")]
    Check {
        /// The constraint's name in the schema.
        constraint: String,
    },
    /// Any other cause: an incorrect statement, a value out of range, a row of an unexpected shape.
    #[error("{0}")]
    Failed(String),
}

/// A database, with the rights of the component's role in it.
#[derive(Clone, Copy, Debug)]
pub struct Database {
    variable: &'static str,
}

impl Database {
    /// The database whose address is in this variable. The variable is read with the first statement.
    pub const fn new(variable: &'static str) -> Self {
        Self { variable }
    }

    /// As [`Database::new`], for callers that must find out now whether the variable can be read.
    ///
    /// # Errors
    /// The variable cannot be read.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        variables::get(name).await.map(|_| Self::new(name))
    }

    /// Runs a statement that reads. If the pooled connection is dead (because Postgres was restarted), the statement is
    /// run once more on another connection.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, statement: &str, parameters: &[Parameter]) -> Result<Vec<Row>, Error> {
        limited(async {
            match fetch(&self.open().await?, statement, parameters).await {
                Err(Error::Unavailable(_)) => fetch(&self.open().await?, statement, parameters).await,
                result => result,
            }
        })
        .await
    }

    /// Runs a statement that writes, at most once.
    ///
    /// # Errors
    /// See [`Error`]. After [`Error::Unavailable`] it is unknown whether the statement took effect.
    pub async fn write(&self, statement: &str, parameters: &[Parameter]) -> Result<Vec<Row>, Error> {
        limited(async { fetch(&self.open().await?, statement, parameters).await }).await
    }

    async fn open(&self) -> Result<Connection, Error> {
        let address = variables::get(self.variable).await;
        let address = address.map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Connection::open(&*address).await?)
    }
}

async fn limited<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    within(LIMIT, work)
        .await
        .map_err(|elapsed| Error::Unavailable(elapsed.to_string()))?
}

async fn fetch(
    connection: &Connection,
    statement: &str,
    parameters: &[Parameter],
) -> Result<Vec<Row>, Error> {
    parameters::refuse_nul(parameters)?;
    let mut result = connection.query(statement, parameters).await?;
    let columns: Rc<[String]> = result
        .columns()
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let mut rows = Vec::new();
    loop {
        let (status, batch) = result.rows().read(Vec::with_capacity(BATCH)).await;
        rows.extend(batch.into_iter().map(|values| Row::new(&columns, values)));
        if !matches!(status, StreamResult::Complete(_)) {
            break;
        }
    }
    // The stream of rows also ends if the statement fails half-way. Only this result distinguishes the two cases.
    result.result().await?;
    Ok(rows)
}

impl From<SdkError> for Error {
    fn from(error: SdkError) -> Self {
        match error {
            SdkError::PgError(PgError::ConnectionFailed(_)) => Self::Unavailable("no connection".into()),
            SdkError::PgError(PgError::QueryFailed(QueryError::DbError(error))) => from_db_error(error),
            // There is no error message from Postgres, because the connection broke.
            SdkError::PgError(PgError::QueryFailed(QueryError::Text(cause))) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Sorts errors by their SQLSTATE (PostgreSQL documentation, appendix A).
fn from_db_error(error: DbError) -> Error {
    let constraint = || {
        let named = error.extras.iter().find(|(name, _)| name == "constraint");
        named
            .map(|(_, constraint)| constraint.clone())
            .unwrap_or_default()
    };
    match error.code.as_str() {
        "23505" => Error::Unique {
            constraint: constraint(),
        },
        "23514" => Error::Check {
            constraint: constraint(),
        },
        // A connection exception, insufficient resources, an operator's intervention (a restart, a statement timeout).
        code if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            Error::Unavailable(format!("{code} {}", error.message))
        }
        code => Error::Failed(format!("{code} {}", error.message)),
    }
}

impl Error {
    /// A stored value that the domain refuses. `reason` must not quote it.
    pub fn invalid(column: &str, reason: impl std::fmt::Display) -> Self {
        Self::Failed(format!("column {column} has an invalid value: {reason}"))
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Error {
        from_db_error(DbError {
            as_text: String::new(),
            severity: "ERROR".into(),
            code: code.into(),
            message: "as Postgres says it".into(),
            detail: None,
            extras: vec![
                ("table".into(), "users".into()),
                ("constraint".into(), "users_email_unique".into()),
            ],
        })
    }

    #[test]
    fn sqlstates_decide_whether_a_later_attempt_may_succeed() {
        for code in ["08006", "53300", "57014", "57P01"] {
            assert!(matches!(refused(code), Error::Unavailable(_)), "{code} may pass");
        }
        for code in ["42601", "23503", "22003", "40P01"] {
            assert!(
                matches!(refused(code), Error::Failed(_)),
                "{code} is a fault of ours"
            );
        }
        let Error::Unique { constraint } = refused("23505") else {
            panic!("23505 is a unique violation")
        };
        assert_eq!(constraint, "users_email_unique");
        let Error::Check { constraint } = refused("23514") else {
            panic!("23514 is a check violation")
        };
        assert_eq!(constraint, "users_email_unique");
    }
}
