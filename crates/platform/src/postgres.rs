//! Postgres: the truth.
//!
//! A connection is held for one statement and then given back to the host's pool. An instance that kept one would save
//! the way to the pool, but a host has 64 connections for a component and may run more instances than that: as long as
//! those lived, which is as long as a stream that they serve, all others had none.
//!
//! There are no transactions here on purpose: a write is one statement, so that a request cut off half-way leaves nothing
//! open behind it.

use std::{rc::Rc, time::Duration, vec};

use spin_sdk::{
    pg::{Connection, DbError, DbValue, Error as SdkError, ParameterValue, PgError, QueryError},
    wit_bindgen::StreamResult,
};

use crate::{clock::within, variables};

/// How long a statement may take, connecting included: callers are told `unavailable` well within the 5 s that the API
/// promises.
const LIMIT: Duration = Duration::from_secs(3);

/// Rows read from the host in one go. A page has at most 101.
const BATCH: usize = 128;

/// A value for a parameter of a statement. A `uuid` is passed as text and cast in SQL.
pub type Parameter = ParameterValue;

/// Why a statement has no result. The texts are for the log; none holds the address, which has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not reachable, shutting down, out of connections, or too slow: later may be better.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A unique constraint stands against it.
    #[error("unique constraint {constraint}")]
    Unique {
        /// The constraint's (or unique index's) name in the schema.
        constraint: String,
    },
    /// A CHECK constraint stands against it.
    #[error("check constraint {constraint}")]
    Check {
        /// The constraint's name in the schema.
        constraint: String,
    },
    /// Anything else: a statement that is wrong, a value out of range, a row of another shape than expected.
    #[error("{0}")]
    Failed(String),
}

/// A database, as the component's role in it.
#[derive(Clone)]
pub struct Database {
    address: Rc<str>,
}

impl Database {
    /// The database whose address is in this variable.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        Ok(Self {
            address: variables::get(name).await?,
        })
    }

    /// Reads. Safe to repeat: when the connection turns out to be dead (Postgres was restarted meanwhile), the statement
    /// is run again, once, on another.
    pub async fn read(&self, statement: &str, parameters: &[Parameter]) -> Result<Vec<Row>, Error> {
        limited(async {
            match fetch(&self.open().await?, statement, parameters).await {
                Err(Error::Unavailable(_)) => fetch(&self.open().await?, statement, parameters).await,
                result => result,
            }
        })
        .await
    }

    /// Writes, in one statement, at most once. An error that is [`Error::Unavailable`] leaves open whether it was done.
    pub async fn write(&self, statement: &str, parameters: &[Parameter]) -> Result<Vec<Row>, Error> {
        limited(async { fetch(&self.open().await?, statement, parameters).await }).await
    }

    async fn open(&self) -> Result<Connection, Error> {
        Ok(Connection::open(&*self.address).await?)
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
    refuse_nul(parameters)?;
    let mut result = connection.query(statement, parameters).await?;
    let mut rows = Vec::new();
    loop {
        let (status, batch) = result.rows().read(Vec::with_capacity(BATCH)).await;
        rows.extend(batch.into_iter().map(|values| Row(values.into_iter())));
        if !matches!(status, StreamResult::Complete(_)) {
            break;
        }
    }
    // The stream also ends when the statement fails half-way; only this tells the two apart.
    result.result().await?;
    Ok(rows)
}

/// Refuses texts with a NUL, which Postgres cannot store. What comes from outside is refused where it is parsed, with a better
/// error: this is the last line.
fn refuse_nul(parameters: &[Parameter]) -> Result<(), Error> {
    let has_nul = |parameter: &Parameter| match parameter {
        Parameter::Str(text) => text.contains('\0'),
        Parameter::ArrayStr(texts) => texts.iter().flatten().any(|text| text.contains('\0')),
        _ => false,
    };
    match parameters.iter().position(has_nul) {
        Some(index) => Err(Error::Failed(format!(
            "parameter ${} has a NUL character",
            index + 1
        ))),
        None => Ok(()),
    }
}

impl From<SdkError> for Error {
    fn from(error: SdkError) -> Self {
        match error {
            SdkError::PgError(PgError::ConnectionFailed(_)) => Self::Unavailable("no connection".into()),
            SdkError::PgError(PgError::QueryFailed(QueryError::DbError(error))) => from_db_error(error),
            // Postgres said nothing that could be understood: the connection broke.
            SdkError::PgError(PgError::QueryFailed(QueryError::Text(cause))) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Sorts by SQLSTATE (PostgreSQL documentation, appendix A).
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

/// A row, read column by column in the order of the select list.
#[derive(Debug)]
pub struct Row(vec::IntoIter<DbValue>);

impl Row {
    /// The next column, a text or a uuid that is not null.
    pub fn text(&mut self) -> Result<String, Error> {
        match self.0.next() {
            Some(DbValue::Str(text) | DbValue::Uuid(text)) => Ok(text),
            other => Err(unexpected("text", other.as_ref())),
        }
    }

    /// The next column, a text or null.
    pub fn optional_text(&mut self) -> Result<Option<String>, Error> {
        match self.0.next() {
            Some(DbValue::Str(text)) => Ok(Some(text)),
            Some(DbValue::DbNull) => Ok(None),
            other => Err(unexpected("text or null", other.as_ref())),
        }
    }

    /// The next column, a `boolean` that is not null.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        match self.0.next() {
            Some(DbValue::Boolean(value)) => Ok(value),
            other => Err(unexpected("boolean", other.as_ref())),
        }
    }

    /// The next column, an `integer` that is not null.
    pub fn integer(&mut self) -> Result<i32, Error> {
        match self.0.next() {
            Some(DbValue::Int32(number)) => Ok(number),
            other => Err(unexpected("integer", other.as_ref())),
        }
    }

    /// The next column, a `bigint` that is not null.
    pub fn bigint(&mut self) -> Result<i64, Error> {
        match self.0.next() {
            Some(DbValue::Int64(number)) => Ok(number),
            other => Err(unexpected("bigint", other.as_ref())),
        }
    }

    /// The next column, a `text[]` that is not null; nulls in it are left out.
    pub fn texts(&mut self) -> Result<Vec<String>, Error> {
        match self.0.next() {
            Some(DbValue::ArrayStr(texts)) => Ok(texts.into_iter().flatten().collect()),
            other => Err(unexpected("text[]", other.as_ref())),
        }
    }
}

/// Names the kind of value only: rows hold what is nobody's business in a log.
fn unexpected(wanted: &str, found: Option<&DbValue>) -> Error {
    let found = match found {
        None => "no column",
        Some(DbValue::DbNull) => "null",
        Some(_) => "a value of another type",
    };
    Error::Failed(format!("a column is {found} where {wanted} is expected"))
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
    fn sqlstates_are_sorted_into_what_can_be_done_about_them() {
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

    #[test]
    fn no_text_with_a_nul_is_sent() {
        let text = |text: &str| Parameter::Str(text.into());
        let list =
            |texts: &[&str]| Parameter::ArrayStr(texts.iter().map(|text| Some((*text).to_owned())).collect());
        let fine = [
            text("a"),
            list(&["", "商"]),
            Parameter::DbNull,
            Parameter::Int64(0),
        ];
        assert!(refuse_nul(&fine).is_ok());
        for wrong in [text("a\0"), list(&["a", "\0"])] {
            let error = refuse_nul(&[text("secret"), wrong]).unwrap_err().to_string();
            assert_eq!(error, "parameter $2 has a NUL character");
        }
    }

    #[test]
    fn a_row_of_another_shape_is_an_error_that_quotes_nothing() {
        let mut row = Row(vec![DbValue::Str("secret".into()), DbValue::DbNull].into_iter());
        let errors = [
            row.bigint().unwrap_err(),
            row.text().unwrap_err(),
            row.integer().unwrap_err(),
        ];
        for error in errors {
            assert!(!error.to_string().contains("secret"), "{error} quotes the value");
        }
    }
}
