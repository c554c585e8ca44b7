//! Login requests: `/admin/oauth2/auth/requests/login`.

use http::Method;
use serde_json::{Value, json};

use super::{Refusal, Result, challenge, is, object, ok};
use crate::Issuer;
use crate::domain::form::{Form, with_query};
use crate::domain::request::{AuthorizationRequest, Target};
use crate::domain::secret::{Hash, Token};
use crate::exchange::{Call, Failure};
use crate::public::hint;
use crate::store::{Answer, Flow, Step, StoredClient};
use crate::wire::{LoginAnswer, oidc_context, redirect_to};
use crate::wire_client;

pub(super) async fn answer(issuer: &Issuer, call: &Call, query: &Form, rest: &[&str]) -> Result {
    let (text, hash) = challenge(query, "login_challenge")?;
    let flow = issuer
        .store
        .flow_of_login(&hash)
        .await?
        .ok_or(Refusal::NotFound)?;
    if flow.step != Step::Login {
        return Err(Refusal::Gone(request_url(issuer, &flow)));
    }
    match rest {
        [] if is(call, &Method::GET) => ok(&show(issuer, &flow, &text).await?),
        ["accept"] if is(call, &Method::PUT) => accept(issuer, &flow, &hash, object(call)?).await,
        ["reject"] if is(call, &Method::PUT) => {
            answered(issuer, &flow, &hash, Answer::Rejected(object(call)?)).await
        }
        [] => Err(Refusal::Method("GET, HEAD")),
        ["accept" | "reject"] => Err(Refusal::Method("PUT")),
        _ => Err(Refusal::NotFound),
    }
}

async fn show(issuer: &Issuer, flow: &Flow, challenge: &str) -> Result<Value> {
    let mut shown = common(issuer, flow).await?;
    shown["challenge"] = challenge.into();
    shown["skip"] = flow.login_skip.into();
    shown["session_id"] = flow.session_id.as_str().into();
    Ok(shown)
}

async fn accept(issuer: &Issuer, flow: &Flow, challenge: &Hash, login: LoginAnswer) -> Result {
    if !(1..=255).contains(&login.subject.len()) || login.subject.contains(char::is_control) {
        return Err(Refusal::Invalid(
            "subject has 1 to 255 bytes, none of them a control character".into(),
        ));
    }
    // Somebody else than the browser is remembered as: they log in properly, from the beginning.
    if flow.login_skip && flow.subject.as_deref() != Some(&login.subject) {
        let form = Form::parse(&flow.request).map_err(|error| Failure::Broken(error.to_string()))?;
        let query = form.without(&["prompt"]).to_query();
        let url = format!("{}?{query}", issuer.settings.at("/oauth2/auth"));
        return ok(&redirect_to(&with_query(&url, [("prompt", "login")])));
    }
    answered(issuer, flow, challenge, Answer::Accepted(login)).await
}

async fn answered(issuer: &Issuer, flow: &Flow, challenge: &Hash, answer: Answer<LoginAnswer>) -> Result {
    let verifier = Token::new()?;
    match issuer
        .store
        .answer_login(challenge, &answer, &verifier.hash())
        .await?
    {
        true => ok(&redirect_to(&with_query(
            &request_url(issuer, flow),
            [("login_verifier", verifier.reveal())],
        ))),
        false => Err(Refusal::Gone(request_url(issuer, flow))),
    }
}

/// The address that the request came to.
pub(super) fn request_url(issuer: &Issuer, flow: &Flow) -> String {
    format!("{}?{}", issuer.settings.at("/oauth2/auth"), flow.request)
}

/// What login and consent requests have in common.
pub(super) async fn common(issuer: &Issuer, flow: &Flow) -> Result<Value> {
    let client = client_of(issuer, &flow.client_id).await?;
    let request = request(&flow.request, &client)?;
    let hint = match &request.id_token_hint {
        Some(token) => hint::id_token(issuer, token).await?,
        None => None,
    };
    Ok(json!({
        "requested_scope": request.scopes,
        "requested_access_token_audience": request.audience,
        "subject": flow.subject.as_deref().unwrap_or_default(),
        "oidc_context": oidc_context(&request, hint.as_ref()),
        "client": wire_client::show(&client, None),
        "request_url": request_url(issuer, flow),
    }))
}

/// The client of something that is kept, and goes with it.
pub(super) async fn client_of(issuer: &Issuer, id: &str) -> Result<StoredClient> {
    issuer.store.client(id).await?.ok_or(Refusal::NotFound)
}

/// A request that was kept. One that its client may not make any more is not there any more.
pub(super) fn request(query: &str, client: &StoredClient) -> Result<AuthorizationRequest> {
    let client = wire_client::client(client);
    let form = Form::parse(query).map_err(|_| Refusal::NotFound)?;
    let target = Target::parse(&form, &client).map_err(|_| Refusal::NotFound)?;
    AuthorizationRequest::parse(&form, &client, target).map_err(|_| Refusal::NotFound)
}
