//! The requests and decisions of the pages for login and consent.

use super::{Authorization, AuthorizationStore};
use crate::authorization::domain::{
    AcceptedConsent, AcceptedLogin, AuthorizationRequest, Decision, Flow, FlowStep, PageRejection,
    RedirectTarget,
};
use crate::clients::domain::{OAuthClient, RegisteredClient, scopes::are_among};
use crate::clients::service::ClientStore;
use crate::domain::failure::InternalFailure;
use crate::domain::parameters::{Parameters, with_query};
use crate::domain::secret::{Hash, Token};
use crate::tokens::domain::IdTokenHint;
use crate::tokens::service::TokenKeys;

/// Why a page gets no answer.
#[derive(Debug)]
pub(crate) enum ChallengeError {
    /// The challenge is unknown or too old.
    NotFound,
    /// The challenge was answered before. The browser begins again at this address.
    Answered(String),
    /// The decision breaks a rule.
    Invalid(&'static str),
    Failed(InternalFailure),
}

impl<E: Into<InternalFailure>> From<E> for ChallengeError {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// A login or consent request, as its page receives it.
#[derive(Debug)]
pub(crate) struct ChallengeRequest {
    pub(crate) flow: Flow,
    pub(crate) request: AuthorizationRequest,
    pub(crate) client: RegisteredClient,
    pub(crate) hint: Option<IdTokenHint>,
    /// The address that the browser has requested.
    pub(crate) url: String,
}

impl<S, K> Authorization<'_, S, K>
where
    S: AuthorizationStore + ClientStore,
    K: TokenKeys,
{
    /// The login request with this challenge.
    pub(crate) async fn login_request(&self, challenge: &str) -> Result<ChallengeRequest, ChallengeError> {
        let flow = self.open_login(&Hash::of(challenge)).await?;
        self.page_request(flow).await
    }

    /// Accepts a login. Returns the browser's next address.
    pub(crate) async fn accept_login(
        &self,
        challenge: &str,
        login: AcceptedLogin,
    ) -> Result<String, ChallengeError> {
        let challenge = Hash::of(challenge);
        let flow = self.open_login(&challenge).await?;
        if !(1..=255).contains(&login.subject.len()) || login.subject.contains(char::is_control) {
            return Err(ChallengeError::Invalid(
                "subject must have 1 to 255 bytes and no control character",
            ));
        }
        // A user other than the remembered one has to sign in from the beginning.
        if flow.login_skip && flow.subject.as_deref() != Some(&login.subject) {
            let form = Parameters::parse(&flow.request)
                .map_err(|error| InternalFailure::Broken(error.to_string()))?;
            let query = form.without(&["prompt"]).to_query();
            let url = self.addresses.of_request(&query);
            return Ok(with_query(&url, [("prompt", "login")]));
        }
        self.decide_login(&flow, &challenge, Decision::Accepted(login))
            .await
    }

    /// Rejects a login. Returns the browser's next address.
    pub(crate) async fn reject_login(
        &self,
        challenge: &str,
        rejection: PageRejection,
    ) -> Result<String, ChallengeError> {
        let challenge = Hash::of(challenge);
        let flow = self.open_login(&challenge).await?;
        self.decide_login(&flow, &challenge, Decision::Rejected(rejection))
            .await
    }

    /// The consent request with this challenge, and the login before it.
    pub(crate) async fn consent_request(
        &self,
        challenge: &str,
    ) -> Result<(ChallengeRequest, AcceptedLogin), ChallengeError> {
        let flow = self.open_consent(&Hash::of(challenge)).await?;
        let Some(Decision::Accepted(login)) = flow.login.clone() else {
            return Err(InternalFailure::Broken("a consent without a login".into()).into());
        };
        Ok((self.page_request(flow).await?, login))
    }

    /// Accepts consent. Returns the browser's next address.
    pub(crate) async fn accept_consent(
        &self,
        challenge: &str,
        consent: AcceptedConsent,
    ) -> Result<String, ChallengeError> {
        let challenge = Hash::of(challenge);
        let flow = self.open_consent(&challenge).await?;
        let client = self.client_of(&flow).await?.client;
        let request = stored_request(&flow.request, &client)?;
        // Hydra would grant more than was requested. No client should get more than it has requested.
        if !are_among(&consent.scopes, &request.scopes) {
            return Err(ChallengeError::Invalid(
                "grant_scope has a scope that was not requested",
            ));
        }
        if !are_among(&consent.audience, &request.audience) {
            return Err(ChallengeError::Invalid(
                "grant_access_token_audience has an audience that was not requested",
            ));
        }
        if !(0..=i64::from(i32::MAX)).contains(&consent.remember_for) {
            return Err(ChallengeError::Invalid(
                "remember_for must be a number of seconds, or 0 for ever",
            ));
        }
        self.decide_consent(&flow, &challenge, Decision::Accepted(consent))
            .await
    }

    /// Rejects consent. Returns the browser's next address.
    pub(crate) async fn reject_consent(
        &self,
        challenge: &str,
        rejection: PageRejection,
    ) -> Result<String, ChallengeError> {
        let challenge = Hash::of(challenge);
        let flow = self.open_consent(&challenge).await?;
        self.decide_consent(&flow, &challenge, Decision::Rejected(rejection))
            .await
    }

    async fn open_login(&self, challenge: &Hash) -> Result<Flow, ChallengeError> {
        let flow = self.store.flow_of_login(challenge).await?;
        self.open(flow, FlowStep::Login)
    }

    async fn open_consent(&self, challenge: &Hash) -> Result<Flow, ChallengeError> {
        let flow = self.store.flow_of_consent(challenge).await?;
        self.open(flow, FlowStep::Consent)
    }

    fn open(&self, flow: Option<Flow>, step: FlowStep) -> Result<Flow, ChallengeError> {
        let flow = flow.ok_or(ChallengeError::NotFound)?;
        match flow.step == step {
            true => Ok(flow),
            false => Err(ChallengeError::Answered(self.addresses.of_request(&flow.request))),
        }
    }

    async fn page_request(&self, flow: Flow) -> Result<ChallengeRequest, ChallengeError> {
        let client = self.client_of(&flow).await?;
        let request = stored_request(&flow.request, &client.client)?;
        let hint = match &request.id_token_hint {
            Some(token) => self.keys.read_id_token(token).await?,
            None => None,
        };
        Ok(ChallengeRequest {
            url: self.addresses.of_request(&flow.request),
            flow,
            request,
            client,
            hint,
        })
    }

    async fn client_of(&self, flow: &Flow) -> Result<RegisteredClient, ChallengeError> {
        let client = self.store.client(&flow.client_id).await?;
        client.ok_or(ChallengeError::NotFound)
    }

    async fn decide_login(
        &self,
        flow: &Flow,
        challenge: &Hash,
        decision: Decision<AcceptedLogin>,
    ) -> Result<String, ChallengeError> {
        let verifier = Token::new()?;
        let hash = verifier.hash();
        let is_stored = self.store.decide_login(challenge, &decision, &hash).await?;
        self.url_back(flow, is_stored, "login_verifier", &verifier)
    }

    async fn decide_consent(
        &self,
        flow: &Flow,
        challenge: &Hash,
        decision: Decision<AcceptedConsent>,
    ) -> Result<String, ChallengeError> {
        let verifier = Token::new()?;
        let hash = verifier.hash();
        let is_stored = self.store.decide_consent(challenge, &decision, &hash).await?;
        self.url_back(flow, is_stored, "consent_verifier", &verifier)
    }

    fn url_back(
        &self,
        flow: &Flow,
        is_stored: bool,
        name: &str,
        verifier: &Token,
    ) -> Result<String, ChallengeError> {
        let url = self.addresses.of_request(&flow.request);
        match is_stored {
            true => Ok(with_query(&url, [(name, verifier.reveal())])),
            false => Err(ChallengeError::Answered(url)),
        }
    }
}

/// A stored request, if its client may still make such a request.
pub(crate) fn stored_request(
    query: &str,
    client: &OAuthClient,
) -> Result<AuthorizationRequest, ChallengeError> {
    let form = Parameters::parse(query).map_err(|_| ChallengeError::NotFound)?;
    let target = RedirectTarget::parse(&form, client).map_err(|_| ChallengeError::NotFound)?;
    AuthorizationRequest::parse(&form, client, target).map_err(|_| ChallengeError::NotFound)
}
