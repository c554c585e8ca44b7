//! Statements on Postgres, which holds everything that must not be lost.
//!
//! A connection is held for one statement and then given back to the host's pool. An instance that kept its connection would
//! save the way to the pool, but a host has 64 connections for a component and may run more instances than that: the
//! remaining instances would have no connection for as long as those instances live, which is as long as their streams.
//!
//! This module has no transactions on purpose: a write is one statement, so a request that is cut off half-way leaves no
//! transaction open (docs/decisions/0003).

use std::{rc::Rc, time::Duration};

use kernel::{Money, StoreError, Timestamp};
use spin_sdk::{
    pg::{Connection, DbError, DbValue, Error as SdkError, ParameterValue, PgError, QueryError},
    wit_bindgen::StreamResult,
};

use crate::{clock::within, variables};

/// The time limit of a statement, connecting included. Clients get `unavailable` well within the 5 s that the API promises.
const LIMIT: Duration = Duration::from_secs(3);

/// The number of rows that are read from the host in one call. A page has at most 101.
const BATCH: usize = 128;

/// A value for a parameter of a statement; see [`parameter`]. An array of `uuid`s is passed as texts and cast in SQL.
pub type Parameter = ParameterValue;

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
    /// Any other cause: a statement that is wrong, a value out of range, a row of another shape than expected.
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

    /// As [`Database::new`], for callers that want to know now whether the variable can be read.
    ///
    /// # Errors
    /// The variable cannot be read.
    pub async fn from_variable(name: &'static str) -> Result<Self, variables::Error> {
        variables::get(name).await.map(|_| Self::new(name))
    }

    /// Runs a statement that reads. If the pooled connection turns out to be dead (Postgres was restarted meanwhile), the
    /// statement is run once more on another connection.
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
    refuse_nul(parameters)?;
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
    // The stream of rows also ends where the statement fails half-way; only this result tells the two apart.
    result.result().await?;
    Ok(rows)
}

/// Refuses texts with a NUL, which Postgres cannot store. Texts from clients are refused earlier, where they are parsed, with a
/// better error; this check is the last line of defence.
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
            // There is no error message of Postgres: the connection broke.
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

/// A row of a result, whose values are taken by the names of their columns.
///
/// A value is moved out when it is taken, so each column is taken once.
#[derive(Debug)]
pub struct Row {
    columns: Rc<[String]>,
    values: Vec<Option<DbValue>>,
    /// The next column for those that read by position: the stores of `order`, `user` and `issuer`.
    next: usize,
}

/// A type that a column can have.
pub trait FromColumn: Sized {
    /// The column's type in SQL, for the error message.
    const SQL_TYPE: &'static str;

    /// The value, if it has this type.
    fn from_column(value: DbValue) -> Option<Self>;
}

/// A type that is made of the columns of one row.
pub trait FromRow: Sized {
    /// Reads the columns by their names.
    ///
    /// # Errors
    /// [`Error::Failed`], which names the column: it is absent, has another type, or a value that the domain refuses.
    fn from_row(row: &mut Row) -> Result<Self, Error>;
}

/// Two types that are made of columns of the same row.
impl<A: FromRow, B: FromRow> FromRow for (A, B) {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        Ok((A::from_row(row)?, B::from_row(row)?))
    }
}

macro_rules! from_column {
    ($type:ty, $name:literal, $($pattern:pat => $value:expr),+ $(,)?) => {
        impl FromColumn for $type {
            const SQL_TYPE: &'static str = $name;

            fn from_column(value: DbValue) -> Option<Self> {
                match value {
                    $($pattern => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

from_column!(String, "text", DbValue::Str(text) | DbValue::Uuid(text) => text);
from_column!(bool, "boolean", DbValue::Boolean(value) => value);
from_column!(i32, "integer", DbValue::Int32(number) => number);
from_column!(i64, "bigint", DbValue::Int64(number) => number);
// Spin has no `timestamptz`: statements select times as `(extract(epoch from …) * 1000000)::bigint`.
from_column!(Timestamp, "bigint (microseconds)", DbValue::Int64(micros) => Timestamp::from_unix_micros(micros));
from_column!(Vec<String>, "text[]", DbValue::ArrayStr(texts) => texts.into_iter().flatten().collect());
from_column!(Vec<i32>, "integer[]", DbValue::ArrayInt32(numbers) => numbers.into_iter().flatten().collect());

impl<T: FromColumn> FromColumn for Option<T> {
    const SQL_TYPE: &'static str = T::SQL_TYPE;

    fn from_column(value: DbValue) -> Option<Self> {
        match value {
            DbValue::DbNull => Some(None),
            value => T::from_column(value).map(Some),
        }
    }
}

impl Row {
    fn new(columns: &Rc<[String]>, values: Vec<DbValue>) -> Self {
        Self {
            columns: Rc::clone(columns),
            values: values.into_iter().map(Some).collect(),
            next: 0,
        }
    }

    /// The value of a column. `Option` stands for a column that may be null.
    ///
    /// # Errors
    /// [`Error::Failed`]: the column is absent or has another type. The value is not in the message.
    pub fn get<T: FromColumn>(&mut self, column: &str) -> Result<T, Error> {
        let index = self.columns.iter().position(|name| name == column);
        let value = index.and_then(|index| self.values.get_mut(index)?.take());
        let found = match &value {
            None => "absent",
            Some(DbValue::DbNull) => "null",
            Some(_) => "of another type",
        };
        let wrong = || Error::Failed(format!("column {column} is {found}, expected {}", T::SQL_TYPE));
        value.and_then(T::from_column).ok_or_else(wrong)
    }

    /// The value of a column of texts (or uuids), parsed.
    ///
    /// # Errors
    /// As [`Row::get`], and where the text cannot be parsed: a stored value that the domain refuses, which the constraints of the
    /// schema should have kept out.
    pub fn parse<T>(&mut self, column: &str) -> Result<T, Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text: String = self.get(column)?;
        text.parse().map_err(|error| Error::invalid(column, error))
    }

    /// The value of a column, converted.
    ///
    /// # Errors
    /// As [`Row::parse`].
    pub fn convert<S, T>(&mut self, column: &str) -> Result<T, Error>
    where
        S: FromColumn,
        T: TryFrom<S, Error: std::fmt::Display>,
    {
        T::try_from(self.get::<S>(column)?).map_err(|error| Error::invalid(column, error))
    }

    /// The value of a column of texts with JSON.
    ///
    /// # Errors
    /// As [`Row::parse`].
    pub fn json<T: serde::de::DeserializeOwned>(&mut self, column: &str) -> Result<T, Error> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| Error::invalid(column, error))
    }

    /// The money in two columns of texts: an amount (`decimal` cast to text, so that it stays exact) and a currency.
    ///
    /// # Errors
    /// As [`Row::parse`].
    pub fn money(&mut self, amount: &str, currency: &str) -> Result<Money, Error> {
        let (number, code): (String, String) = (self.get(amount)?, self.get(currency)?);
        Money::kept(&number, &code).map_err(|error| Error::invalid(amount, error))
    }

    fn next<T: FromColumn>(&mut self) -> Result<T, Error> {
        let index = self.next;
        self.next += 1;
        let value = self.values.get_mut(index).and_then(Option::take);
        value.and_then(T::from_column).ok_or_else(|| {
            let column = self
                .columns
                .get(index)
                .map_or("after the last one", String::as_str);
            Error::Failed(format!("column {column} is no {}", T::SQL_TYPE))
        })
    }

    /// The next column, a text or a uuid that is not null.
    pub fn text(&mut self) -> Result<String, Error> {
        self.next()
    }

    /// The next column, a text or null.
    pub fn optional_text(&mut self) -> Result<Option<String>, Error> {
        self.next()
    }

    /// The next column, a `boolean` that is not null.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        self.next()
    }

    /// The next column, an `integer` that is not null.
    pub fn integer(&mut self) -> Result<i32, Error> {
        self.next()
    }

    /// The next column, a `bigint` that is not null.
    pub fn bigint(&mut self) -> Result<i64, Error> {
        self.next()
    }

    /// The next column, a `text[]` that is not null; nulls in it are left out.
    pub fn texts(&mut self) -> Result<Vec<String>, Error> {
        self.next()
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

/// All rows of a result.
///
/// # Errors
/// As [`FromRow::from_row`], of the first row that has one.
pub fn all<T: FromRow>(rows: Vec<Row>) -> Result<Vec<T>, Error> {
    rows.into_iter().map(|mut row| T::from_row(&mut row)).collect()
}

/// The first row of a result, if there is one.
///
/// # Errors
/// As [`FromRow::from_row`].
pub fn first<T: FromRow>(rows: Vec<Row>) -> Result<Option<T>, Error> {
    let row = rows.into_iter().next();
    row.map(|mut row| T::from_row(&mut row)).transpose()
}

/// The row of a statement that always returns exactly one.
///
/// # Errors
/// [`Error::Failed`]: the result is empty.
pub fn only(rows: Vec<Row>) -> Result<Row, Error> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| Error::Failed("the statement returned no row".into()))
}

/// Parameters of statements.
pub mod parameter {
    use super::Parameter;

    /// A `uuid`: an id of the kernel.
    pub fn uuid(id: impl ToString) -> Parameter {
        Parameter::Uuid(id.to_string())
    }

    /// A text, or a value that is passed as text and cast in SQL, such as an amount.
    pub fn text(value: impl ToString) -> Parameter {
        Parameter::Str(value.to_string())
    }

    /// A text or null.
    pub fn optional(value: Option<impl ToString>) -> Parameter {
        value.map_or(Parameter::DbNull, text)
    }

    /// A `text[]`.
    pub fn texts(values: impl IntoIterator<Item = impl ToString>) -> Parameter {
        let values = values.into_iter().map(|value| Some(value.to_string()));
        Parameter::ArrayStr(values.collect())
    }

    /// A `bigint`. Numbers beyond its range become its maximum; versions and limits never come near it.
    pub fn number(value: u64) -> Parameter {
        Parameter::Int64(value.try_into().unwrap_or(i64::MAX))
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

    #[test]
    fn parameters_with_a_nul_character_are_refused() {
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

    fn row(columns: &[&str], values: Vec<DbValue>) -> Row {
        Row::new(&columns.iter().map(|&name| name.to_owned()).collect(), values)
    }

    #[test]
    fn values_are_read_by_the_names_of_their_columns() {
        let mut row = row(
            &["name", "amount", "note", "version"],
            vec![
                DbValue::Str("Mina".into()),
                DbValue::Str("12".into()),
                DbValue::DbNull,
                DbValue::Int64(7),
            ],
        );
        assert_eq!(row.convert::<i64, u64>("version").expect("a version"), 7);
        assert_eq!(row.parse::<u32>("amount").expect("an amount"), 12);
        assert_eq!(row.get::<Option<String>>("note").expect("null"), None);
        assert_eq!(row.get::<String>("name").expect("a name"), "Mina");
    }

    #[test]
    fn readers_by_position_get_one_column_after_the_other() {
        let mut row = row(
            &["name", "note"],
            vec![DbValue::Str("secret".into()), DbValue::Int64(1)],
        );
        assert_eq!(row.text().expect("a name"), "secret");
        assert_eq!(row.text().unwrap_err().to_string(), "column note is no text");
        let missing = row.bigint().unwrap_err().to_string();
        assert_eq!(missing, "column after the last one is no bigint");
    }

    #[test]
    fn errors_name_the_column_and_never_quote_its_value() {
        let values = || vec![DbValue::Str("secret".into()), DbValue::DbNull, DbValue::Int64(-1)];
        let row = || row(&["name", "note", "version"], values());
        for (error, expected) in [
            (
                row().get::<i64>("name").unwrap_err(),
                "column name is of another type, expected bigint",
            ),
            (
                row().get::<String>("note").unwrap_err(),
                "column note is null, expected text",
            ),
            (
                row().get::<String>("mail").unwrap_err(),
                "column mail is absent, expected text",
            ),
            (
                row().parse::<u32>("name").unwrap_err(),
                "column name has an invalid value: invalid digit found in string",
            ),
            (
                row().convert::<i64, u64>("version").unwrap_err(),
                "column version has an invalid value: out of range integral type conversion attempted",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
