//! The issuer's state in Postgres, schema `issuer_service`: a function a statement, the SQL beside it.
//!
//! Every parameter is cast in SQL, because columns with a domain take no bare text. Times travel as whole seconds since 1970.

mod clients;
mod flows;
mod grants;
mod keys;
mod logouts;
mod sessions;

pub(crate) use kernel::StoreError;
use serde_json::{Map, Value};
use spin_adapters::postgres::{Database, Parameter, Row};

pub(crate) use clients::StoredClient;
pub(crate) use flows::{Answer, Flow, LoginTaken, NewFlow, Step};
pub(crate) use grants::{Exchanged, Grant, NewGrant, Refreshed, Revoked};
pub(crate) use keys::Added;
pub(crate) use logouts::{Logout, NewLogout};
pub(crate) use sessions::LoginSession;

/// The issuer's tables.
#[derive(Clone)]
pub(crate) struct Store(pub(crate) Database);

impl Store {
    async fn read_one(&self, statement: &str, parameters: &[Parameter]) -> Result<Option<Row>, StoreError> {
        Ok(self.0.read(statement, parameters).await?.into_iter().next())
    }

    async fn write_one(&self, statement: &str, parameters: &[Parameter]) -> Result<Option<Row>, StoreError> {
        Ok(self.0.write(statement, parameters).await?.into_iter().next())
    }
}

fn text(text: &str) -> Parameter {
    Parameter::Str(text.to_owned())
}

fn optional(text: Option<&str>) -> Parameter {
    text.map_or(Parameter::DbNull, |text| Parameter::Str(text.to_owned()))
}

fn texts(list: &[String]) -> Parameter {
    Parameter::ArrayStr(list.iter().cloned().map(Some).collect())
}

fn json(object: &impl serde::Serialize) -> Result<Parameter, StoreError> {
    let text = serde_json::to_string(object).map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Parameter::Str(text))
}

/// The row of a statement that always has one.
fn only(row: Option<Row>) -> Result<Row, StoreError> {
    row.ok_or_else(|| StoreError::Failed("the statement returned no row".into()))
}

/// A JSON object that was stored by us.
fn object(row: &mut Row) -> Result<Map<String, Value>, StoreError> {
    parsed(&row.text()?)
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Failed(format!("a stored value: {error}")))
}
