//! Accounts in Postgres, schema `user_service`: a function a statement, the SQL beside it.

use kernel::{Timestamp, UserId};
use platform::postgres::{Database, Error as DatabaseError, Parameter, Row};

use crate::{
    domain::{NewUser, Reach, User},
    service::{AddError, Store, StoreError},
};

/// The select list that [`read`] takes apart. Times travel as microseconds: Spin has no `timestamptz`.
macro_rules! columns {
    () => {
        "id, email, name, roles, \
         (extract(epoch from created_at) * 1000000)::bigint, \
         (extract(epoch from updated_at) * 1000000)::bigint"
    };
}

const ADD: &str = concat!(
    "insert into users (id, email, email_key, password_hash, name) \
     values ($1::text::uuid, $2, $3, $4, $5) returning ",
    columns!()
);

// Everybody's ($2), or the caller's own ($3).
const FIND: &str = concat!(
    "select ",
    columns!(),
    " from users where id = $1::text::uuid and not is_deleted and ($2 or id = $3::text::uuid)"
);

/// The unique index on the e-mail addresses of the living.
const EMAIL_UNIQUE: &str = "users_email_unique";

/// Accounts in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn add(&self, user: NewUser) -> Result<User, AddError> {
        let parameters = [
            Parameter::Str(user.id.to_string()),
            Parameter::Str(user.email.as_str().into()),
            Parameter::Str(user.email.key()),
            Parameter::Str(user.password_hash.0),
            Parameter::Str(user.name.as_str().into()),
        ];
        let rows = match self.0.write(ADD, &parameters).await {
            Err(DatabaseError::Unique { constraint }) if constraint == EMAIL_UNIQUE => {
                return Err(AddError::Taken);
            }
            result => result.map_err(StoreError::from)?,
        };
        let row = rows.into_iter().next();
        Ok(read(row.ok_or_else(|| {
            StoreError::Failed("the insert returned no row".into())
        })?)?)
    }

    async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError> {
        let (all, own) = match reach {
            Reach::All => (true, None),
            Reach::Own(own) => (false, Some(own)),
        };
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Boolean(all),
            own.map_or(Parameter::DbNull, |own| Parameter::Str(own.to_string())),
        ];
        self.0
            .read(FIND, &parameters)
            .await?
            .into_iter()
            .next()
            .map(read)
            .transpose()
    }
}

fn read(mut row: Row) -> Result<User, StoreError> {
    Ok(User {
        id: parsed(row.text()?.parse())?,
        email: parsed(row.text()?.parse())?,
        name: parsed(row.text()?.parse())?,
        roles: row.texts()?,
        created_at: Timestamp::from_unix_micros(row.bigint()?),
        updated_at: Timestamp::from_unix_micros(row.bigint()?),
    })
}

/// A row that breaks the rules of the domain, which nothing but a person at a database's prompt can have written.
fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored account: a value {error}")))
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}
