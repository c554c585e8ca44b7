//! Postgres, schema `issuer_service`. The statements are in the `store` module of each topic.
//!
//! Every parameter is cast in SQL, because columns with a domain accept no untyped text. Times are whole seconds since
//! 1970.

use kernel::StoreError;
use spin_adapters::postgres::{Database, FromRow, Parameter, Row};

/// The issuer's tables.
#[derive(Clone)]
pub(crate) struct PostgresIssuer(pub(crate) Database);

impl PostgresIssuer {
    /// Reads one value, if there is a row.
    pub(crate) async fn find<T: FromRow>(
        &self,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<Option<T>, StoreError> {
        let row = self.0.read(statement, parameters).await?.into_iter().next();
        Ok(row.map(|mut row| T::from_row(&mut row)).transpose()?)
    }

    /// Reads the values of all rows.
    pub(crate) async fn list<T: FromRow>(
        &self,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.0.read(statement, parameters).await?;
        let values = rows.into_iter().map(|mut row| T::from_row(&mut row));
        Ok(values.collect::<Result<_, _>>()?)
    }

    /// Writes, and returns the first row of the result.
    pub(crate) async fn write_one(
        &self,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.0.write(statement, parameters).await?.into_iter().next())
    }
}

/// A parameter with a value as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<Parameter, StoreError> {
    let text = serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Parameter::Str(text))
}
