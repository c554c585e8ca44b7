//! Sign-outs on their way over the logout page.

use spin_adapters::postgres::Row;

use super::{Store, StoreError, optional, text};
use crate::domain::secret::Hash;

/// A sign-out on its way.
#[derive(Clone, Debug)]
pub(crate) struct Logout {
    /// Whether the page has answered.
    pub(crate) is_answered: bool,
    pub(crate) subject: String,
    pub(crate) session_id: String,
    pub(crate) client_id: Option<String>,
    pub(crate) request_url: String,
    pub(crate) redirect_to: String,
    /// RFC 3339.
    pub(crate) requested_at: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// A sign-out at its beginning.
#[derive(Debug)]
pub(crate) struct NewLogout<'a> {
    pub(crate) challenge: &'a Hash,
    pub(crate) subject: &'a str,
    pub(crate) session_id: &'a str,
    /// Whose wish it is, if it is a client's.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) request_url: &'a str,
    pub(crate) redirect_to: &'a str,
}

/// The select list that [`read`] takes apart.
macro_rules! columns {
    () => {
        "step <> 'asked', subject, session_id, client_id, request_url, redirect_to, \
         to_char(requested_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
         to_char(expires_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    };
}

const START: &str = "with swept as ( \
         delete from logouts where challenge_hash = any (array( \
             select challenge_hash from logouts where expires_at < now() - interval '1 hour' \
             order by expires_at limit 4 for update skip locked))) \
     insert into logouts (challenge_hash, subject, session_id, client_id, request_url, redirect_to) \
     values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text) returning 1";

const FIND: &str = concat!(
    "select ",
    columns!(),
    " from logouts where challenge_hash = $1::text and expires_at > now()"
);

const ACCEPT: &str = "update logouts set step = 'accepted', verifier_hash = $2::text \
     where challenge_hash = $1::text and step = 'asked' and expires_at > now() returning 1";

const REJECT: &str = "update logouts set step = 'over' \
     where challenge_hash = $1::text and step = 'asked' and expires_at > now() returning 1";

// Signing out at a client's wish needs no cookie: the ID token has named the session, and the page has asked. Else only the
// browser of that session ends it: one that has signed in anew meanwhile stays signed in. What was granted in the session dies
// with it, its rows taken in the order of their keys.
const FINISH: &str = concat!(
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
    columns!(),
    " from done"
);

impl Store {
    pub(crate) async fn start_logout(&self, logout: NewLogout<'_>) -> Result<(), StoreError> {
        let parameters = [
            text(logout.challenge.as_str()),
            text(logout.subject),
            text(logout.session_id),
            optional(logout.client_id),
            text(logout.request_url),
            text(logout.redirect_to),
        ];
        self.write_one(START, &parameters).await.map(drop)
    }

    pub(crate) async fn logout(&self, challenge: &Hash) -> Result<Option<Logout>, StoreError> {
        let row = self.read_one(FIND, &[text(challenge.as_str())]).await?;
        row.map(read).transpose()
    }

    /// Keeps that the user wants to sign out; false if the page has answered before.
    pub(crate) async fn accept_logout(&self, challenge: &Hash, verifier: &Hash) -> Result<bool, StoreError> {
        let parameters = [text(challenge.as_str()), text(verifier.as_str())];
        Ok(self.write_one(ACCEPT, &parameters).await?.is_some())
    }

    /// Keeps that the user stays; false if the page has answered before.
    pub(crate) async fn reject_logout(&self, challenge: &Hash) -> Result<bool, StoreError> {
        Ok(self
            .write_one(REJECT, &[text(challenge.as_str())])
            .await?
            .is_some())
    }

    /// Ends the session and what was granted in it, once. `cookie` is the session cookie of the browser that comes back.
    pub(crate) async fn finish_logout(
        &self,
        verifier: &Hash,
        cookie: Option<&Hash>,
    ) -> Result<Option<Logout>, StoreError> {
        let parameters = [text(verifier.as_str()), optional(cookie.map(Hash::as_str))];
        self.write_one(FINISH, &parameters).await?.map(read).transpose()
    }
}

fn read(mut row: Row) -> Result<Logout, StoreError> {
    Ok(Logout {
        is_answered: row.boolean()?,
        subject: row.text()?,
        session_id: row.text()?,
        client_id: row.optional_text()?,
        request_url: row.text()?,
        redirect_to: row.text()?,
        requested_at: row.text()?,
        expires_at: row.text()?,
    })
}
