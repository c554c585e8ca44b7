//! Authorization requests on their way over the pages for login and consent.

use spin_adapters::postgres::{Parameter, Row};

use super::{Store, StoreError, json, optional, parsed, text, texts};
use crate::domain::secret::Hash;
use crate::wire::{ConsentAnswer, LoginAnswer, Rejection};

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Login,
    LoginAnswered,
    Consent,
    ConsentAnswered,
    Over,
}

impl Step {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "login" => Self::Login,
            "login_answered" => Self::LoginAnswered,
            "consent" => Self::Consent,
            "consent_answered" => Self::ConsentAnswered,
            "over" => Self::Over,
            _ => return None,
        })
    }
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) step: Step,
    pub(crate) cookie: Hash,
    pub(crate) client_id: String,
    /// The request's parameters, as a query.
    pub(crate) request: String,
    pub(crate) session_id: String,
    pub(crate) login_skip: bool,
    pub(crate) subject: Option<String>,
    pub(crate) login: Option<Answer<LoginAnswer>>,
    pub(crate) consent: Option<Answer<ConsentAnswer>>,
    pub(crate) consent_request_id: Option<String>,
    pub(crate) consent_skip: bool,
}

/// What a page has answered.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer<T> {
    Accepted(T),
    Rejected(Rejection),
}

/// A request at its beginning.
#[derive(Debug)]
pub(crate) struct NewFlow<'a> {
    pub(crate) challenge: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) client_id: &'a str,
    pub(crate) request: &'a str,
    pub(crate) session_id: &'a str,
    /// Who is remembered, and since when (in seconds since 1970): then the login can be skipped.
    pub(crate) remembered: Option<(&'a str, i64)>,
}

/// What the step from login to consent leaves behind.
#[derive(Debug)]
pub(crate) struct LoginTaken<'a> {
    pub(crate) verifier: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) consent_challenge: &'a Hash,
    pub(crate) consent_request_id: &'a str,
    pub(crate) consent_skip: bool,
    pub(crate) login: &'a LoginAnswer,
    /// The session cookie that the browser had.
    pub(crate) old_session_cookie: Option<&'a Hash>,
    /// Whether that one's login is forgotten.
    pub(crate) forget_old: bool,
    /// The session cookie that the browser gets for the new login.
    pub(crate) new_session_cookie: Option<&'a Hash>,
    /// How long the browser is remembered from now on, in seconds; also for a login that was skipped and is prolonged.
    pub(crate) remember_for: i64,
    pub(crate) prolong: bool,
}

/// The select list that [`read`] takes apart.
macro_rules! columns {
    () => {
        "step, cookie_hash, client_id, request, session_id, login_skip, subject, \
         login_answer::text, consent_answer::text, \
         consent_request_id, consent_skip"
    };
}

const START: &str = "with swept as ( \
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

const ANSWER_LOGIN: &str = "update flows set step = 'login_answered', login_answer = $2::text::jsonb, verifier_hash = $3::text, \
         subject = coalesce($4::text, subject), \
         authenticated_at = case when login_skip then authenticated_at else date_trunc('second', clock_timestamp()) end \
     where login_challenge_hash = $1::text and step = 'login' and expires_at > now() \
     returning 1";

const ANSWER_CONSENT: &str = "update flows set step = 'consent_answered', consent_answer = $2::text::jsonb, verifier_hash = $3::text \
     where consent_challenge_hash = $1::text and step = 'consent' and expires_at > now() \
     returning 1";

// A login that was skipped counts only while the session it was skipped for does.
const TAKE_LOGIN: &str = "with moved as ( \
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
             and (expires_at is null or expires_at > now()) and scopes @> $3::text[] and audience @> $4::text[])";

impl Store {
    pub(crate) async fn start_flow(&self, flow: NewFlow<'_>) -> Result<(), StoreError> {
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
        self.write_one(START, &parameters).await.map(drop)
    }

    pub(crate) async fn flow_of_login(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        self.flow(OF_LOGIN, challenge).await
    }

    pub(crate) async fn flow_of_consent(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        self.flow(OF_CONSENT, challenge).await
    }

    pub(crate) async fn flow_of_verifier(&self, verifier: &Hash) -> Result<Option<Flow>, StoreError> {
        self.flow(OF_VERIFIER, verifier).await
    }

    async fn flow(&self, statement: &str, hash: &Hash) -> Result<Option<Flow>, StoreError> {
        let row = self.read_one(statement, &[text(hash.as_str())]).await?;
        row.map(read).transpose()
    }

    /// Keeps what the login page answered; false if it has answered before.
    pub(crate) async fn answer_login(
        &self,
        challenge: &Hash,
        answer: &Answer<LoginAnswer>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let subject = match answer {
            Answer::Accepted(login) => Some(login.subject.as_str()),
            Answer::Rejected(_) => None,
        };
        let parameters = [
            text(challenge.as_str()),
            json(answer)?,
            text(verifier.as_str()),
            optional(subject),
        ];
        Ok(self.write_one(ANSWER_LOGIN, &parameters).await?.is_some())
    }

    /// Keeps what the consent page answered; false if it has answered before.
    pub(crate) async fn answer_consent(
        &self,
        challenge: &Hash,
        answer: &Answer<ConsentAnswer>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let parameters = [text(challenge.as_str()), json(answer)?, text(verifier.as_str())];
        Ok(self.write_one(ANSWER_CONSENT, &parameters).await?.is_some())
    }

    /// The step from login to consent, once; false if it was done before, or the remembered login has ended meanwhile.
    pub(crate) async fn take_login(&self, taken: LoginTaken<'_>) -> Result<bool, StoreError> {
        let parameters = [
            text(taken.verifier.as_str()),
            text(taken.cookie.as_str()),
            text(taken.consent_challenge.as_str()),
            text(taken.consent_request_id),
            Parameter::Boolean(taken.consent_skip),
            optional(taken.old_session_cookie.map(Hash::as_str)),
            Parameter::Boolean(taken.forget_old),
            optional(taken.new_session_cookie.map(Hash::as_str)),
            text(&taken.login.acr),
            texts(&taken.login.amr),
            text(&taken.login.identity_provider_session_id),
            Parameter::Int64(taken.remember_for),
            Parameter::Boolean(taken.prolong),
        ];
        Ok(self.write_one(TAKE_LOGIN, &parameters).await?.is_some())
    }

    /// Ends a request that was refused, once; false if it was ended before.
    pub(crate) async fn end_flow(&self, verifier: &Hash, cookie: &Hash) -> Result<bool, StoreError> {
        let parameters = [text(verifier.as_str()), text(cookie.as_str())];
        Ok(self.write_one(END, &parameters).await?.is_some())
    }

    /// Whether the user has granted all of these scopes and audiences to the client before, to be remembered.
    pub(crate) async fn remembers_consent(
        &self,
        subject: &str,
        client_id: &str,
        scopes: &[String],
        audience: &[String],
    ) -> Result<bool, StoreError> {
        let parameters = [text(subject), text(client_id), texts(scopes), texts(audience)];
        let row = self.read_one(REMEMBERED_CONSENT, &parameters).await?;
        Ok(super::only(row)?.boolean()?)
    }
}

fn read(mut row: Row) -> Result<Flow, StoreError> {
    let step = row.text()?;
    Ok(Flow {
        step: Step::named(&step).ok_or_else(|| StoreError::Failed("a flow's step".into()))?,
        cookie: Hash::stored(row.text()?),
        client_id: row.text()?,
        request: row.text()?,
        session_id: row.text()?,
        login_skip: row.boolean()?,
        subject: row.optional_text()?,
        login: row.optional_text()?.map(|text| parsed(&text)).transpose()?,
        consent: row.optional_text()?.map(|text| parsed(&text)).transpose()?,
        consent_request_id: row.optional_text()?,
        consent_skip: row.boolean()?,
    })
}
