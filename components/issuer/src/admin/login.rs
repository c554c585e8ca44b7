//! Login requests: `/admin/oauth2/auth/requests/login`.

use http::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::clients::ShownClient;
use super::{Refusal, Result, challenge, is, ok, redirect_to, request_body};
use crate::authorization::document::{LoginDocument, RejectionDocument};
use crate::authorization::domain::Hints;
use crate::authorization::service::{Authorization, AuthorizationStore, ChallengeRequest};
use crate::clients::service::ClientStore;
use crate::domain::parameters::Parameters;
use crate::json::members;
use crate::request::HttpRequest;
use crate::tokens::domain::IdTokenHint;
use crate::tokens::service::TokenKeys;

/// The common fields of login and consent requests.
#[derive(Serialize)]
pub(super) struct CommonRequest<'a> {
    requested_scope: &'a [String],
    requested_access_token_audience: &'a [String],
    subject: &'a str,
    oidc_context: OidcContextDocument<'a>,
    client: ShownClient<'a>,
    request_url: &'a str,
}

impl<'a> CommonRequest<'a> {
    pub(super) fn new(request: &'a ChallengeRequest) -> Self {
        Self {
            requested_scope: &request.request.scopes,
            requested_access_token_audience: &request.request.audience,
            subject: request.flow.subject.as_deref().unwrap_or_default(),
            oidc_context: OidcContextDocument::new(&request.request.hints, request.hint.as_ref()),
            client: ShownClient::new(&request.client, None),
            request_url: &request.url,
        }
    }
}

/// `oAuth2ConsentRequestOpenIDConnectContext`.
#[derive(Serialize)]
pub(super) struct OidcContextDocument<'a> {
    acr_values: &'a [String],
    ui_locales: &'a [String],
    id_token_hint_claims: Map<String, Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    display: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    login_hint: &'a str,
}

impl<'a> OidcContextDocument<'a> {
    pub(super) fn new(hints: &'a Hints, hint: Option<&IdTokenHint>) -> Self {
        Self {
            acr_values: &hints.acr_values,
            ui_locales: &hints.ui_locales,
            id_token_hint_claims: hint.map(|hint| members(&hint.claims)).unwrap_or_default(),
            display: &hints.display,
            login_hint: &hints.login_hint,
        }
    }
}

/// `oAuth2LoginRequest`.
#[derive(Serialize)]
struct LoginRequestDocument<'a> {
    challenge: &'a str,
    skip: bool,
    session_id: &'a str,
    #[serde(flatten)]
    common: CommonRequest<'a>,
}

pub(super) async fn answer<S, K>(
    authorization: &Authorization<'_, S, K>,
    request: &HttpRequest,
    query: &Parameters,
    rest: &[&str],
) -> Result
where
    S: AuthorizationStore + ClientStore,
    K: TokenKeys,
{
    let challenge = challenge(query, "login_challenge")?;
    match rest {
        [] if is(request, &Method::GET) => {
            let login = authorization.login_request(challenge).await?;
            ok(&LoginRequestDocument {
                challenge,
                skip: login.flow.login_skip,
                session_id: &login.flow.session_id,
                common: CommonRequest::new(&login),
            })
        }
        ["accept"] if is(request, &Method::PUT) => {
            let login: LoginDocument = request_body::object(request)?;
            redirect_to(&authorization.accept_login(challenge, login.into()).await?)
        }
        ["reject"] if is(request, &Method::PUT) => {
            let rejection: RejectionDocument = request_body::object(request)?;
            redirect_to(&authorization.reject_login(challenge, rejection.into()).await?)
        }
        [] => Err(Refusal::Method("GET, HEAD")),
        ["accept" | "reject"] => Err(Refusal::Method("PUT")),
        _ => Err(Refusal::NotFound),
    }
}
