//! Accounts in Postgres, schema `user_service`: a function a statement, the SQL beside it.

use kernel::{Email, PageToken, SessionId, Timestamp, UserId};
use spin_adapters::postgres::{Database, Error as DatabaseError, Parameter, Row};

use crate::{
    attempts::{Bucket, Count, Counter},
    domain::{
        BrowserId, Change, Credentials, Event, EventIds, EventKind, EventLimit, Login, Name, NewUser,
        PasswordHash, Reach, Roles, Standing, User,
    },
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
    "with deleted as ( \
         update users set is_deleted = true, deleted_at = now(), updated_at = now(), ",
    raise_epoch!(),
    " where id = $3::text::uuid and ",
    within_reach!(),
    " returning id), \
     told as (insert into outbox (user_id, kind) select id, 'user.deleted' from deleted) \
     select id from deleted"
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

/// How long rows about sessions are kept: a day longer than an issuer lets one be remembered or refreshed.
macro_rules! session_lifetime {
    () => {
        "interval '31 days'"
    };
}

/// The login $1, $2, $3 (user, session, epoch), if nothing has ended it.
macro_rules! holds {
    () => {
        "users.id = $1::text::uuid and not users.is_deleted and users.epoch = $3 \
         and not exists ( \
             select from ended_sessions where user_id = users.id and ended_sessions.session_id = $2)"
    };
}

// Old rows go with the new ones: more go than come, and no statement is ever long. Rows that another one is removing are left
// to it. New rows come in the order of their keys, so that two statements that end the same sessions wait for each other and
// never both ways.
const END_SESSION: &str = concat!(
    "with owner as (select id from users where id = $1::text::uuid and not is_deleted), \
     meant as ( \
         select id as user_id, $2::text as session_id, null::timestamptz as started_at from owner \
         union all \
         select other.user_id, other.session_id, other.started_at from owner \
         join login_sessions this on this.user_id = owner.id and this.session_id = $2::text \
         join login_sessions other on other.user_id = owner.id and other.browser = this.browser \
                                  and other.session_id <> this.session_id \
         where not exists ( \
             select from ended_sessions ended \
             where ended.user_id = other.user_id and ended.session_id = other.session_id)), \
     old as ( \
         select user_id, session_id from ended_sessions \
         where ended_at < now() - ",
    session_lifetime!(),
    " and (user_id, session_id) not in (select user_id, session_id from meant) \
         order by ended_at limit (select 10 * count(*) from meant) for update skip locked), \
     pruned as ( \
         delete from ended_sessions using old \
         where ended_sessions.user_id = old.user_id and ended_sessions.session_id = old.session_id), \
     ended as ( \
         insert into ended_sessions (user_id, session_id) \
         select user_id, session_id from meant order by user_id, session_id on conflict do nothing) \
     select session_id from meant order by started_at desc nulls first"
);

const CREDENTIALS: &str =
    "select id, password_hash, epoch from users where email_key = $1 and not is_deleted";

const START_SESSION: &str = concat!(
    "with owner as (select id from users where ",
    holds!(),
    "), \
     old as ( \
         select user_id, session_id from login_sessions \
         where started_at < now() - ",
    session_lifetime!(),
    " and (user_id, session_id) <> ($1::text::uuid, $2) \
         order by started_at limit 10 for update skip locked), \
     pruned as ( \
         delete from login_sessions using old \
         where login_sessions.user_id = old.user_id and login_sessions.session_id = old.session_id), \
     started as ( \
         insert into login_sessions (user_id, session_id, epoch, browser) select id, $2, $3, $4::text from owner \
         on conflict (user_id, session_id) do update set \
             epoch = excluded.epoch, browser = excluded.browser, started_at = now()) \
     select id from owner"
);

const RESUME_SESSION: &str = "select users.epoch from users \
     join login_sessions on login_sessions.user_id = users.id and login_sessions.session_id = $2 \
                         and login_sessions.epoch = users.epoch \
     where users.id = $1::text::uuid and not users.is_deleted \
       and not exists ( \
           select from ended_sessions where user_id = users.id and ended_sessions.session_id = $2)";

const WHOSE: &str = concat!("select ", columns!(), " from users where ", holds!());

// The clock of the row's lock, not of the statement's beginning: of many at once, each sees the count of those before it.
const COUNT_ATTEMPT: &str = "with old as ( \
         select bucket from login_attempts where ends_at < now() and bucket <> $1 \
         order by ends_at limit 10 for update skip locked), \
     pruned as (delete from login_attempts using old where login_attempts.bucket = old.bucket) \
     insert into login_attempts as known (bucket, attempts, ends_at) \
     values ($1, 1, clock_timestamp() + make_interval(secs => $2::bigint)) \
     on conflict (bucket) do update set \
         attempts = case when known.ends_at <= clock_timestamp() then 1 \
                    else least(known.attempts, 1000000) + 1 end, \
         ends_at = case when known.ends_at <= clock_timestamp() then excluded.ends_at else known.ends_at end \
     returning attempts::bigint, ceil(extract(epoch from ends_at - clock_timestamp()))::bigint";

const FORGET_ATTEMPTS: &str = "delete from login_attempts where bucket = $1";

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

const EVENTS: &str = "select id, kind, user_id, (extract(epoch from created_at) * 1000000)::bigint from outbox \
     where acknowledged_at is null order by created_at, id limit $1";

// What was acknowledged a week ago goes with what is acknowledged now, and faster than it can come.
const ACKNOWLEDGE: &str = "with known as ( \
         select id from outbox where id = any ($1::text[]::uuid[]) and acknowledged_at is null \
         order by id for update), \
     old as ( \
         select id from outbox where acknowledged_at < now() - interval '7 days' \
         order by acknowledged_at limit 2000 for update skip locked), \
     pruned as (delete from outbox using old where outbox.id = old.id) \
     update outbox set acknowledged_at = now(), updated_at = now() \
     where id = any (array(select id from known)) and acknowledged_at is null";

/// The unique index on the e-mail addresses of the living.
const EMAIL_UNIQUE: &str = "users_email_unique";

/// Accounts in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn add(&self, user: NewUser) -> Result<User, TakenError> {
        let parameters = [
            Parameter::Str(user.id.to_string()),
            Parameter::Str(user.email.as_str().into()),
            Parameter::Str(user.email.key().into()),
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

    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Str(session.to_string()),
        ];
        let rows = self.0.write(END_SESSION, &parameters).await?;
        let session = |mut row: Row| parsed(row.text()?.parse());
        rows.into_iter().map(session).collect()
    }

    async fn set_roles(&self, reach: Reach, id: UserId, roles: &Roles) -> Result<Option<User>, StoreError> {
        let [all, own, id] = target(reach, id);
        let roles = roles.names().iter().cloned().map(Some).collect();
        let parameters = [all, own, id, Parameter::ArrayStr(roles)];
        let rows = self.0.write(SET_ROLES, &parameters).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let rows = self
            .0
            .read(CREDENTIALS, &[Parameter::Str(email.key().into())])
            .await?;
        rows.into_iter().next().map(read_credentials).transpose()
    }

    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError> {
        let [user, session, epoch] = named(login);
        let parameters = [user, session, epoch, Parameter::Str(browser.0.clone())];
        Ok(!self.0.write(START_SESSION, &parameters).await?.is_empty())
    }

    async fn resume_session(&self, id: UserId, session: &SessionId) -> Result<Option<Login>, StoreError> {
        let parameters = [
            Parameter::Str(id.to_string()),
            Parameter::Str(session.to_string()),
        ];
        let rows = self.0.read(RESUME_SESSION, &parameters).await?;
        let epoch = rows.into_iter().next().map(|mut row| row.bigint()).transpose()?;
        Ok(epoch.map(|epoch| Login {
            user: id,
            session: session.clone(),
            epoch,
        }))
    }

    async fn whose(&self, login: &Login) -> Result<Option<User>, StoreError> {
        let rows = self.0.read(WHOSE, &named(login)).await?;
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

    async fn events(&self, limit: EventLimit) -> Result<Vec<Event>, StoreError> {
        // At most 1000.
        let limit = Parameter::Int64(limit.get() as i64);
        let rows = self.0.read(EVENTS, &[limit]).await?;
        rows.into_iter().map(read_event).collect()
    }

    async fn acknowledge(&self, ids: &EventIds) -> Result<(), StoreError> {
        let ids = ids.iter().map(|id| Some(id.to_string())).collect();
        self.0.write(ACKNOWLEDGE, &[Parameter::ArrayStr(ids)]).await?;
        Ok(())
    }
}

impl Counter for Postgres {
    async fn count(&self, bucket: &Bucket, seconds: i64) -> Result<Count, String> {
        let parameters = [Parameter::Str(bucket.to_string()), Parameter::Int64(seconds)];
        let rows = self.0.write(COUNT_ATTEMPT, &parameters).await;
        let mut row = only(rows.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        let mut number = || row.bigint().map_err(|error| error.to_string());
        Ok(Count {
            attempts: number()?,
            seconds_left: number()?,
        })
    }

    async fn forget(&self, bucket: &Bucket) -> Result<(), String> {
        let parameters = [Parameter::Str(bucket.to_string())];
        let forgotten = self.0.write(FORGET_ATTEMPTS, &parameters).await;
        forgotten.map(drop).map_err(|error| error.to_string())
    }
}

/// The parameters of `holds!`.
fn named(login: &Login) -> [Parameter; 3] {
    [
        Parameter::Str(login.user.to_string()),
        Parameter::Str(login.session.to_string()),
        Parameter::Int64(login.epoch),
    ]
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
        email: Email::kept(row.text()?),
        name: Name::kept(row.text()?),
        roles: row.texts()?,
        created_at: Timestamp::from_unix_micros(row.bigint()?),
        updated_at: Timestamp::from_unix_micros(row.bigint()?),
    })
}

fn read_credentials(mut row: Row) -> Result<Credentials, StoreError> {
    Ok(Credentials {
        user: parsed(row.text()?.parse())?,
        password_hash: PasswordHash(row.text()?),
        epoch: row.bigint()?,
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

fn read_event(mut row: Row) -> Result<Event, StoreError> {
    let id = parsed(row.text()?.parse())?;
    let kind = EventKind::named(&row.text()?);
    Ok(Event {
        id,
        kind: kind.ok_or_else(|| StoreError::Failed("a stored event has no known kind".into()))?,
        user: parsed(row.text()?.parse())?,
        occurred_at: Timestamp::from_unix_micros(row.bigint()?),
    })
}

/// A row that breaks the rules of the domain, which nothing but a person at a database's prompt can have written.
fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored value {error}")))
}

fn taken_or_failed(error: DatabaseError) -> TakenError {
    match error {
        DatabaseError::Unique { constraint } if constraint == EMAIL_UNIQUE => TakenError::Taken,
        other => TakenError::Store(other.into()),
    }
}
