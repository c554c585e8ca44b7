//! The authorization endpoint (RFC 6749, section 3.1; OpenID Connect Core, section 3.1.2).
//!
//! A browser calls it three times. The first call has the client's request, which is stored; the browser is sent to the
//! login page. The second call has a login verifier; the browser is sent to the consent page. The third call has a
//! consent verifier; the browser is sent to the client with a code. Each verifier works once, and only in the browser
//! with the cookie of the first call. So a link that an attacker has prepared has no effect.

mod pages;
mod ports;
#[cfg(test)]
mod tests;

pub(crate) use self::pages::{ChallengeError, ChallengeRequest, stored_request};
pub(crate) use self::ports::AuthorizationStore;

use super::domain::{
    AcceptedLogin, AuthorizationRequest, ConsentStep, Decision, Flow, FlowStep, NewFlow, NewGrant,
    RedirectTarget, grant_lifetime,
};
use crate::clients::domain::OAuthClient;
use crate::clients::service::ClientStore;
use crate::domain::addresses::Addresses;
use crate::domain::failure::InternalFailure;
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;
use crate::domain::secret::{Hash, Token, new_id};
use crate::sessions::domain::LoginSession;
use crate::sessions::service::SessionStore;
use crate::tokens::service::TokenKeys;

/// The use cases of authorization.
pub(crate) struct Authorization<'a, S, K> {
    pub(crate) store: &'a S,
    pub(crate) keys: &'a K,
    pub(crate) addresses: &'a Addresses,
}

/// The issuer's cookies that a browser has sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrowserCookies {
    /// The cookie of the authorization requests that began in this browser.
    pub(crate) flow: Option<Token>,
    /// The cookie of a remembered login.
    pub(crate) session: Option<Token>,
}

impl BrowserCookies {
    /// The hash of the session cookie.
    pub(crate) fn session_hash(&self) -> Option<Hash> {
        self.session.as_ref().map(Token::hash)
    }
}

/// The next address of the browser.
#[derive(Debug)]
pub(crate) enum NextStop {
    /// To the login page, with this flow cookie.
    Login { challenge: Token, flow_cookie: Token },
    /// To the consent page.
    Consent {
        challenge: Token,
        session: SessionChange,
    },
    /// To the client.
    Client {
        target: RedirectTarget,
        code: Token,
        scope: String,
    },
}

/// The change of the browser's session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionChange {
    Unchanged,
    Set { value: Token, seconds: u32 },
    Removed,
}

/// Why an authorization request ends.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    /// The client gets the error at its redirect URI.
    Client(RedirectTarget, OAuthError),
    /// The user sees the error on the error page, because the client's redirect URI is not certain.
    User(OAuthError),
    Failed(InternalFailure),
}

impl<E: Into<InternalFailure>> From<E> for AuthorizationError {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// A stored request for which a page has sent the browser back.
struct Returned {
    flow: Flow,
    request: AuthorizationRequest,
    cookie: Hash,
    verifier: Hash,
}

impl<S, K> Authorization<'_, S, K>
where
    S: AuthorizationStore + ClientStore + SessionStore,
    K: TokenKeys,
{
    /// Performs the next step of the request with these parameters.
    pub(crate) async fn proceed(
        &self,
        form: &Parameters,
        browser: &BrowserCookies,
    ) -> Result<NextStop, AuthorizationError> {
        let client = self.client(form).await?;
        let target = RedirectTarget::parse(form, &client).map_err(AuthorizationError::User)?;
        match (form.get("login_verifier"), form.get("consent_verifier")) {
            (None, None) => self.begin(form, &client, target, browser).await,
            (Some(verifier), None) => {
                let verifier = Hash::of(verifier);
                let returned = self.resume(&client, target, verifier, FlowStep::LoginAnswered, browser);
                self.continue_after_login(&client, &returned.await?, browser)
                    .await
            }
            (None, Some(verifier)) => {
                let verifier = Hash::of(verifier);
                let returned = self.resume(&client, target, verifier, FlowStep::ConsentAnswered, browser);
                self.finish(&client, &returned.await?).await
            }
            (Some(_), Some(_)) => {
                let error = OAuthError::invalid_request("send login_verifier or consent_verifier, not both");
                Err(AuthorizationError::User(error))
            }
        }
    }

    async fn client(&self, form: &Parameters) -> Result<OAuthClient, AuthorizationError> {
        let id = form
            .get("client_id")
            .ok_or_else(|| AuthorizationError::User(OAuthError::missing("client_id")))?;
        let registered = self.store.client(id).await?;
        let unknown = || OAuthError::new("invalid_client", "there is no such client");
        let registered = registered.ok_or_else(|| AuthorizationError::User(unknown()))?;
        Ok(registered.client)
    }

    /// Stores the client's request and sends the browser to the login page.
    async fn begin(
        &self,
        form: &Parameters,
        client: &OAuthClient,
        target: RedirectTarget,
        browser: &BrowserCookies,
    ) -> Result<NextStop, AuthorizationError> {
        let request = AuthorizationRequest::parse(form, client, target.clone())
            .map_err(|error| AuthorizationError::Client(target, error))?;
        let session = self.usable_session(&request, browser).await?;
        if session.is_none() && request.prompt.none {
            let error = OAuthError::new(
                "login_required",
                "prompt=none needs a user who is signed in, and this browser has no login that the request accepts",
            );
            return Err(AuthorizationError::Client(request.target, error));
        }
        let challenge = Token::new()?;
        let flow_cookie = browser.flow.clone().map_or_else(Token::new, Ok)?;
        let new_session = new_id()?;
        let remembered = session
            .as_ref()
            .map(|session| (session.subject.as_str(), session.authenticated_at));
        let flow = NewFlow {
            challenge: &challenge.hash(),
            cookie: &flow_cookie.hash(),
            client_id: &client.id,
            request: &form.to_query(),
            session_id: session.as_ref().map_or(&new_session, |session| &session.id),
            remembered,
        };
        self.store.insert_flow(flow).await?;
        Ok(NextStop::Login {
            challenge,
            flow_cookie,
        })
    }

    /// The remembered login of the browser, if the request accepts it.
    async fn usable_session(
        &self,
        request: &AuthorizationRequest,
        browser: &BrowserCookies,
    ) -> Result<Option<LoginSession>, AuthorizationError> {
        let hinted = self.hinted_subject(request).await?;
        let Some(cookie) = browser.session_hash().filter(|_| !request.prompt.login) else {
            return Ok(None);
        };
        let session = self.store.session_of_cookie(&cookie).await?;
        Ok(session.filter(|session| {
            // Less than `max_age`, not equal: 0 requests a new login (OpenID Connect Core, section 3.1.2.1).
            let is_recent = request
                .max_age
                .is_none_or(|max_age| session.age < i64::try_from(max_age).unwrap_or(i64::MAX));
            is_recent && hinted.is_none_or(|hinted| hinted == session.subject)
        }))
    }

    /// The user that the client expects: the subject of its `id_token_hint`.
    async fn hinted_subject(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Option<String>, AuthorizationError> {
        let Some(token) = &request.id_token_hint else {
            return Ok(None);
        };
        match self.keys.read_id_token(token).await? {
            Some(hint) => Ok(Some(hint.subject)),
            None => {
                let error = OAuthError::invalid_request("id_token_hint is not an ID token of this issuer");
                Err(AuthorizationError::Client(request.target.clone(), error))
            }
        }
    }

    /// Finds the request of a verifier. The step and the browser must match.
    async fn resume(
        &self,
        client: &OAuthClient,
        target: RedirectTarget,
        verifier: Hash,
        step: FlowStep,
        browser: &BrowserCookies,
    ) -> Result<Returned, AuthorizationError> {
        let flow = self.store.flow_of_verifier(&verifier).await?;
        let Some(flow) = flow.filter(|flow| flow.step == step && flow.client_id == client.id) else {
            return Err(AuthorizationError::Client(target, over()));
        };
        let cookie = browser.flow.as_ref().map(Token::hash);
        let Some(cookie) = cookie.filter(|cookie| cookie.is(&flow.cookie)) else {
            return Err(AuthorizationError::User(OAuthError::new(
                "request_forbidden",
                "this sign-in began in another browser, or cookies are blocked: begin again in this browser",
            )));
        };
        // The stored request counts, not the one in the URL, because the user could have changed the URL.
        let form = Parameters::parse(&flow.request)
            .map_err(|error| InternalFailure::Broken(format!("a stored request: {error}")))?;
        let target = RedirectTarget::parse(&form, client).map_err(AuthorizationError::User)?;
        let request = AuthorizationRequest::parse(&form, client, target.clone())
            .map_err(|error| AuthorizationError::Client(target, error))?;
        Ok(Returned {
            flow,
            request,
            cookie,
            verifier,
        })
    }

    /// After the login page: sends the browser to the consent page.
    async fn continue_after_login(
        &self,
        client: &OAuthClient,
        returned: &Returned,
        browser: &BrowserCookies,
    ) -> Result<NextStop, AuthorizationError> {
        let login = match &returned.flow.login {
            Some(Decision::Accepted(login)) => login,
            Some(Decision::Rejected(rejection)) => return self.refuse(returned, rejection.to_error()).await,
            None => return Err(InternalFailure::Broken("a login without an answer".into()).into()),
        };
        let request = &returned.request;
        let subject = returned.flow.subject.as_deref().unwrap_or_default();
        let hinted = self.hinted_subject(request).await?;
        if hinted.is_some_and(|hinted| hinted != subject) {
            let error = OAuthError::new(
                "login_required",
                "the user who has signed in is not the one that id_token_hint names",
            );
            return self.refuse(returned, error).await;
        }
        let consent_skip = request.may_skip_consent(client)
            && self
                .store
                .remembers_consent(subject, &client.id, &request.scopes, &request.audience)
                .await?;
        if request.prompt.none && !consent_skip {
            let error = OAuthError::new("consent_required", "the user has to be asked for consent");
            return self.refuse(returned, error).await;
        }
        self.ask_for_consent(returned, login, consent_skip, browser).await
    }

    /// Moves the request to the consent page, once. The browser is remembered if the login page has requested that.
    async fn ask_for_consent(
        &self,
        returned: &Returned,
        login: &AcceptedLogin,
        consent_skip: bool,
        browser: &BrowserCookies,
    ) -> Result<NextStop, AuthorizationError> {
        let challenge = Token::new()?;
        let is_new = !returned.flow.login_skip;
        let prolong = returned.flow.login_skip && login.extend_session_lifespan;
        let seconds = login.session_lifetime();
        let new_cookie = (is_new && login.remember).then(Token::new).transpose()?;
        let moved = self
            .store
            .move_to_consent(ConsentStep {
                verifier: &returned.verifier,
                cookie: &returned.cookie,
                consent_challenge: &challenge.hash(),
                consent_request_id: &new_id()?,
                consent_skip,
                login,
                old_session_cookie: browser.session_hash().as_ref(),
                // A new login replaces the remembered one, whether or not it is the same user's.
                forget_old: is_new,
                new_session_cookie: new_cookie.as_ref().map(Token::hash).as_ref(),
                remember_for: seconds,
                prolong,
            })
            .await?;
        if !moved {
            return Err(AuthorizationError::Client(
                returned.request.target.clone(),
                over(),
            ));
        }
        let session = match (new_cookie, &browser.session) {
            (Some(value), _) => SessionChange::Set { value, seconds },
            (None, Some(_)) if is_new => SessionChange::Removed,
            (None, Some(old)) if prolong => SessionChange::Set {
                value: old.clone(),
                seconds,
            },
            (None, _) => SessionChange::Unchanged,
        };
        Ok(NextStop::Consent { challenge, session })
    }

    /// After the consent page: stores the grant and sends the browser to the client with a code.
    async fn finish(
        &self,
        client: &OAuthClient,
        returned: &Returned,
    ) -> Result<NextStop, AuthorizationError> {
        let consent = match &returned.flow.consent {
            Some(Decision::Accepted(consent)) => consent,
            Some(Decision::Rejected(rejection)) => return self.refuse(returned, rejection.to_error()).await,
            None => return Err(InternalFailure::Broken("a consent without an answer".into()).into()),
        };
        let Some(Decision::Accepted(login)) = &returned.flow.login else {
            return Err(InternalFailure::Broken("a consent without a login".into()).into());
        };
        let request = &returned.request;
        let code = Token::new()?;
        let finished = self
            .store
            .insert_grant(NewGrant {
                verifier: &returned.verifier,
                cookie: &returned.cookie,
                code: &code.hash(),
                redirect_uri: &request.target.redirect_uri,
                code_challenge: request.challenge.as_str(),
                nonce: request.nonce.as_deref(),
                login,
                consent,
                lifetime: grant_lifetime(client, consent),
            })
            .await?;
        let target = request.target.clone();
        match finished {
            true => Ok(NextStop::Client {
                target,
                code,
                scope: consent.scopes.join(" "),
            }),
            false => Err(AuthorizationError::Client(target, over())),
        }
    }

    /// Ends the request, once, and sends the reason to the client.
    async fn refuse(&self, returned: &Returned, error: OAuthError) -> Result<NextStop, AuthorizationError> {
        let ended = self.store.end_flow(&returned.verifier, &returned.cookie).await?;
        let error = if ended { error } else { over() };
        Err(AuthorizationError::Client(returned.request.target.clone(), error))
    }
}

fn over() -> OAuthError {
    OAuthError::access_denied("this sign-in is over or has taken too long: begin again")
}
