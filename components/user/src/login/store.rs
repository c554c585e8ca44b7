//! Logins and counted attempts in Postgres, schema `user_service`: a function for each statement, the SQL beside it.

use std::sync::LazyLock;

use kernel::{SessionId, StoreError, UserId};
use spin_adapters::postgres::{
    Database, Error as DatabaseError, FromRow, Parameter, Row, first, only,
    parameter::{number, text, uuid},
};

use super::attempts::CounterStore;
use super::domain::{AttemptCount, BrowserId, Login};
use super::service::LoginStore;
use crate::accounts::{
    domain::User,
    store::{SESSION_LIFETIME, USER_COLUMNS},
};

/// Whether the login $1, $2, $3 (user, session, epoch) is valid.
const LOGIN_IS_VALID: &str = "users.id = $1::uuid and not users.is_deleted and users.epoch = $3 \
     and not exists ( \
         select from ended_sessions where user_id = users.id and ended_sessions.session_id = $2)";

static START_SESSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with owner as (select id from users where {LOGIN_IS_VALID}), \
         old as ( \
             select user_id, session_id from login_sessions \
             where started_at < now() - {SESSION_LIFETIME} and (user_id, session_id) <> ($1::uuid, $2) \
             order by started_at limit 10 for update skip locked), \
         pruned as ( \
             delete from login_sessions using old \
             where login_sessions.user_id = old.user_id and login_sessions.session_id = old.session_id), \
         started as ( \
             insert into login_sessions (user_id, session_id, epoch, browser) select id, $2, $3, $4::text from owner \
             on conflict (user_id, session_id) do update set \
                 epoch = excluded.epoch, browser = excluded.browser, started_at = now()) \
         select id from owner"
    )
});

const RESUME_SESSION: &str = "select users.epoch from users \
     join login_sessions on login_sessions.user_id = users.id and login_sessions.session_id = $2 \
                         and login_sessions.epoch = users.epoch \
     where users.id = $1::uuid and not users.is_deleted \
       and not exists ( \
           select from ended_sessions where user_id = users.id and ended_sessions.session_id = $2)";

static FIND_USER: LazyLock<String> =
    LazyLock::new(|| format!("select {USER_COLUMNS} from users where {LOGIN_IS_VALID}"));

// It uses the clock's time, not `now()`. The value of `now()` is older, because the statement may have waited for the
// row. So each of many concurrent attempts sees the count of the attempts before it.
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
     returning attempts::bigint as attempts, ceil(extract(epoch from ends_at - clock_timestamp()))::bigint as seconds_left";

const REMOVE_ATTEMPTS: &str = "delete from login_attempts where bucket = $1";

/// Logins and counted attempts in a database.
#[derive(Clone, Copy)]
pub(crate) struct PostgresLogins(pub(crate) Database);

impl LoginStore for PostgresLogins {
    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError> {
        let [user, session, epoch] = parameters(login);
        let parameters = [user, session, epoch, text(&browser.0)];
        Ok(!self.0.write(&START_SESSION, &parameters).await?.is_empty())
    }

    async fn resume_session(&self, user: UserId, session: &SessionId) -> Result<Option<Login>, StoreError> {
        let rows = self.0.read(RESUME_SESSION, &[uuid(user), text(session)]).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(Login {
            user,
            session: session.clone(),
            epoch: row.get("epoch")?,
        }))
    }

    async fn find_user(&self, login: &Login) -> Result<Option<User>, StoreError> {
        let rows = self.0.read(&FIND_USER, &parameters(login)).await?;
        Ok(first(rows)?)
    }
}

/// The parameters of `LOGIN_IS_VALID`.
fn parameters(login: &Login) -> [Parameter; 3] {
    [
        uuid(login.user),
        text(&login.session),
        Parameter::Int64(login.epoch),
    ]
}

impl CounterStore for PostgresLogins {
    async fn count(&self, bucket: &str, seconds: u64) -> Result<AttemptCount, String> {
        let counted = async {
            let parameters = [text(bucket), number(seconds)];
            let rows = self.0.write(COUNT_ATTEMPT, &parameters).await?;
            AttemptCount::from_row(&mut only(rows)?)
        };
        counted.await.map_err(|error| error.to_string())
    }

    async fn remove(&self, bucket: &str) -> Result<(), String> {
        let removed = self.0.write(REMOVE_ATTEMPTS, &[text(bucket)]).await;
        removed.map(drop).map_err(|error| error.to_string())
    }
}

impl FromRow for AttemptCount {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            attempts: row.get("attempts")?,
            seconds_left: row.get("seconds_left")?,
        })
    }
}
