//! What users have granted, and the codes and refresh tokens that come of it.
//!
//! A grant's row is the lock of its family: whatever replaces or kills a token of it takes that row first, so that two
//! requests with one token take turns, and the second sees what the first has done.

use spin_adapters::postgres::{Parameter, Row};

use super::{Store, StoreError, json, only, optional, parsed, text, texts};
use crate::domain::client::Client;
use crate::domain::secret::Hash;
use crate::store::flows::Answer;
use crate::wire::{ConsentAnswer, LoginAnswer};

/// What a user has granted to a client: what tokens are made of.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) session_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
    /// In seconds since 1970.
    pub(crate) authenticated_at: i64,
    /// In seconds since 1970.
    pub(crate) created_at: i64,
    /// In seconds since 1970.
    pub(crate) ends_at: i64,
    /// When it was granted: RFC 3339.
    pub(crate) handled_at: String,
    /// The request's parameters, as a query.
    pub(crate) request: String,
    pub(crate) login: LoginAnswer,
    pub(crate) consent: ConsentAnswer,
}

/// What the consent page has granted, to be kept.
#[derive(Debug)]
pub(crate) struct NewGrant<'a> {
    pub(crate) verifier: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) code: &'a Hash,
    pub(crate) redirect_uri: &'a str,
    pub(crate) code_challenge: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) login: &'a LoginAnswer,
    pub(crate) consent: &'a ConsentAnswer,
    /// How long something of it may live, in seconds.
    pub(crate) lifetime: i64,
}

/// What became of a code.
#[derive(Debug)]
pub(crate) enum Exchanged {
    Granted(Box<Grant>),
    /// It was used before: all tokens of it are dead now (RFC 6749, section 4.1.2).
    Replayed,
    /// Unknown, expired, another client's, for another address, with another verifier, or of a grant that was revoked.
    Refused,
}

/// What became of a refresh token.
#[derive(Debug)]
pub(crate) enum Refreshed {
    /// The new token replaces it, or is a sibling of the one that did.
    Granted(Box<Grant>),
    /// More was asked for than granted. The token was not used.
    Scope,
    /// The client is not registered for all that was granted any more. The token was not used.
    Unregistered,
    /// It was used before, and not a moment ago: all tokens of its family are dead now (RFC 9700, section 4.14.2).
    Reused,
    /// Unknown, expired, another client's, or of a grant that was revoked.
    Refused,
}

/// What became of a refresh token that a client has revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// All tokens of its family are dead now.
    Dead,
    /// It was issued to another client. It lives on.
    Anothers,
    /// It is none, or was dead before.
    Unknown,
}

/// The select list that [`read`] takes apart.
macro_rules! columns {
    ($from:literal) => {
        concat!(
            $from,
            ".id, ",
            $from,
            ".client_id, ",
            $from,
            ".subject, ",
            $from,
            ".session_id, ",
            $from,
            ".scopes, ",
            $from,
            ".audience, ",
            $from,
            ".nonce, ",
            $from,
            ".acr, ",
            $from,
            ".amr, \
             extract(epoch from ",
            $from,
            ".authenticated_at)::bigint, \
             extract(epoch from ",
            $from,
            ".created_at)::bigint, \
             extract(epoch from ",
            $from,
            ".ends_at)::bigint, \
             to_char(",
            $from,
            ".created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), ",
            $from,
            ".request, ",
            $from,
            ".login_answer::text, ",
            $from,
            ".consent_answer::text"
        )
    };
}

const FINISH: &str = "with finished as ( \
         update flows set step = 'over', verifier_hash = null \
         where verifier_hash = $1::text and cookie_hash = $2::text and step = 'consent_answered' and expires_at > now() \
         returning consent_request_id, client_id, subject, session_id, authenticated_at, request), \
     swept as ( \
         delete from grants where id = any (array( \
             select id from grants where ends_at < now() - interval '25 hours' order by ends_at limit 4 for update skip locked))), \
     granted as ( \
         insert into grants (id, client_id, subject, session_id, scopes, audience, nonce, acr, amr, authenticated_at, \
             request, login_answer, consent_answer, ends_at) \
         select consent_request_id, client_id, subject, session_id, $6::text[], $7::text[], $8::text, $9::text, \
             $10::text[], authenticated_at, request, $11::text::jsonb, $12::text::jsonb, \
             now() + make_interval(secs => $13::bigint) \
         from finished returning id, client_id, subject), \
     remembered as ( \
         insert into remembered_consents as known (subject, client_id, scopes, audience, expires_at) \
         select subject, client_id, $6::text[], $7::text[], \
             case when $15::bigint > 0 then now() + make_interval(secs => $15::bigint) end \
         from granted where $14::boolean \
         on conflict (subject, client_id) do update set \
             scopes = excluded.scopes, audience = excluded.audience, expires_at = excluded.expires_at) \
     insert into codes (hash, grant_id, redirect_uri, code_challenge) \
     select $3::text, id, $4::text, $5::text from granted returning 1";

// `family` is locked first and `code` after it, because `code` reads from `family`; both are then as they are now, whatever
// the statement saw when it began.
const EXCHANGE: &str = concat!(
    "with family as ( \
         select * from grants where client_id = $2::text \
             and id = (select grant_id from codes where hash = $1::text) for update), \
     code as ( \
         select codes.* from codes, family where codes.hash = $1::text and codes.grant_id = family.id \
         for update of codes), \
     verdict as ( \
         select case \
             when code.used_at is not null then 'replayed' \
             when family.revoked_at is null and code.expires_at > clock_timestamp() and code.redirect_uri = $3::text \
                 and code.code_challenge = $4::text then 'granted' \
             else 'refused' end as outcome \
         from family, code), \
     used as ( \
         update codes set used_at = clock_timestamp() from verdict \
         where codes.hash = $1::text and verdict.outcome = 'granted'), \
     killed as ( \
         update grants set revoked_at = clock_timestamp() from family, verdict \
         where grants.id = family.id and grants.revoked_at is null and verdict.outcome = 'replayed'), \
     first as ( \
         insert into refresh_tokens (hash, grant_id) select $5::text, family.id from family, verdict \
         where verdict.outcome = 'granted' and family.scopes && $6::text[]) \
     select verdict.outcome, ",
    columns!("family"),
    " from family, verdict"
);

// As above: `family`, then `token`. The state of a token is in its own row, because rows that were added while this
// statement waited for the lock are not seen by it.
const REFRESH: &str = concat!(
    "with family as ( \
         select * from grants where client_id = $2::text \
             and id = (select grant_id from refresh_tokens where hash = $1::text) for update), \
     token as ( \
         select refresh_tokens.* from refresh_tokens, family \
         where refresh_tokens.hash = $1::text and refresh_tokens.grant_id = family.id for update of refresh_tokens), \
     verdict as ( \
         select case \
             when family.revoked_at is not null or family.ends_at <= clock_timestamp() then 'refused' \
             when token.successor_used_at is not null \
                 or token.used_at <= clock_timestamp() - interval '10 seconds' then 'reused' \
             when not (family.scopes <@ $5::text[] and family.audience <@ $6::text[]) then 'unregistered' \
             when not family.scopes @> $4::text[] then 'scope' \
             when token.used_at is null then 'replaced' \
             else 'sibling' end as outcome, token.predecessor \
         from family, token), \
     used as ( \
         update refresh_tokens set \
             used_at = case when hash = $1::text then clock_timestamp() else used_at end, \
             successor_used_at = case when hash = $1::text then successor_used_at else clock_timestamp() end \
         from verdict \
         where verdict.outcome = 'replaced' \
             and (refresh_tokens.hash = $1::text or refresh_tokens.hash = verdict.predecessor)), \
     killed as ( \
         update grants set revoked_at = clock_timestamp() from family, verdict \
         where grants.id = family.id and verdict.outcome = 'reused'), \
     next as ( \
         insert into refresh_tokens (hash, grant_id, predecessor) \
         select $3::text, family.id, $1::text from family, verdict where verdict.outcome in ('replaced', 'sibling')) \
     select verdict.outcome, ",
    columns!("family"),
    " from family, verdict"
);

const GRANT_OF_REFRESH_TOKEN: &str = concat!(
    "select ",
    columns!("grants"),
    " from grants join refresh_tokens on refresh_tokens.grant_id = grants.id \
     where refresh_tokens.hash = $1::text and (not $2::boolean or refresh_tokens.used_at is null) \
         and grants.revoked_at is null and grants.ends_at > now()"
);

const GRANT: &str = concat!(
    "select ",
    columns!("grants"),
    " from grants where id = $1::text and revoked_at is null"
);

const GRANTS_OF: &str = concat!(
    "select ",
    columns!("grants"),
    " from grants where subject = $1::text and ($2::text is null or session_id = $2::text) and id > $3::text \
         and revoked_at is null and ends_at > now() \
     order by id limit $4::bigint"
);

const HAS_GRANT: &str = "select exists ( \
         select from grants where subject = $1::text and session_id = $2::text \
             and revoked_at is null and ends_at > now())";

const REVOKE_BY_REFRESH_TOKEN: &str = "with family as ( \
         select * from grants where id = (select grant_id from refresh_tokens where hash = $1::text) for update), \
     meant as (select id, client_id = $2::text as is_own from family where revoked_at is null and ends_at > clock_timestamp()), \
     killed as ( \
         update grants set revoked_at = clock_timestamp() from meant where grants.id = meant.id and meant.is_own) \
     select is_own from meant";

const REVOKE: &str = "update grants set revoked_at = clock_timestamp() \
     where id = $1::text and ($2::text is null or client_id = $2::text) and revoked_at is null returning id";

const REVOKE_ALL_OF: &str = "with forgotten as ( \
         delete from remembered_consents where subject = $1::text and ($2::text is null or client_id = $2::text)), \
     locked as ( \
         select id from grants where subject = $1::text and ($2::text is null or client_id = $2::text) \
             and revoked_at is null order by id for update) \
     update grants set revoked_at = clock_timestamp() from locked where grants.id = locked.id returning grants.id";

const REVOKE_OF_CLIENT: &str = "with locked as ( \
         select id from grants where client_id = $1::text and revoked_at is null order by id for update) \
     update grants set revoked_at = clock_timestamp() from locked where grants.id = locked.id returning grants.id";

const REVOKE_MACHINE_TOKEN: &str = "with swept as ( \
         delete from revoked_tokens where id = any (array( \
             select id from revoked_tokens where expires_at < now() order by expires_at limit 4 \
             for update skip locked))) \
     insert into revoked_tokens (id, expires_at) values ($1::text, to_timestamp($2::bigint)) \
     on conflict do nothing returning 1";

const MACHINE_TOKEN_HOLDS: &str = "select not exists (select from revoked_tokens where id = $1::text), \
     extract(epoch from now())::bigint";

impl Store {
    /// Ends the request, and keeps what was granted and the code for it: once; false if it was done before.
    pub(crate) async fn finish(&self, grant: NewGrant<'_>) -> Result<bool, StoreError> {
        let parameters = [
            text(grant.verifier.as_str()),
            text(grant.cookie.as_str()),
            text(grant.code.as_str()),
            text(grant.redirect_uri),
            text(grant.code_challenge),
            texts(&grant.consent.grant_scope),
            texts(&grant.consent.grant_access_token_audience),
            optional(grant.nonce),
            text(&grant.login.acr),
            texts(&grant.login.amr),
            json(&Answer::Accepted(grant.login))?,
            json(&Answer::Accepted(grant.consent))?,
            Parameter::Int64(grant.lifetime),
            Parameter::Boolean(grant.consent.remember),
            Parameter::Int64(grant.consent.remember_for),
        ];
        Ok(self.write_one(FINISH, &parameters).await?.is_some())
    }

    /// Uses a code. Of a grant with any of the scopes `offline` comes the family's first refresh token, `refresh_token`.
    pub(crate) async fn exchange_code(
        &self,
        code: &Hash,
        client_id: &str,
        redirect_uri: &str,
        code_challenge: &str,
        refresh_token: &Hash,
        offline: &[String],
    ) -> Result<Exchanged, StoreError> {
        let parameters = [
            text(code.as_str()),
            text(client_id),
            text(redirect_uri),
            text(code_challenge),
            text(refresh_token.as_str()),
            texts(offline),
        ];
        let Some(mut row) = self.write_one(EXCHANGE, &parameters).await? else {
            return Ok(Exchanged::Refused);
        };
        match row.text()?.as_str() {
            "granted" => Ok(Exchanged::Granted(Box::new(read(row)?))),
            "replayed" => Ok(Exchanged::Replayed),
            _ => Ok(Exchanged::Refused),
        }
    }

    /// Replaces a refresh token of this client's by `next`, if the grant has these scopes.
    pub(crate) async fn refresh(
        &self,
        token: &Hash,
        client: &Client,
        next: &Hash,
        scopes: &[String],
    ) -> Result<Refreshed, StoreError> {
        let parameters = [
            text(token.as_str()),
            text(&client.id),
            text(next.as_str()),
            texts(scopes),
            texts(&client.scopes),
            texts(&client.audience),
        ];
        let Some(mut row) = self.write_one(REFRESH, &parameters).await? else {
            return Ok(Refreshed::Refused);
        };
        match row.text()?.as_str() {
            "replaced" | "sibling" => Ok(Refreshed::Granted(Box::new(read(row)?))),
            "reused" => Ok(Refreshed::Reused),
            "scope" => Ok(Refreshed::Scope),
            "unregistered" => Ok(Refreshed::Unregistered),
            _ => Ok(Refreshed::Refused),
        }
    }

    /// The living grant of a refresh token; with `unused`, of one that was not used yet.
    pub(crate) async fn grant_of_refresh_token(
        &self,
        token: &Hash,
        unused: bool,
    ) -> Result<Option<Grant>, StoreError> {
        let parameters = [text(token.as_str()), Parameter::Boolean(unused)];
        let row = self.read_one(GRANT_OF_REFRESH_TOKEN, &parameters).await?;
        row.map(read).transpose()
    }

    /// A grant that nobody has revoked.
    pub(crate) async fn grant(&self, id: &str) -> Result<Option<Grant>, StoreError> {
        self.read_one(GRANT, &[text(id)]).await?.map(read).transpose()
    }

    /// A user's living grants by id, from the one after `after`; those of one login only, if `session` names it.
    pub(crate) async fn grants_of(
        &self,
        subject: &str,
        session: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Grant>, StoreError> {
        let parameters = [
            text(subject),
            optional(session),
            text(after),
            Parameter::Int64(limit),
        ];
        let rows = self.0.read(GRANTS_OF, &parameters).await?;
        rows.into_iter().map(read).collect()
    }

    /// Whether something lives that a user has granted in this login.
    pub(crate) async fn has_grant(&self, subject: &str, session: &str) -> Result<bool, StoreError> {
        let row = self.read_one(HAS_GRANT, &[text(subject), text(session)]).await?;
        Ok(only(row)?.boolean()?)
    }

    /// Kills the family of a refresh token, if it is this client's.
    pub(crate) async fn revoke_refresh_token(
        &self,
        token: &Hash,
        client_id: &str,
    ) -> Result<Revoked, StoreError> {
        let parameters = [text(token.as_str()), text(client_id)];
        let row = self.write_one(REVOKE_BY_REFRESH_TOKEN, &parameters).await?;
        match row.map(|mut row| row.boolean()).transpose()? {
            Some(true) => Ok(Revoked::Dead),
            Some(false) => Ok(Revoked::Anothers),
            None => Ok(Revoked::Unknown),
        }
    }

    /// Kills a grant, if it is this client's, where one is named.
    pub(crate) async fn revoke_grant(&self, id: &str, client_id: Option<&str>) -> Result<(), StoreError> {
        self.write_one(REVOKE, &[text(id), optional(client_id)])
            .await
            .map(drop)
    }

    /// Kills all that a user has granted, to one client or to all, and forgets that it was to be remembered.
    pub(crate) async fn revoke_grants_of(
        &self,
        subject: &str,
        client_id: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write_one(REVOKE_ALL_OF, &[text(subject), optional(client_id)])
            .await
            .map(drop)
    }

    /// Kills all that was granted to a client.
    pub(crate) async fn revoke_grants_of_client(&self, client_id: &str) -> Result<(), StoreError> {
        self.write_one(REVOKE_OF_CLIENT, &[text(client_id)])
            .await
            .map(drop)
    }

    /// Kills an access token of a client's own, by its `jti`, until it would have expired (in seconds since 1970).
    pub(crate) async fn revoke_machine_token(&self, id: &str, expires_at: i64) -> Result<(), StoreError> {
        let parameters = [text(id), Parameter::Int64(expires_at)];
        self.write_one(REVOKE_MACHINE_TOKEN, &parameters).await.map(drop)
    }

    /// Whether such a token was not revoked, and the database's time, in seconds since 1970.
    pub(crate) async fn machine_token_holds(&self, id: &str) -> Result<(bool, i64), StoreError> {
        let mut row = only(self.read_one(MACHINE_TOKEN_HOLDS, &[text(id)]).await?)?;
        Ok((row.boolean()?, row.bigint()?))
    }
}

fn read(mut row: Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        id: row.text()?,
        client_id: row.text()?,
        subject: row.text()?,
        session_id: row.text()?,
        scopes: row.texts()?,
        audience: row.texts()?,
        nonce: row.optional_text()?,
        acr: row.text()?,
        amr: row.texts()?,
        authenticated_at: row.bigint()?,
        created_at: row.bigint()?,
        ends_at: row.bigint()?,
        handled_at: row.text()?,
        request: row.text()?,
        login: accepted(&row.text()?)?,
        consent: accepted(&row.text()?)?,
    })
}

fn accepted<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    match parsed(text)? {
        Answer::Accepted(answer) => Ok(answer),
        Answer::Rejected(_) => Err(StoreError::Failed("a grant of what was rejected".into())),
    }
}
