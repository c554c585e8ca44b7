//! Accounts in Postgres, schema `user_service`: a function a statement, the SQL beside it.

use kernel::{PageToken, SessionId, Timestamp, UserId};
use platform::postgres::{Database, Error as DatabaseError, Parameter, Row};

use crate::{
    domain::{Change, Email, Name, NewUser, PasswordHash, Reach, Roles, Standing, User},
    service::{Store, StoreError, TakenError},
};

/// The select list that [`read`] takes apart. Times travel as microseconds: Spin has no `timestamptz`.
macro_rules! columns {
    () => {
        "id, email, name, roles, \
         (extract(epoch from created_at) * 1000000)::bigint, \
         (extract(epoch from updated_at) * 1000000)::bigint"
    };
}

/// The living accounts within reach: everybody's ($1), or the caller's own ($2). Whatever looks at another's data or
/// changes it begins with this.
macro_rules! within_reach {
    () => {
        "not is_deleted and ($1 or id = $2::text::uuid)"
    };
}

/// What ends all tokens of an account. By the clock, not by `now()`, which is the time before this statement waited for
/// the row: a token issued in between must not outlive it.
macro_rules! raise_epoch {
    () => {
        "epoch = epoch + 1, epoch_changed_at = clock_timestamp()"
    };
}

const ADD: &str = concat!(
    "insert into users (id, email, email_key, password_hash, name) \
     values ($1::text::uuid, $2, $3, $4, $5) returning ",
    columns!()
);

const FIND: &str = concat!(
    "select ",
    columns!(),
    " from users where id = $3::text::uuid and ",
    within_reach!()
);

const LIST: &str = concat!(
    "select ",
    columns!(),
    " from users where id > $3::text::uuid and ",
    within_reach!(),
    " order by id limit $4"
);

// A repeat changes nothing, the time of the last change included.
//
// The unique index alone would guard the address, but accounts that take each other's at the same time wait for one
// another in it, and some deadlock (6 among 60,000 changes of all kinds, 32 clients, 40 accounts). Looking first leaves
// nothing to wait for: what is taken when the statement begins is refused at once, and the index judges the rest.
const UPDATE: &str = concat!(
    "with target as (select id from users where id = $3::text::uuid and ",
    within_reach!(),
    "), \
     taken as ( \
         select from users other, target \
         where other.email_key = $5 and not other.is_deleted and other.id <> target.id), \
     changed as ( \
         update users set \
             email = coalesce($4, email), email_key = coalesce($5, email_key), name = coalesce($6, name), \
             updated_at = case when (email, name) = (coalesce($4, email), coalesce($6, name)) \
                          then updated_at else now() end \
         where id = (select id from target) and not is_deleted and not exists (select from taken) \
         returning *) \
     select exists (select from taken), changed.id is not null, ",
    columns!(),
    " from (select) as one left join changed on true"
);

const DELETE: &str = concat!(
    "update users set is_deleted = true, deleted_at = now(), updated_at = now(), ",
    raise_epoch!(),
    " where id = $3::text::uuid and ",
    within_reach!(),
    " returning id"
);

const PASSWORD_HASH: &str = "select password_hash from users where id = $1::text::uuid and not is_deleted";

const REPLACE_PASSWORD: &str = concat!(
    "update users set password_hash = $3, updated_at = now(), ",
    raise_epoch!(),
    " where id = $1::text::uuid and not is_deleted and password_hash = $2 returning id"
);

const RAISE_EPOCH: &str = concat!(
    "update users set ",
    raise_epoch!(),
    " where id = $3::text::uuid and ",
    within_reach!(),
    " returning id"
);

const END_SESSION: &str = "with owner as (select id from users where id = $1::text::uuid and not is_deleted), \
     ended as ( \
         insert into ended_sessions (user_id, session_id) select id, $2 from owner on conflict do nothing) \
     select id from owner";

const SET_ROLES: &str = concat!(
    "update users set roles = $4, updated_at = case when roles = $4 then updated_at else now() end \
     where id = $3::text::uuid and ",
    within_reach!(),
    " returning ",
    columns!()
);

// No reach: the edge asks on nobody's behalf. Deleted accounts are in it, because their tokens must be told from those of
// a subject that never was a user.
const STANDING: &str = "select is_deleted, epoch, (extract(epoch from epoch_changed_at) * 1000000)::bigint, roles, \
         exists (select from ended_sessions where user_id = users.id and session_id = $2) \
     from users where id = $1::text::uuid";

/// The unique index on the e-mail addresses of the living.
const EMAIL_UNIQUE: &str = "users_email_unique";

/// Accounts in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn add(&self, user: NewUser) -> Result<User, TakenError> {
        let parameters = [
            Parameter::Str(user.id.to_string()),
            Parameter::Str(user.email.as_str().into()),
            Parameter::Str(user.email.key()),
            Parameter::Str(user.password_hash.0),
            Parameter::Str(user.name.as_str().into()),
        ];
        let rows = self.0.write(ADD, &parameters).await.map_err(taken_or_failed)?;
        Ok(read(only(rows)?)?)
    }

    async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError> {
        let rows = self.0.read(FIND, &target(reach, id)).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(
        &self,
        reach: Reach,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        // Every id is above the nil UUID, which no user has: the first page needs no statement of its own.
        let above = after.map(PageToken::key).unwrap_or_default();
        let [all, own] = within(reach);
        let parameters = [
            all,
            own,
            Parameter::Str(above.to_string()),
            Parameter::Int64(limit.into()),
        ];
        let rows = self.0.read(LIST, &parameters).await?;
        rows.into_iter().map(read).collect()
    }

    async fn update(&self, reach: Reach, id: UserId, change: Change) -> Result<Option<User>, TakenError> {
        let [all, own, id] = target(reach, id);
        let email = change.email.as_ref();
        let parameters = [
            all,
            own,
            id,
            optional(email.map(Email::as_str)),
            optional(email.map(Email::key)),
            optional(change.name.as_ref().map(Name::as_str)),
        ];
        let rows = self.0.write(UPDATE, &parameters).await.map_err(taken_or_failed)?;
        let mut row = only(rows)?;
        let (taken, changed) = (boolean(&mut row)?, boolean(&mut row)?);
        if taken {
            return Err(TakenError::Taken);
        }
        Ok(changed.then(|| read(row)).transpose()?)
    }

    async fn delete(&self, reach: Reach, id: UserId) -> Result<bool, StoreError> {
        Ok(!self.0.write(DELETE, &target(reach, id)).await?.is_empty())
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        let rows = self
            .0
            .read(PASSWORD_HASH, &[Parameter::Str(id.to_string())])
            .await?;
        let hash = rows.into_iter().next().map(|mut row| row.text()).transpose()?;
        Ok(hash.map(PasswordHash))
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Str(old.0),
            Parameter::Str(new.0),
        ];
        Ok(!self.0.write(REPLACE_PASSWORD, &parameters).await?.is_empty())
    }

    async fn raise_epoch(&self, reach: Reach, id: UserId) -> Result<bool, StoreError> {
        Ok(!self.0.write(RAISE_EPOCH, &target(reach, id)).await?.is_empty())
    }

    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<bool, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Str(session.to_string()),
        ];
        Ok(!self.0.write(END_SESSION, &parameters).await?.is_empty())
    }

    async fn set_roles(&self, reach: Reach, id: UserId, roles: &Roles) -> Result<Option<User>, StoreError> {
        let [all, own, id] = target(reach, id);
        let roles = roles.names().iter().cloned().map(Some).collect();
        let parameters = [all, own, id, Parameter::ArrayStr(roles)];
        let rows = self.0.write(SET_ROLES, &parameters).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn standing(
        &self,
        id: UserId,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            optional(session.map(SessionId::as_str)),
        ];
        let rows = self.0.read(STANDING, &parameters).await?;
        rows.into_iter().next().map(read_standing).transpose()
    }
}

/// The parameters of `within_reach!`.
fn within(reach: Reach) -> [Parameter; 2] {
    match reach {
        Reach::All => [Parameter::Boolean(true), Parameter::DbNull],
        Reach::Own(own) => [Parameter::Boolean(false), Parameter::Str(own.to_string())],
    }
}

/// The parameters of `within_reach!`, and the account that is meant.
fn target(reach: Reach, id: UserId) -> [Parameter; 3] {
    let [all, own] = within(reach);
    [all, own, Parameter::Str(id.to_string())]
}

fn optional(text: Option<impl Into<String>>) -> Parameter {
    text.map_or(Parameter::DbNull, |text| Parameter::Str(text.into()))
}

/// The row of a statement that always has one.
fn only(rows: Vec<Row>) -> Result<Row, StoreError> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| StoreError::Failed("the statement returned no row".into()))
}

fn boolean(row: &mut Row) -> Result<bool, StoreError> {
    Ok(row.boolean()?)
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

fn read_standing(mut row: Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        is_deleted: row.boolean()?,
        epoch: row.bigint()?,
        epoch_changed_at: Timestamp::from_unix_micros(row.bigint()?),
        roles: row.texts()?,
        session_ended: row.boolean()?,
    })
}

/// A row that breaks the rules of the domain, which nothing but a person at a database's prompt can have written.
fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored account: a value {error}")))
}

fn taken_or_failed(error: DatabaseError) -> TakenError {
    match error {
        DatabaseError::Unique { constraint } if constraint == EMAIL_UNIQUE => TakenError::Taken,
        other => TakenError::Store(other.into()),
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(cause) => Self::Unavailable(cause),
            other => Self::Failed(other.to_string()),
        }
    }
}
