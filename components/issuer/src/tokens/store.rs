//! Grants in Postgres, and the codes and refresh tokens that come from them.
//!
//! A grant's row is the lock of its family. A statement that replaces or revokes a token of the family locks that row
//! first. So two requests with one token run one after the other, and the second sees the changes of the first.

use kernel::StoreError;
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Parameter, Row, only,
    parameter::{optional, text, texts},
};

use super::domain::{CodeExchange, GrantFilter, Refresh, RefreshTokenRevocation, UserGrant};
use super::service::{CodeUse, GrantStore};
use crate::authorization::document::{ConsentDocument, DecisionDocument, LoginDocument};
use crate::clients::domain::OAuthClient;
use crate::domain::secret::Hash;
use crate::store::PostgresIssuer;

/// The columns of a [`UserGrant`]. No other table in the statements below has a column of one of these names.
macro_rules! columns {
    () => {
        "id, client_id, subject, session_id, scopes, audience, nonce, acr, amr, \
         extract(epoch from authenticated_at)::bigint as authenticated_at, \
         extract(epoch from created_at)::bigint as created_at, \
         extract(epoch from ends_at)::bigint as ends_at, \
         to_char(created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as handled_at, \
         request, login_answer::text as login_answer, consent_answer::text as consent_answer"
    };
}

// `family` is locked first and `code` after it, because `code` reads from `family`. Both are then read in their newest
// state, not in their state at the start of the statement.
const EXCHANGE: &str = concat!(
    "with family as ( \
         select * from grants where client_id = $2::text \
             and id = (select grant_id from codes where hash = $1::text) for update), \
     code as ( \
         select codes.* from codes, family where codes.hash = $1::text and codes.grant_id = family.id \
         for update of codes), \
     decided as ( \
         select case \
             when code.used_at is not null then 'replayed' \
             when family.revoked_at is null and code.expires_at > clock_timestamp() and code.redirect_uri = $3::text \
                 and code.code_challenge = $4::text then 'granted' \
             else 'refused' end as outcome \
         from family, code), \
     used as ( \
         update codes set used_at = clock_timestamp() from decided \
         where codes.hash = $1::text and decided.outcome = 'granted'), \
     revoked as ( \
         update grants set revoked_at = clock_timestamp() from family, decided \
         where grants.id = family.id and grants.revoked_at is null and decided.outcome = 'replayed'), \
     first as ( \
         insert into refresh_tokens (hash, grant_id) select $5::text, family.id from family, decided \
         where decided.outcome = 'granted' and family.scopes && $6::text[]) \
     select decided.outcome, ",
    columns!(),
    " from family, decided"
);

// As above: `family`, then `token`. The state of a token is in its own row, because a statement does not see rows that were
// inserted while it waited for a lock.
const REFRESH: &str = concat!(
    "with family as ( \
         select * from grants where client_id = $2::text \
             and id = (select grant_id from refresh_tokens where hash = $1::text) for update), \
     token as ( \
         select refresh_tokens.* from refresh_tokens, family \
         where refresh_tokens.hash = $1::text and refresh_tokens.grant_id = family.id for update of refresh_tokens), \
     decided as ( \
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
         from decided \
         where decided.outcome = 'replaced' \
             and (refresh_tokens.hash = $1::text or refresh_tokens.hash = decided.predecessor)), \
     revoked as ( \
         update grants set revoked_at = clock_timestamp() from family, decided \
         where grants.id = family.id and decided.outcome = 'reused'), \
     next as ( \
         insert into refresh_tokens (hash, grant_id, predecessor) \
         select $3::text, family.id, $1::text from family, decided where decided.outcome in ('replaced', 'sibling')) \
     select decided.outcome, ",
    columns!(),
    " from family, decided"
);

const GRANT_OF_REFRESH_TOKEN: &str = concat!(
    "select ",
    columns!(),
    " from grants join refresh_tokens on refresh_tokens.grant_id = grants.id \
     where refresh_tokens.hash = $1::text and (not $2::boolean or refresh_tokens.used_at is null) \
         and grants.revoked_at is null and grants.ends_at > now()"
);

const GRANT: &str = concat!(
    "select ",
    columns!(),
    " from grants where id = $1::text and revoked_at is null"
);

const GRANTS_OF: &str = concat!(
    "select ",
    columns!(),
    " from grants where subject = $1::text and ($2::text is null or session_id = $2::text) and id > $3::text \
         and revoked_at is null and ends_at > now() \
     order by id limit $4::bigint"
);

const HAS_GRANT: &str = "select exists ( \
         select from grants where subject = $1::text and session_id = $2::text \
             and revoked_at is null and ends_at > now()) as is_there";

const REVOKE_BY_REFRESH_TOKEN: &str = "with family as ( \
         select * from grants where id = (select grant_id from refresh_tokens where hash = $1::text) for update), \
     meant as (select id, client_id = $2::text as is_own from family where revoked_at is null and ends_at > clock_timestamp()), \
     revoked as ( \
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

const MACHINE_TOKEN_VALIDITY: &str = "select not exists (select from revoked_tokens where id = $1::text) as is_valid, \
     extract(epoch from now())::bigint as now";

impl GrantStore for PostgresIssuer {
    async fn use_code(&self, code: CodeUse<'_>) -> Result<CodeExchange, StoreError> {
        let parameters = [
            text(code.code.as_str()),
            text(code.client_id),
            text(code.redirect_uri),
            text(code.code_challenge),
            text(code.refresh_token.as_str()),
            texts(code.offline),
        ];
        let Some(mut row) = self.write_one(EXCHANGE, &parameters).await? else {
            return Ok(CodeExchange::Refused);
        };
        match row.get::<String>("outcome")?.as_str() {
            "granted" => Ok(CodeExchange::Granted(Box::new(UserGrant::from_row(&mut row)?))),
            "replayed" => Ok(CodeExchange::Replayed),
            _ => Ok(CodeExchange::Refused),
        }
    }

    async fn replace_refresh_token(
        &self,
        token: &Hash,
        client: &OAuthClient,
        next: &Hash,
        scopes: &[String],
    ) -> Result<Refresh, StoreError> {
        let parameters = [
            text(token.as_str()),
            text(&client.id),
            text(next.as_str()),
            texts(scopes),
            texts(&client.scopes),
            texts(&client.audience),
        ];
        let Some(mut row) = self.write_one(REFRESH, &parameters).await? else {
            return Ok(Refresh::Refused);
        };
        match row.get::<String>("outcome")?.as_str() {
            "replaced" | "sibling" => Ok(Refresh::Granted(Box::new(UserGrant::from_row(&mut row)?))),
            "reused" => Ok(Refresh::Reused),
            "scope" => Ok(Refresh::TooManyScopes),
            "unregistered" => Ok(Refresh::Unregistered),
            _ => Ok(Refresh::Refused),
        }
    }

    async fn grant_of_refresh_token(
        &self,
        token: &Hash,
        unused: bool,
    ) -> Result<Option<UserGrant>, StoreError> {
        let parameters = [text(token.as_str()), Parameter::Boolean(unused)];
        self.find(GRANT_OF_REFRESH_TOKEN, &parameters).await
    }

    async fn grant(&self, id: &str) -> Result<Option<UserGrant>, StoreError> {
        self.find(GRANT, &[text(id)]).await
    }

    async fn grants(&self, filter: GrantFilter<'_>) -> Result<Vec<UserGrant>, StoreError> {
        let parameters = [
            text(filter.subject),
            optional(filter.session),
            text(filter.after),
            Parameter::Int64(filter.limit),
        ];
        self.list(GRANTS_OF, &parameters).await
    }

    async fn has_grant(&self, subject: &str, session: &str) -> Result<bool, StoreError> {
        let rows = self.0.read(HAS_GRANT, &[text(subject), text(session)]).await?;
        Ok(only(rows)?.get("is_there")?)
    }

    async fn revoke_refresh_token(
        &self,
        token: &Hash,
        client_id: &str,
    ) -> Result<RefreshTokenRevocation, StoreError> {
        let parameters = [text(token.as_str()), text(client_id)];
        let row = self.write_one(REVOKE_BY_REFRESH_TOKEN, &parameters).await?;
        match row.map(|mut row| row.get("is_own")).transpose()? {
            Some(true) => Ok(RefreshTokenRevocation::Revoked),
            Some(false) => Ok(RefreshTokenRevocation::OfAnotherClient),
            None => Ok(RefreshTokenRevocation::Unknown),
        }
    }

    async fn revoke_grant(&self, id: &str, client_id: Option<&str>) -> Result<(), StoreError> {
        let parameters = [text(id), optional(client_id)];
        self.write_one(REVOKE, &parameters).await.map(drop)
    }

    async fn revoke_grants_of(&self, subject: &str, client_id: Option<&str>) -> Result<(), StoreError> {
        let parameters = [text(subject), optional(client_id)];
        self.write_one(REVOKE_ALL_OF, &parameters).await.map(drop)
    }

    async fn revoke_grants_of_client(&self, client_id: &str) -> Result<(), StoreError> {
        self.write_one(REVOKE_OF_CLIENT, &[text(client_id)])
            .await
            .map(drop)
    }

    async fn revoke_machine_token(&self, id: &str, expires_at: i64) -> Result<(), StoreError> {
        let parameters = [text(id), Parameter::Int64(expires_at)];
        self.write_one(REVOKE_MACHINE_TOKEN, &parameters).await.map(drop)
    }

    async fn machine_token_validity(&self, id: &str) -> Result<(bool, i64), StoreError> {
        let mut row = only(self.0.read(MACHINE_TOKEN_VALIDITY, &[text(id)]).await?)?;
        Ok((row.get("is_valid")?, row.get("now")?))
    }
}

impl FromRow for UserGrant {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get("id")?,
            client_id: row.get("client_id")?,
            subject: row.get("subject")?,
            session_id: row.get("session_id")?,
            scopes: row.get("scopes")?,
            audience: row.get("audience")?,
            nonce: row.get("nonce")?,
            acr: row.get("acr")?,
            amr: row.get("amr")?,
            authenticated_at: row.get("authenticated_at")?,
            created_at: row.get("created_at")?,
            ends_at: row.get("ends_at")?,
            handled_at: row.get("handled_at")?,
            request: row.get("request")?,
            login: accepted::<LoginDocument, _>(row, "login_answer")?,
            consent: accepted::<ConsentDocument, _>(row, "consent_answer")?,
        })
    }
}

fn accepted<D, T>(row: &mut Row, column: &str) -> Result<T, DatabaseError>
where
    D: serde::de::DeserializeOwned + Into<T>,
{
    match row.json::<DecisionDocument<D>>(column)? {
        DecisionDocument::Accepted(document) => Ok(document.into()),
        DecisionDocument::Rejected(_) => Err(DatabaseError::invalid(column, "it was rejected")),
    }
}
