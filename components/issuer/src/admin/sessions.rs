//! What lasts: remembered logins and what was granted. `/admin/oauth2/auth/sessions/…` and `/admin/oauth2/tokens`.

use connect::Body;
use http::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Page, Refusal, Result, is, login, no_content};
use crate::Issuer;
use crate::domain::form::Form;
use crate::exchange::{Call, json_answer, set};
use crate::store::Grant;
use crate::wire::{oidc_context, or_empty};
use crate::wire_client;

pub(super) async fn answer(issuer: &Issuer, call: &Call, query: &Form, kind: &str) -> Result {
    match kind {
        "login" if is(call, &Method::DELETE) => end_logins(issuer, query).await,
        "consent" if is(call, &Method::DELETE) => revoke(issuer, query).await,
        "consent" if is(call, &Method::GET) => list(issuer, call, query).await,
        "login" => Err(Refusal::Method("DELETE")),
        "consent" => Err(Refusal::Method("GET, HEAD, DELETE")),
        _ => Err(Refusal::NotFound),
    }
}

/// The browsers are remembered no longer; tokens live on.
async fn end_logins(issuer: &Issuer, query: &Form) -> Result {
    match (query.get("sid"), query.get("subject")) {
        (Some(id), _) => issuer.store.end_session(id).await?,
        (None, Some(subject)) => issuer.store.end_sessions_of(subject).await?,
        (None, None) => {
            return Err(Refusal::Invalid(
                "query parameter subject or sid is missing".into(),
            ));
        }
    }
    no_content()
}

/// Consent is remembered no longer, and all tokens that came of it are dead.
async fn revoke(issuer: &Issuer, query: &Form) -> Result {
    let all = query.get("all") == Some("true");
    match (
        query.get("consent_request_id"),
        query.get("subject"),
        query.get("client"),
        all,
    ) {
        (Some(id), None, None, _) => issuer.store.revoke_grant(id, None).await?,
        (None, Some(subject), Some(client), false) => {
            issuer.store.revoke_grants_of(subject, Some(client)).await?
        }
        (None, Some(subject), None, true) => issuer.store.revoke_grants_of(subject, None).await?,
        _ => {
            let cause = "consent_request_id alone, or subject with client, or subject with all=true";
            return Err(Refusal::Invalid(cause.into()));
        }
    }
    no_content()
}

async fn list(issuer: &Issuer, call: &Call, query: &Form) -> Result {
    let subject = query
        .get("subject")
        .ok_or_else(|| Refusal::Invalid("query parameter subject is missing".into()))?;
    let page = Page::of(query)?;
    let grants = issuer
        .store
        .grants_of(subject, query.get("login_session_id"), &page.after, page.limit());
    let (grants, next) = page.cut(call, query, grants.await?, |grant| grant.id.clone());
    let mut shown = Vec::new();
    for grant in grants {
        shown.extend(show(issuer, &grant).await?);
    }
    let mut response: Response<Body> = json_answer(StatusCode::OK, &Value::Array(shown));
    if let Some(next) = next {
        set(&mut response, header::LINK, &next);
    }
    Ok(response)
}

/// `oAuth2ConsentSession`. None if its client may not make such a request any more.
async fn show(issuer: &Issuer, grant: &Grant) -> Result<Option<Value>> {
    let client = login::client_of(issuer, &grant.client_id).await?;
    let Ok(request) = login::request(&grant.request, &client) else {
        return Ok(None);
    };
    Ok(Some(json!({
        "consent_request_id": grant.id,
        "grant_scope": grant.scopes,
        "grant_access_token_audience": grant.audience,
        "session": grant.consent.session,
        "remember": grant.consent.remember,
        "remember_for": grant.consent.remember_for,
        "handled_at": grant.handled_at,
        "context": or_empty(&grant.consent.context),
        "consent_request": {
            "challenge": "",
            "consent_request_id": grant.id,
            "requested_scope": request.scopes,
            "requested_access_token_audience": request.audience,
            "skip": false,
            "subject": grant.subject,
            "oidc_context": oidc_context(&request, None),
            "client": wire_client::show(&client, None),
            "request_url": format!("{}?{}", issuer.settings.at("/oauth2/auth"), grant.request),
            "login_challenge": null,
            "login_session_id": grant.session_id,
            "acr": grant.acr,
            "amr": grant.amr,
            "context": or_empty(&grant.login.context),
        },
    })))
}

/// All tokens of a client that come of a grant are dead.
pub(super) async fn delete_tokens(issuer: &Issuer, query: &Form) -> Result {
    let client = query
        .get("client_id")
        .ok_or_else(|| Refusal::Invalid("query parameter client_id is missing".into()))?;
    issuer.store.revoke_grants_of_client(client).await?;
    no_content()
}
