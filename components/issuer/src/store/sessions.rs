//! Logins that browsers are remembered by.

use spin_adapters::postgres::Row;

use super::{Store, StoreError, text};
use crate::domain::secret::Hash;

/// A login that a browser is remembered by.
#[derive(Clone, Debug)]
pub(crate) struct LoginSession {
    pub(crate) id: String,
    pub(crate) subject: String,
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// How long ago that is, in seconds.
    pub(crate) age: i64,
}

/// The select list that [`read`] takes apart.
macro_rules! columns {
    () => {
        "id, subject, extract(epoch from authenticated_at)::bigint, \
         floor(extract(epoch from now() - authenticated_at))::bigint"
    };
}

const OF_COOKIE: &str = concat!(
    "select ",
    columns!(),
    " from login_sessions where cookie_hash = $1::text and expires_at > now()"
);

const FIND: &str = concat!(
    "select ",
    columns!(),
    " from login_sessions where id = $1::text and expires_at > now()"
);

const END: &str = "delete from login_sessions where id = $1::text returning id";

const END_ALL: &str = "delete from login_sessions where subject = $1::text returning id";

impl Store {
    /// The login of the browser with this cookie.
    pub(crate) async fn session_of_cookie(&self, cookie: &Hash) -> Result<Option<LoginSession>, StoreError> {
        let row = self.read_one(OF_COOKIE, &[text(cookie.as_str())]).await?;
        row.map(read).transpose()
    }

    pub(crate) async fn session(&self, id: &str) -> Result<Option<LoginSession>, StoreError> {
        self.read_one(FIND, &[text(id)]).await?.map(read).transpose()
    }

    /// Forgets one login.
    pub(crate) async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        self.write_one(END, &[text(id)]).await.map(drop)
    }

    /// Forgets all logins of a user, in all browsers.
    pub(crate) async fn end_sessions_of(&self, subject: &str) -> Result<(), StoreError> {
        self.write_one(END_ALL, &[text(subject)]).await.map(drop)
    }
}

fn read(mut row: Row) -> Result<LoginSession, StoreError> {
    Ok(LoginSession {
        id: row.text()?,
        subject: row.text()?,
        authenticated_at: row.bigint()?,
        age: row.bigint()?,
    })
}
