use kernel::StoreError;

use super::{CodeRow, ConsentRow, FlowRow, GrantRow, Memory, SessionRow};
use crate::authorization::domain::{
    AcceptedConsent, AcceptedLogin, ConsentStep, Decision, Flow, FlowStep, NewFlow, NewGrant,
};
use crate::authorization::service::AuthorizationStore;
use crate::clients::domain::scopes::are_among;
use crate::domain::secret::Hash;
use crate::sessions::domain::LoginSession;
use crate::tokens::domain::UserGrant;

/// How long a request may take, in seconds.
const FLOW_LIFETIME: i64 = 30 * 60;

/// How long a code is valid, in seconds.
const CODE_LIFETIME: i64 = 60;

impl Memory {
    fn flow_where(&self, is_meant: impl Fn(&FlowRow) -> bool) -> Option<Flow> {
        let flow = |row: &mut FlowRow| Some(row.flow.clone());
        self.step(is_meant, flow)
    }

    /// Runs `work` on the unfinished request that matches.
    fn step<T>(
        &self,
        is_meant: impl Fn(&FlowRow) -> bool,
        work: impl FnOnce(&mut FlowRow) -> Option<T>,
    ) -> Option<T> {
        let mut tables = self.tables();
        let mut living = tables.flows.iter_mut().filter(|row| row.expires_at > self.now());
        work(living.find(|row| is_meant(row))?)
    }
}

impl AuthorizationStore for Memory {
    async fn insert_flow(&self, flow: NewFlow<'_>) -> Result<(), StoreError> {
        let (subject, authenticated_at) = flow.remembered.unzip();
        let row = FlowRow {
            flow: Flow {
                step: FlowStep::Login,
                cookie: flow.cookie.clone(),
                client_id: flow.client_id.to_owned(),
                request: flow.request.to_owned(),
                session_id: flow.session_id.to_owned(),
                login_skip: subject.is_some(),
                subject: subject.map(str::to_owned),
                login: None,
                consent: None,
                consent_request_id: None,
                consent_skip: false,
            },
            login_challenge: flow.challenge.clone(),
            consent_challenge: None,
            verifier: None,
            authenticated_at: authenticated_at.unwrap_or_default(),
            expires_at: self.now() + FLOW_LIFETIME,
        };
        self.tables().flows.push(row);
        Ok(())
    }

    async fn flow_of_login(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        Ok(self.flow_where(|row| row.login_challenge == *challenge))
    }

    async fn flow_of_consent(&self, challenge: &Hash) -> Result<Option<Flow>, StoreError> {
        Ok(self.flow_where(|row| row.consent_challenge.as_ref() == Some(challenge)))
    }

    async fn flow_of_verifier(&self, verifier: &Hash) -> Result<Option<Flow>, StoreError> {
        Ok(self.flow_where(|row| row.verifier.as_ref() == Some(verifier)))
    }

    async fn decide_login(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedLogin>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let is_meant = |row: &FlowRow| row.login_challenge == *challenge && row.flow.step == FlowStep::Login;
        let decided = self.step(is_meant, |row| {
            row.flow.step = FlowStep::LoginAnswered;
            row.flow.login = Some(decision.clone());
            row.verifier = Some(verifier.clone());
            if let Decision::Accepted(login) = decision {
                row.flow.subject = Some(login.subject.clone());
            }
            if !row.flow.login_skip {
                row.authenticated_at = self.now();
            }
            Some(())
        });
        Ok(decided.is_some())
    }

    async fn decide_consent(
        &self,
        challenge: &Hash,
        decision: &Decision<AcceptedConsent>,
        verifier: &Hash,
    ) -> Result<bool, StoreError> {
        let is_meant = |row: &FlowRow| {
            row.consent_challenge.as_ref() == Some(challenge) && row.flow.step == FlowStep::Consent
        };
        let decided = self.step(is_meant, |row| {
            row.flow.step = FlowStep::ConsentAnswered;
            row.flow.consent = Some(decision.clone());
            row.verifier = Some(verifier.clone());
            Some(())
        });
        Ok(decided.is_some())
    }

    async fn move_to_consent(&self, step: ConsentStep<'_>) -> Result<bool, StoreError> {
        let sessions: Vec<String> = {
            let tables = self.tables();
            let living = tables.sessions.iter().filter(|row| row.expires_at > self.now());
            living.map(|row| row.session.id.clone()).collect()
        };
        let is_meant = |row: &FlowRow| {
            row.verifier.as_ref() == Some(step.verifier)
                && row.flow.cookie == *step.cookie
                && row.flow.step == FlowStep::LoginAnswered
                && (!row.flow.login_skip || sessions.contains(&row.flow.session_id))
        };
        let moved = self.step(is_meant, |row| {
            row.flow.step = FlowStep::Consent;
            row.flow.consent_request_id = Some(step.consent_request_id.to_owned());
            row.flow.consent_skip = step.consent_skip;
            row.consent_challenge = Some(step.consent_challenge.clone());
            row.verifier = None;
            Some((row.flow.clone(), row.authenticated_at))
        });
        let Some((flow, authenticated_at)) = moved else {
            return Ok(false);
        };
        let mut tables = self.tables();
        if step.forget_old {
            tables
                .sessions
                .retain(|row| Some(&row.cookie) != step.old_session_cookie);
        }
        let expires_at = self.now() + i64::from(step.remember_for);
        if let Some(cookie) = step.new_session_cookie.filter(|_| !flow.login_skip) {
            tables.sessions.push(SessionRow {
                session: LoginSession {
                    id: flow.session_id.clone(),
                    subject: flow.subject.unwrap_or_default(),
                    authenticated_at,
                    age: 0,
                },
                cookie: cookie.clone(),
                expires_at,
            });
        }
        if step.prolong && flow.login_skip {
            let mut rows = tables.sessions.iter_mut();
            if let Some(row) = rows.find(|row| row.session.id == flow.session_id) {
                row.expires_at = expires_at;
            }
        }
        Ok(true)
    }

    async fn end_flow(&self, verifier: &Hash, cookie: &Hash) -> Result<bool, StoreError> {
        let is_meant = |row: &FlowRow| row.verifier.as_ref() == Some(verifier) && row.flow.cookie == *cookie;
        let ended = self.step(is_meant, |row| {
            row.flow.step = FlowStep::Over;
            row.verifier = None;
            Some(())
        });
        Ok(ended.is_some())
    }

    async fn insert_grant(&self, grant: NewGrant<'_>) -> Result<bool, StoreError> {
        let is_meant = |row: &FlowRow| {
            row.verifier.as_ref() == Some(grant.verifier)
                && row.flow.cookie == *grant.cookie
                && row.flow.step == FlowStep::ConsentAnswered
        };
        let finished = self.step(is_meant, |row| {
            row.flow.step = FlowStep::Over;
            row.verifier = None;
            Some((row.flow.clone(), row.authenticated_at))
        });
        let Some((flow, authenticated_at)) = finished else {
            return Ok(false);
        };
        let granted = self.granted(&flow, authenticated_at, &grant);
        let mut tables = self.tables();
        if grant.consent.remember {
            tables
                .consents
                .retain(|row| row.subject != granted.subject || row.client_id != granted.client_id);
            let seconds = Some(grant.consent.remember_for).filter(|seconds| *seconds > 0);
            tables.consents.push(ConsentRow {
                subject: granted.subject.clone(),
                client_id: granted.client_id.clone(),
                scopes: granted.scopes.clone(),
                audience: granted.audience.clone(),
                expires_at: seconds.map(|seconds| self.now() + seconds),
            });
        }
        tables.codes.push(CodeRow {
            hash: grant.code.clone(),
            grant: granted.id.clone(),
            redirect_uri: grant.redirect_uri.to_owned(),
            code_challenge: grant.code_challenge.to_owned(),
            expires_at: self.now() + CODE_LIFETIME,
            is_used: false,
        });
        tables.grants.push(GrantRow {
            grant: granted,
            is_revoked: false,
        });
        Ok(true)
    }

    async fn remembers_consent(
        &self,
        subject: &str,
        client_id: &str,
        scopes: &[String],
        audience: &[String],
    ) -> Result<bool, StoreError> {
        let tables = self.tables();
        Ok(tables.consents.iter().any(|row| {
            row.subject == subject
                && row.client_id == client_id
                && row.expires_at.is_none_or(|at| at > self.now())
                && are_among(scopes, &row.scopes)
                && are_among(audience, &row.audience)
        }))
    }
}

impl Memory {
    fn granted(&self, flow: &Flow, authenticated_at: i64, new: &NewGrant<'_>) -> UserGrant {
        UserGrant {
            id: flow.consent_request_id.clone().unwrap_or_default(),
            client_id: flow.client_id.clone(),
            subject: flow.subject.clone().unwrap_or_default(),
            session_id: flow.session_id.clone(),
            scopes: new.consent.scopes.clone(),
            audience: new.consent.audience.clone(),
            nonce: new.nonce.map(str::to_owned),
            acr: new.login.acr.clone(),
            amr: new.login.amr.clone(),
            authenticated_at,
            created_at: self.now(),
            ends_at: self.now() + new.lifetime,
            handled_at: String::new(),
            request: flow.request.clone(),
            login: new.login.clone(),
            consent: new.consent.clone(),
        }
    }
}
