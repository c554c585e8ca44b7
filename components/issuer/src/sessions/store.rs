//! Remembered logins and sign-outs in Postgres.

use kernel::StoreError;
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Row,
    parameter::{optional, text},
};

use super::domain::{LoginSession, Logout, NewLogout};
use super::service::SessionStore;
use crate::domain::secret::Hash;
use crate::store::PostgresIssuer;

/// The columns of a [`LoginSession`].
macro_rules! columns {
    () => {
        "id, subject, extract(epoch from authenticated_at)::bigint as authenticated_at, \
         floor(extract(epoch from now() - authenticated_at))::bigint as age"
    };
}

const OF_COOKIE: &str = concat!(
    "select ",
    columns!(),
    " from login_sessions where cookie_hash = $1::text and expires_at > now()"
);

const SESSION: &str = concat!(
    "select ",
    columns!(),
    " from login_sessions where id = $1::text and expires_at > now()"
);

const END_SESSION: &str = "delete from login_sessions where id = $1::text returning id";

const END_SESSIONS: &str = "delete from login_sessions where subject = $1::text returning id";

/// The columns of a [`Logout`].
macro_rules! logout_columns {
    () => {
        "step <> 'asked' as is_answered, subject, session_id, client_id, request_url, redirect_to, \
         to_char(requested_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as requested_at, \
         to_char(expires_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as expires_at"
    };
}

const INSERT_LOGOUT: &str = "with swept as ( \
         delete from logouts where challenge_hash = any (array( \
             select challenge_hash from logouts where expires_at < now() - interval '1 hour' \
             order by expires_at limit 4 for update skip locked))) \
     insert into logouts (challenge_hash, subject, session_id, client_id, request_url, redirect_to) \
     values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text) returning 1";

const LOGOUT: &str = concat!(
    "select ",
    logout_columns!(),
    " from logouts where challenge_hash = $1::text and expires_at > now()"
);

const ACCEPT_LOGOUT: &str = "update logouts set step = 'accepted', verifier_hash = $2::text \
     where challenge_hash = $1::text and step = 'asked' and expires_at > now() returning 1";

const REJECT_LOGOUT: &str = "update logouts set step = 'over' \
     where challenge_hash = $1::text and step = 'asked' and expires_at > now() returning 1";

// A sign-out that a client has requested works without a cookie, because the ID token has named the session and the
// page has asked the user. Otherwise only the browser of that session ends it: a user who has signed in again meanwhile
// stays signed in. The session's grants are revoked with it. Their rows are locked in the order of their keys.
const FINISH_LOGOUT: &str = concat!(
    "with done as ( \
         update logouts set step = 'over', verifier_hash = null \
         where verifier_hash = $1::text and step = 'accepted' and expires_at > now() returning *), \
     meant as ( \
         select done.subject, done.session_id from done \
         where done.client_id is not null or exists ( \
             select from login_sessions where id = done.session_id and cookie_hash = $2::text)), \
     ended as ( \
         delete from login_sessions using meant \
         where login_sessions.id = meant.session_id and login_sessions.subject = meant.subject), \
     locked as ( \
         select grants.id from grants, meant \
         where grants.subject = meant.subject and grants.session_id = meant.session_id and grants.revoked_at is null \
         order by grants.id for update of grants), \
     revoked as ( \
         update grants set revoked_at = clock_timestamp() from locked where grants.id = locked.id) \
     select ",
    logout_columns!(),
    " from done"
);

impl SessionStore for PostgresIssuer {
    async fn session_of_cookie(&self, cookie: &Hash) -> Result<Option<LoginSession>, StoreError> {
        self.find(OF_COOKIE, &[text(cookie.as_str())]).await
    }

    async fn session(&self, id: &str) -> Result<Option<LoginSession>, StoreError> {
        self.find(SESSION, &[text(id)]).await
    }

    async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        self.write_one(END_SESSION, &[text(id)]).await.map(drop)
    }

    async fn end_sessions_of(&self, subject: &str) -> Result<(), StoreError> {
        self.write_one(END_SESSIONS, &[text(subject)]).await.map(drop)
    }

    async fn insert_logout(&self, logout: NewLogout<'_>) -> Result<(), StoreError> {
        let parameters = [
            text(logout.challenge.as_str()),
            text(logout.subject),
            text(logout.session_id),
            optional(logout.client_id),
            text(logout.request_url),
            text(logout.redirect_to),
        ];
        self.write_one(INSERT_LOGOUT, &parameters).await.map(drop)
    }

    async fn logout(&self, challenge: &Hash) -> Result<Option<Logout>, StoreError> {
        self.find(LOGOUT, &[text(challenge.as_str())]).await
    }

    async fn accept_logout(&self, challenge: &Hash, verifier: &Hash) -> Result<bool, StoreError> {
        let parameters = [text(challenge.as_str()), text(verifier.as_str())];
        Ok(self.write_one(ACCEPT_LOGOUT, &parameters).await?.is_some())
    }

    async fn reject_logout(&self, challenge: &Hash) -> Result<bool, StoreError> {
        let parameters = [text(challenge.as_str())];
        Ok(self.write_one(REJECT_LOGOUT, &parameters).await?.is_some())
    }

    async fn finish_logout(
        &self,
        verifier: &Hash,
        cookie: Option<&Hash>,
    ) -> Result<Option<Logout>, StoreError> {
        let parameters = [text(verifier.as_str()), optional(cookie.map(Hash::as_str))];
        let row = self.write_one(FINISH_LOGOUT, &parameters).await?;
        Ok(row.map(|mut row| Logout::from_row(&mut row)).transpose()?)
    }
}

impl FromRow for LoginSession {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get("id")?,
            subject: row.get("subject")?,
            authenticated_at: row.get("authenticated_at")?,
            age: row.get("age")?,
        })
    }
}

impl FromRow for Logout {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            is_answered: row.get("is_answered")?,
            subject: row.get("subject")?,
            session_id: row.get("session_id")?,
            client_id: row.get("client_id")?,
            request_url: row.get("request_url")?,
            redirect_to: row.get("redirect_to")?,
            requested_at: row.get("requested_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}
