//! The authorization endpoint (RFC 6749, section 3.1; OpenID Connect Core, section 3.1.2).
//!
//! A browser comes here three times: with the client's request, which is kept and sends it to the login page; back from there
//! with a login verifier, which sends it to the consent page; and back from there with a consent verifier, which sends it to
//! the client with a code. Each verifier works once, and only in the browser that has the cookie of the beginning: a link that
//! somebody else has prepared leads nowhere.

use connect::Body;
use http::{Method, Response, header};

use super::{error_page, hint};
use crate::Issuer;
use crate::cookies::{self, Cookie, LONGEST_SESSION};
use crate::domain::client::Client;
use crate::domain::form::{Form, with_query};
use crate::domain::request::{AuthorizationRequest, OAuthError, Target};
use crate::domain::secret::{Hash, Token, new_id};
use crate::exchange::{Call, Failure, append, redirect};
use crate::store::{Answer, Flow, LoginSession, LoginTaken, NewFlow, NewGrant, Step};
use crate::wire::{ConsentAnswer, LoginAnswer, Rejection};
use crate::wire_client;

/// How long a grant can be refreshed, in seconds. From its beginning, not from the last time: what ends a session elsewhere
/// may be forgotten after that time, because nothing of the session is left.
const GRANT: i64 = 30 * 24 * 3600;

/// How long a code counts, in seconds.
const CODE: i64 = 60;

/// Why the browser does not get where it wants.
enum Stop {
    /// The client is told, at its address.
    Client(Target, OAuthError),
    /// The user is told: it is not certain whose request this is.
    Page(OAuthError),
}

/// Where it stops, or what failed.
enum End {
    Stop(Stop),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for End {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    match proceed(issuer, call).await {
        Ok(response) => response,
        Err(End::Stop(Stop::Client(target, error))) => {
            let parameters = [
                ("error", error.name.as_str()),
                ("error_description", error.description.as_str()),
            ];
            redirect(&response_url(issuer, &target, &parameters))
        }
        Err(End::Stop(Stop::Page(error))) => error_page(issuer, &error),
        Err(End::Failed(failure)) => web::response::text(
            failure.report(call),
            "The sign-in does not work at the moment. Please try again.",
        ),
    }
}

async fn proceed(issuer: &Issuer, call: &Call) -> Result<Response<Body>, End> {
    let form = match *call.method() {
        Method::POST => call.form(),
        _ => call
            .query()
            .map_err(|error| OAuthError::invalid_request(error.to_string())),
    };
    let form = form.map_err(Stop::Page)?;
    let client = client(issuer, &form).await?;
    let target = Target::parse(&form, &client).map_err(Stop::Page)?;
    match (form.get("login_verifier"), form.get("consent_verifier")) {
        (None, None) => begin(issuer, call, &form, &client, target).await,
        (Some(verifier), None) => {
            let verifier = Hash::of(verifier);
            let (flow, request, cookie) =
                take_up(issuer, call, &client, target, &verifier, Step::LoginAnswered).await?;
            after_login(
                issuer,
                call,
                &client,
                Returned {
                    flow,
                    request,
                    cookie,
                    verifier,
                },
            )
            .await
        }
        (None, Some(verifier)) => {
            let verifier = Hash::of(verifier);
            let (flow, request, cookie) =
                take_up(issuer, call, &client, target, &verifier, Step::ConsentAnswered).await?;
            after_consent(
                issuer,
                &client,
                Returned {
                    flow,
                    request,
                    cookie,
                    verifier,
                },
            )
            .await
        }
        (Some(_), Some(_)) => Err(Stop::Page(OAuthError::invalid_request("there are two verifiers")).into()),
    }
}

async fn client(issuer: &Issuer, form: &Form) -> Result<Client, End> {
    let id = form
        .get("client_id")
        .ok_or_else(|| Stop::Page(OAuthError::invalid_request("client_id is missing")))?;
    let stored = issuer.store.client(id).await?;
    let unknown = || Stop::Page(OAuthError::new("invalid_client", "there is no such client"));
    Ok(wire_client::client(&stored.ok_or_else(unknown)?))
}

/// The client's request: kept, and off to the login page.
async fn begin(
    issuer: &Issuer,
    call: &Call,
    form: &Form,
    client: &Client,
    target: Target,
) -> Result<Response<Body>, End> {
    let request = AuthorizationRequest::parse(form, client, target.clone());
    let request = request.map_err(|error| Stop::Client(target, error))?;
    let session = usable_session(issuer, call, &request).await?;
    if session.is_none() && request.prompt.none {
        let error = OAuthError::new(
            "login_required",
            "nobody is signed in who could be taken for the user without asking",
        );
        return Err(Stop::Client(request.target, error).into());
    }
    let challenge = Token::new()?;
    let (cookie, set_cookie) = cookies::flow(call, issuer)?;
    let new_session = new_id()?;
    issuer
        .store
        .start_flow(NewFlow {
            challenge: &challenge.hash(),
            cookie: &cookie,
            client_id: &client.id,
            request: &form.to_query(),
            session_id: session.as_ref().map_or(&new_session, |session| &session.id),
            remembered: session
                .as_ref()
                .map(|session| (session.subject.as_str(), session.authenticated_at)),
        })
        .await?;
    let url = with_query(
        &issuer.settings.login_url,
        [("login_challenge", challenge.reveal())],
    );
    let mut response = redirect(&url);
    append(response.headers_mut(), header::SET_COOKIE, &set_cookie);
    Ok(response)
}

/// The login that the browser is remembered by, if the request is content with it.
async fn usable_session(
    issuer: &Issuer,
    call: &Call,
    request: &AuthorizationRequest,
) -> Result<Option<LoginSession>, End> {
    let hinted = hinted_subject(issuer, request).await?;
    let Some(cookie) = Cookie::Session.of(call, issuer).filter(|_| !request.prompt.login) else {
        return Ok(None);
    };
    let session = issuer.store.session_of_cookie(&cookie).await?;
    Ok(session.filter(|session| {
        // Below it, not at it: 0 asks for a new login (OpenID Connect Core, section 3.1.2.1).
        let is_recent = request
            .max_age
            .is_none_or(|max_age| session.age < i64::try_from(max_age).unwrap_or(i64::MAX));
        is_recent && hinted.is_none_or(|hinted| hinted == session.subject)
    }))
}

/// Whom the client means, by an ID token of ours.
async fn hinted_subject(issuer: &Issuer, request: &AuthorizationRequest) -> Result<Option<String>, End> {
    let Some(token) = &request.id_token_hint else {
        return Ok(None);
    };
    let claims = hint::id_token(issuer, token).await?;
    let subject = claims.as_ref().and_then(|claims| claims.get("sub")?.as_str());
    let wrong = || OAuthError::invalid_request("id_token_hint is no ID token of this issuer");
    let subject = subject.ok_or_else(|| Stop::Client(request.target.clone(), wrong()))?;
    Ok(Some(subject.to_owned()))
}

/// A request that has come back from one of the pages.
struct Returned {
    flow: Flow,
    request: AuthorizationRequest,
    cookie: Hash,
    verifier: Hash,
}

async fn take_up(
    issuer: &Issuer,
    call: &Call,
    client: &Client,
    target: Target,
    verifier: &Hash,
    step: Step,
) -> Result<(Flow, AuthorizationRequest, Hash), End> {
    let flow = issuer.store.flow_of_verifier(verifier).await?;
    let Some(flow) = flow.filter(|flow| flow.step == step && flow.client_id == client.id) else {
        return Err(Stop::Client(target, used()).into());
    };
    let cookie = Cookie::Flow
        .of(call, issuer)
        .filter(|cookie| cookie.is(&flow.cookie));
    let Some(cookie) = cookie else {
        let error = OAuthError::new(
            "request_forbidden",
            "this sign-in was begun in another browser, or cookies are blocked: begin again, here",
        );
        return Err(Stop::Page(error).into());
    };
    // As it was kept, not as it came back: nobody has added anything on the way.
    let form =
        Form::parse(&flow.request).map_err(|error| Failure::Broken(format!("a kept request: {error}")))?;
    let target = Target::parse(&form, client).map_err(Stop::Page)?;
    let request = AuthorizationRequest::parse(&form, client, target.clone());
    let request = request.map_err(|error| Stop::Client(target, error))?;
    Ok((flow, request, cookie))
}

fn used() -> OAuthError {
    OAuthError::access_denied("this sign-in was finished before, or has taken too long: begin again")
}

/// Back from the login page: off to the consent page.
async fn after_login(
    issuer: &Issuer,
    call: &Call,
    client: &Client,
    returned: Returned,
) -> Result<Response<Body>, End> {
    let login = match &returned.flow.login {
        Some(Answer::Accepted(login)) => login.clone(),
        Some(Answer::Rejected(rejection)) => return refuse(issuer, &returned, rejected(rejection)).await,
        None => return Err(Failure::Broken("a login without an answer".into()).into()),
    };
    let Returned { flow, request, .. } = &returned;
    let subject = flow.subject.as_deref().unwrap_or_default();
    if hinted_subject(issuer, request)
        .await?
        .is_some_and(|hinted| hinted != subject)
    {
        let error = OAuthError::new(
            "login_required",
            "somebody else has signed in than id_token_hint names",
        );
        return refuse(issuer, &returned, error).await;
    }
    let consent_skip = request.may_skip_consent(client)
        && issuer
            .store
            .remembers_consent(subject, &client.id, &request.scopes, &request.audience)
            .await?;
    if request.prompt.none && !consent_skip {
        let error = OAuthError::new("consent_required", "the user has to be asked for consent");
        return refuse(issuer, &returned, error).await;
    }
    to_consent(issuer, call, &returned, &login, consent_skip).await
}

async fn to_consent(
    issuer: &Issuer,
    call: &Call,
    returned: &Returned,
    login: &LoginAnswer,
    consent_skip: bool,
) -> Result<Response<Body>, End> {
    let Returned {
        flow,
        request,
        cookie,
        verifier,
    } = returned;
    let (challenge, consent_request_id) = (Token::new()?, new_id()?);
    let seconds = match login.remember_for {
        1..=LONGEST_SESSION => login.remember_for,
        _ => LONGEST_SESSION,
    };
    let is_new = !flow.login_skip;
    let remembered = (is_new && login.remember).then(Token::new).transpose()?;
    let (challenge_hash, remembered_hash) = (challenge.hash(), remembered.as_ref().map(Token::hash));
    let prolong = flow.login_skip && login.extend_session_lifespan;
    let old = Cookie::Session.of(call, issuer);
    let taken = LoginTaken {
        verifier,
        cookie,
        consent_challenge: &challenge_hash,
        consent_request_id: &consent_request_id,
        consent_skip,
        login,
        old_session_cookie: old.as_ref(),
        // Whoever logs in anew is somebody else, or wants to be remembered anew, or no longer.
        forget_old: is_new,
        new_session_cookie: remembered_hash.as_ref(),
        remember_for: seconds,
        prolong,
    };
    if !issuer.store.take_login(taken).await? {
        return Err(Stop::Client(request.target.clone(), used()).into());
    }
    let mut response = redirect(&with_query(
        &issuer.settings.consent_url,
        [("consent_challenge", challenge.reveal())],
    ));
    let set_cookie = match remembered {
        Some(token) => Some(cookies::session(&token, seconds, issuer)),
        None if is_new && old.is_some() => Some(Cookie::Session.removal(issuer)),
        None if prolong => cookies::prolonged_session(call, seconds, issuer),
        None => None,
    };
    if let Some(set_cookie) = set_cookie {
        append(response.headers_mut(), header::SET_COOKIE, &set_cookie);
    }
    Ok(response)
}

/// Back from the consent page: off to the client, with a code.
async fn after_consent(issuer: &Issuer, client: &Client, returned: Returned) -> Result<Response<Body>, End> {
    let consent = match &returned.flow.consent {
        Some(Answer::Accepted(consent)) => consent,
        Some(Answer::Rejected(rejection)) => return refuse(issuer, &returned, rejected(rejection)).await,
        None => return Err(Failure::Broken("a consent without an answer".into()).into()),
    };
    let Some(Answer::Accepted(login)) = &returned.flow.login else {
        return Err(Failure::Broken("a consent without a login".into()).into());
    };
    let Returned {
        request,
        cookie,
        verifier,
        ..
    } = &returned;
    let code = Token::new()?;
    let code_hash = code.hash();
    let grant = NewGrant {
        verifier,
        cookie,
        code: &code_hash,
        redirect_uri: &request.target.redirect_uri,
        code_challenge: request.challenge.as_str(),
        nonce: request.nonce.as_deref(),
        login,
        consent,
        lifetime: lifetime(client, consent),
    };
    if !issuer.store.finish(grant).await? {
        return Err(Stop::Client(request.target.clone(), used()).into());
    }
    let scope = consent.grant_scope.join(" ");
    let parameters = [("code", code.reveal()), ("scope", scope.as_str())];
    Ok(redirect(&response_url(issuer, &request.target, &parameters)))
}

/// How long something of the grant may live, in seconds.
fn lifetime(client: &Client, consent: &ConsentAnswer) -> i64 {
    match client.refreshes(&consent.grant_scope) {
        true => GRANT,
        false => {
            let token = client.lifespan(&consent.grant_access_token_audience);
            CODE + i64::try_from(token).unwrap_or(GRANT)
        }
    }
}

/// Ends the request, once, and tells the client why.
async fn refuse(issuer: &Issuer, returned: &Returned, error: OAuthError) -> Result<Response<Body>, End> {
    let ended = issuer
        .store
        .end_flow(&returned.verifier, &returned.cookie)
        .await?;
    let error = if ended { error } else { used() };
    Err(Stop::Client(returned.request.target.clone(), error).into())
}

fn rejected(rejection: &Rejection) -> OAuthError {
    let name = match rejection.error.as_str() {
        "" => "access_denied",
        name => name,
    };
    OAuthError::new(name, rejection.error_description.clone())
}

/// The client's address with the answer: with `state`, and `iss` (RFC 9207), by which a client of several issuers knows whose
/// answer it is.
fn response_url(issuer: &Issuer, target: &Target, parameters: &[(&str, &str)]) -> String {
    let state = target.state.as_deref().map(|state| ("state", state));
    let iss = [("iss", &*issuer.settings.issuer)];
    with_query(
        &target.redirect_uri,
        parameters.iter().copied().chain(state).chain(iss),
    )
}
