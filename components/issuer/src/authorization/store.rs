//! Unfinished authorization requests in Postgres.

use kernel::StoreError;
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Parameter, Row, only,
    parameter::{optional, text, texts},
};

use super::document::{ConsentDocument, DecisionDocument, LoginDocument};
use super::domain::{AcceptedConsent, AcceptedLogin, ConsentStep, Decision, Flow, NewFlow, NewGrant};
use super::service::AuthorizationStore;
use crate::domain::secret::Hash;
use crate::store::{PostgresIssuer, json};

/// The columns of a [`Flow`].
macro_rules! columns {
    () => {
        "step, cookie_hash, client_id, request, session_id, login_skip, subject, \
         login_answer::text as login_answer, consent_answer::text as consent_answer, \
         consent_request_id, consent_skip"
    };
}

const INSERT: &str = "with swept as ( \
         delete from flows where login_challenge_hash = any (array( \
             select login_challenge_hash from flows where expires_at < now() - interval '1 hour' \
             order by expires_at limit 4 for update skip locked))) \
     insert into flows (login_challenge_hash, cookie_hash, client_id, request, session_id, login_skip, subject, \
         authenticated_at) \
     values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text is not null, $6::text, \
         to_timestamp($7::bigint)) \
     returning 1";

const OF_LOGIN: &str = concat!(
    "select ",
    columns!(),
    " from flows where login_challenge_hash = $1::text and expires_at > now()"
);

const OF_CONSENT: &str = concat!(
    "select ",
    columns!(),
    " from flows where consent_challenge_hash = $1::text and expires_at > now()"
);

const OF_VERIFIER: &str = concat!(
    "select ",
    columns!(),
    " from flows where verifier_hash = $1::text and expires_at > now()"
);

const DECIDE_LOGIN: &str = "update flows set step = 'login_answered', login_answer = $2::text::jsonb, verifier_hash = $3::text, \
         subject = coalesce($4::text, subject), \
         authenticated_at = case when login_skip then authenticated_at else date_trunc('second', clock_timestamp()) end \
     where login_challenge_hash = $1::text and step = 'login' and expires_at > now() \
     returning 1";

const DECIDE_CONSENT: &str = "update flows set step = 'consent_answered', consent_answer = $2::text::jsonb, verifier_hash = $3::text \
     where consent_challenge_hash = $1::text and step = 'consent' and expires_at > now() \
     returning 1";

// A login that was skipped is valid only while the session of that login exists.
const MOVE_TO_CONSENT: &str = "with moved as ( \
         update flows set step = 'consent', verifier_hash = null, consent_challenge_hash = $3::text, \
             consent_request_id = $4::text, consent_skip = $5::boolean \
         where verifier_hash = $1::text and cookie_hash = $2::text and step = 'login_answered' and expires_at > now() \
             and (not login_skip or exists ( \
                 select from login_sessions where id = flows.session_id and expires_at > now())) \
         returning session_id, subject, authenticated_at, login_skip), \
     swept as ( \
         delete from login_sessions where id = any (array( \
             select id from login_sessions where expires_at < now() order by expires_at limit 4 \
             for update skip locked))), \
     forgotten as ( \
         delete from login_sessions where $7::boolean and cookie_hash = $6::text and expires_at >= now() \
             and exists (select from moved)), \
     remembered as ( \
         insert into login_sessions (id, cookie_hash, subject, authenticated_at, acr, amr, identity_provider_session_id, \
             expires_at) \
         select session_id, $8::text, subject, authenticated_at, $9::text, $10::text[], $11::text, \
             now() + make_interval(secs => $12::bigint) \
         from moved where $8::text is not null and not login_skip), \
     prolonged as ( \
         update login_sessions set expires_at = now() + make_interval(secs => $12::bigint) \
         from moved where $13::boolean and moved.login_skip and login_sessions.id = moved.session_id) \
     select 1 from moved";

const END: &str = "update flows set step = 'over', verifier_hash = null \
     where verifier_hash = $1::text and cookie_hash = $2::text and expires_at > now() returning 1";

const REMEMBERED_CONSENT: &str = "select exists ( \
         select from remembered_consents where subject = $1::text and client_id = $2::text \
             and (expires_at is null or expires_at > now()) and scopes @> $3::text[] and audience @> $4::text[]) \
     as is_remembered";

// The id of the grant is the id of the consent request.
const INSERT_GRANT: &str = "with finished as ( \
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

impl AuthorizationStore for PostgresIssuer {
    async fn insert_flow(&self, flow: NewFlow<'_>) -> Result<(), StoreError> {
        let (subject, since) = flow.remembered.unzip();
        let parameters = [
            text(flow.challenge.as_str()),
            text(flow.cookie.as_str()),
            text(flow.client_id),
            text(flow.request),
            text(flow.session_id),
            optional(subject),
            since.map_or(Parameter::DbNull, Parameter::Int64),
        ];
        self.write_one(INSERT, &parameters).await.map(drop)
    }

    async fn flow_of_login(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        self.find(OF_LOGIN, &[text(challenge.as_str())]).await
    }

    async fn flow_of_consent(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        self.find(OF_CONSENT, &[text(challenge.as_str())]).await
    }

    async fn flow_of_verifier(&self, verifier: &Hash) -> Result<Option<Flow>, StoreError> {
        self.find(OF_VERIFIER, &[text(verifier.as_str())]).await
    }

    async fn decide_login(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedLogin>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let subject = match decision {
            Decision::Accepted(login) => Some(&login.subject),
            Decision::Rejected(_) => None,
        };
        let parameters = [
            text(challenge.as_str()),
            json(&DecisionDocument::<LoginDocument>::from(decision))?,
            text(verifier.as_str()),
            optional(subject),
        ];
        Ok(self.write_one(DECIDE_LOGIN, &parameters).await?.is_some())
    }

    async fn decide_consent(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedConsent>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let document = DecisionDocument::<ConsentDocument>::from(decision);
        let parameters = [
            text(challenge.as_str()),
            json(&document)?,
            text(verifier.as_str()),
        ];
        Ok(self.write_one(DECIDE_CONSENT, &parameters).await?.is_some())
    }

    async fn move_to_consent(&self, step: ConsentStep<'_>) -> Result<bool, StoreError> {
        let parameters = [
            text(step.verifier.as_str()),
            text(step.cookie.as_str()),
            text(step.consent_challenge.as_str()),
            text(step.consent_request_id),
            Parameter::Boolean(step.consent_skip),
            optional(step.old_session_cookie.map(Hash::as_str)),
            Parameter::Boolean(step.forget_old),
            optional(step.new_session_cookie.map(Hash::as_str)),
            text(&step.login.acr),
            texts(&step.login.amr),
            text(&step.login.identity_provider_session_id),
            Parameter::Int64(step.remember_for.into()),
            Parameter::Boolean(step.prolong),
        ];
        Ok(self.write_one(MOVE_TO_CONSENT, &parameters).await?.is_some())
    }

    async fn end_flow(&self, verifier: &Hash, cookie: &Hash) -> Result<bool, StoreError> {
        let parameters = [text(verifier.as_str()), text(cookie.as_str())];
        Ok(self.write_one(END, &parameters).await?.is_some())
    }

    async fn insert_grant(&self, grant: NewGrant<'_>) -> Result<bool, StoreError> {
        let login: DecisionDocument<LoginDocument> = DecisionDocument::Accepted(grant.login.into());
        let consent: DecisionDocument<ConsentDocument> = DecisionDocument::Accepted(grant.consent.into());
        let parameters = [
            text(grant.verifier.as_str()),
            text(grant.cookie.as_str()),
            text(grant.code.as_str()),
            text(grant.redirect_uri),
            text(grant.code_challenge),
            texts(&grant.consent.scopes),
            texts(&grant.consent.audience),
            optional(grant.nonce),
            text(&grant.login.acr),
            texts(&grant.login.amr),
            json(&login)?,
            json(&consent)?,
            Parameter::Int64(grant.lifetime),
            Parameter::Boolean(grant.consent.remember),
            Parameter::Int64(grant.consent.remember_for),
        ];
        Ok(self.write_one(INSERT_GRANT, &parameters).await?.is_some())
    }

    async fn remembers_consent(
        &self,
        subject: &str,
        client_id: &str,
        scopes: &[String],
        audience: &[String],
    ) -> Result<bool, StoreError> {
        let parameters = [text(subject), text(client_id), texts(scopes), texts(audience)];
        let rows = self.0.read(REMEMBERED_CONSENT, &parameters).await?;
        Ok(only(rows)?.get("is_remembered")?)
    }
}

impl FromRow for Flow {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            step: row.parse("step")?,
            cookie: Hash::stored(row.get("cookie_hash")?),
            client_id: row.get("client_id")?,
            request: row.get("request")?,
            session_id: row.get("session_id")?,
            login_skip: row.get("login_skip")?,
            subject: row.get("subject")?,
            login: decision::<LoginDocument, _>(row, "login_answer")?,
            consent: decision::<ConsentDocument, _>(row, "consent_answer")?,
            consent_request_id: row.get("consent_request_id")?,
            consent_skip: row.get("consent_skip")?,
        })
    }
}

/// A decision, if its page has decided.
fn decision<D, T>(row: &mut Row, column: &str) -> Result<Option<Decision<T>>, DatabaseError>
where
    D: serde::de::DeserializeOwned + Into<T>,
{
    let Some(text) = row.get::<Option<String>>(column)? else {
        return Ok(None);
    };
    let document: DecisionDocument<D> =
        serde_json::from_str(&text).map_err(|error| DatabaseError::invalid(column, error))?;
    Ok(Some(document.into()))
}
