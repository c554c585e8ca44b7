//! Remembered logins and grants: `/admin/oauth2/auth/sessions/…` and `/admin/oauth2/tokens`.

use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::clients::ShownClient;
use super::login::OidcContextDocument;
use super::page_range::{PageRange, page};
use super::{Refusal, Result, is, no_content, required};
use crate::authorization::document::SessionDocument;
use crate::authorization::domain::AuthorizationRequest;
use crate::authorization::service::stored_request;
use crate::clients::domain::RegisteredClient;
use crate::clients::service::{ClientError, ClientStore};
use crate::domain::addresses::Addresses;
use crate::domain::parameters::Parameters;
use crate::json::value;
use crate::request::HttpRequest;
use crate::tokens::domain::{GrantFilter, UserGrant};
use crate::tokens::service::{GrantStore, RefreshHook, TokenKeys, Tokens};
use crate::use_cases::UseCases;

pub(super) async fn answer(
    use_cases: &UseCases,
    request: &HttpRequest,
    query: &Parameters,
    kind: &str,
) -> Result {
    match kind {
        "login" if is(request, &Method::DELETE) => end_logins(use_cases, query).await,
        "consent" if is(request, &Method::DELETE) => revoke(use_cases, query).await,
        "consent" if is(request, &Method::GET) => list(use_cases, request, query).await,
        "login" => Err(Refusal::Method("DELETE")),
        "consent" => Err(Refusal::Method("GET, HEAD, DELETE")),
        _ => Err(Refusal::NotFound),
    }
}

/// Forgets remembered browsers. Tokens stay valid.
async fn end_logins(use_cases: &UseCases, query: &Parameters) -> Result {
    match (query.get("sid"), query.get("subject")) {
        (Some(id), _) => use_cases.sessions().end(id).await?,
        (None, Some(subject)) => use_cases.sessions().end_all(subject).await?,
        (None, None) => {
            return Err(Refusal::Invalid(
                "query parameter subject or sid is missing".into(),
            ));
        }
    }
    no_content()
}

/// Forgets remembered consent and revokes the grants.
async fn revoke(use_cases: &UseCases, query: &Parameters) -> Result {
    let tokens = use_cases.tokens();
    match (
        query.get("consent_request_id"),
        query.get("subject"),
        query.get("client"),
        query.get("all") == Some("true"),
    ) {
        (Some(id), None, None, _) => tokens.revoke_grant(id).await?,
        (None, Some(subject), Some(client), false) => tokens.revoke_grants_of(subject, Some(client)).await?,
        (None, Some(subject), None, true) => tokens.revoke_grants_of(subject, None).await?,
        _ => {
            let cause = "send consent_request_id alone, or subject with client, or subject with all=true";
            return Err(Refusal::Invalid(cause.into()));
        }
    }
    no_content()
}

async fn list(use_cases: &UseCases, request: &HttpRequest, query: &Parameters) -> Result {
    let subject = required(query, "subject")?;
    let range = PageRange::of(query)?;
    let tokens = use_cases.tokens();
    let grants = tokens.grants(GrantFilter {
        subject,
        session: query.get("login_session_id"),
        after: &range.after,
        limit: range.limit(),
    });
    let (grants, next) = range.cut(request, query, grants.await?, |grant| grant.id.clone());
    let mut shown = Vec::new();
    for grant in &grants {
        let client = match use_cases.clients().find(&grant.client_id).await {
            // The client was deleted meanwhile, and its grants with it.
            Err(ClientError::NotFound) => continue,
            found => found?,
        };
        // A grant whose client may no longer make such a request is left out.
        if let Ok(request) = stored_request(&grant.request, &client.client) {
            let session = ConsentSession::new(&use_cases.addresses, grant, &client, &request);
            shown.push(serde_json::to_value(session).unwrap_or_default());
        }
    }
    Ok(page(&shown, next.as_deref()))
}

/// `oAuth2ConsentSession`.
#[derive(Serialize)]
struct ConsentSession<'a> {
    consent_request_id: &'a str,
    grant_scope: &'a [String],
    grant_access_token_audience: &'a [String],
    session: SessionDocument,
    remember: bool,
    remember_for: i64,
    handled_at: &'a str,
    context: Value,
    consent_request: GrantedRequest<'a>,
}

/// The `oAuth2ConsentRequest` of a grant.
#[derive(Serialize)]
struct GrantedRequest<'a> {
    challenge: &'static str,
    consent_request_id: &'a str,
    requested_scope: &'a [String],
    requested_access_token_audience: &'a [String],
    skip: bool,
    subject: &'a str,
    oidc_context: OidcContextDocument<'a>,
    client: ShownClient<'a>,
    request_url: String,
    login_challenge: (),
    login_session_id: &'a str,
    acr: &'a str,
    amr: &'a [String],
    context: Value,
}

impl<'a> ConsentSession<'a> {
    fn new(
        addresses: &Addresses,
        grant: &'a UserGrant,
        client: &'a RegisteredClient,
        request: &'a AuthorizationRequest,
    ) -> Self {
        Self {
            consent_request_id: &grant.id,
            grant_scope: &grant.scopes,
            grant_access_token_audience: &grant.audience,
            session: SessionDocument::from(&grant.consent.contents),
            remember: grant.consent.remember,
            remember_for: grant.consent.remember_for,
            handled_at: &grant.handled_at,
            context: value(&grant.consent.context),
            consent_request: GrantedRequest {
                challenge: "",
                consent_request_id: &grant.id,
                requested_scope: &request.scopes,
                requested_access_token_audience: &request.audience,
                skip: false,
                subject: &grant.subject,
                oidc_context: OidcContextDocument::new(&request.hints, None),
                client: ShownClient::new(client, None),
                request_url: addresses.of_request(&grant.request),
                login_challenge: (),
                login_session_id: &grant.session_id,
                acr: &grant.acr,
                amr: &grant.amr,
                context: value(&grant.login.context),
            },
        }
    }
}

/// Revokes all grants to a client.
pub(super) async fn delete_tokens<S, K, H>(tokens: &Tokens<'_, S, K, H>, query: &Parameters) -> Result
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    tokens
        .revoke_grants_of_client(required(query, "client_id")?)
        .await?;
    no_content()
}
