//! Rows of a result, and the types into which they are converted.

use std::rc::Rc;

use kernel::{Money, Timestamp};
use spin_sdk::pg::DbValue;

use super::Error;

/// A row of a result. Its values are read by the names of their columns.
///
/// A value is moved out when it is taken, so each column is taken once.
#[derive(Debug)]
pub struct Row {
    columns: Rc<[String]>,
    values: Vec<Option<DbValue>>,
}

/// A type that a column can have.
pub trait FromColumn: Sized {
    /// The column's type in SQL, for the error message.
    const SQL_TYPE: &'static str;

    /// The value, if it has this type.
    fn from_column(value: DbValue) -> Option<Self>;
}

/// A type that is converted from the columns of one row.
pub trait FromRow: Sized {
    /// Reads the columns by their names.
    ///
    /// # Errors
    /// [`Error::Failed`], which names the column: it is missing, has another type, or has a value that the domain
    /// refuses.
    fn from_row(row: &mut Row) -> Result<Self, Error>;
}

/// Two types that are converted from columns of the same row.
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
    pub(super) fn new(columns: &Rc<[String]>, values: Vec<DbValue>) -> Self {
        Self {
            columns: Rc::clone(columns),
            values: values.into_iter().map(Some).collect(),
        }
    }

    /// The value of a column. `Option` stands for a column that may be null.
    ///
    /// # Errors
    /// [`Error::Failed`]: the column is missing or has another type. The value is not in the message.
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
    /// As [`Row::get`], and if the text cannot be parsed: a stored value that the domain refuses, which the constraints
    /// of the schema should have prevented.
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
}

/// All rows of a result.
///
/// # Errors
/// As [`FromRow::from_row`], for the first row with an error.
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

#[cfg(test)]
mod tests {
    use super::*;

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
