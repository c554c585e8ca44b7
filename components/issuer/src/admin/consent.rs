//! Consent requests: `/admin/oauth2/auth/requests/consent`.

use http::Method;
use serde_json::{Value, json};

use super::{Refusal, Result, challenge, is, login, object, ok};
use crate::Issuer;
use crate::domain::form::{Form, with_query};
use crate::domain::scopes::are_among;
use crate::domain::secret::{Hash, Token};
use crate::exchange::{Call, Failure};
use crate::store::{Answer, Flow, Step};
use crate::wire::{ConsentAnswer, or_empty, redirect_to};

pub(super) async fn answer(issuer: &Issuer, call: &Call, query: &Form, rest: &[&str]) -> Result {
    let (text, hash) = challenge(query, "consent_challenge")?;
    let flow = issuer
        .store
        .flow_of_consent(&hash)
        .await?
        .ok_or(Refusal::NotFound)?;
    if flow.step != Step::Consent {
        return Err(Refusal::Gone(login::request_url(issuer, &flow)));
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
    let Some(Answer::Accepted(login)) = &flow.login else {
        return Err(Failure::Broken("a consent without a login".into()).into());
    };
    let mut shown = login::common(issuer, flow).await?;
    let own = json!({
        "challenge": challenge,
        "consent_request_id": flow.consent_request_id,
        "skip": flow.consent_skip,
        // Hydra gives the login's challenge here; ours is not kept, only its hash is.
        "login_challenge": null,
        "login_session_id": flow.session_id,
        "acr": login.acr,
        "amr": login.amr,
        "context": or_empty(&login.context),
    });
    for (name, value) in own.as_object().into_iter().flatten() {
        shown[name] = value.clone();
    }
    Ok(shown)
}

async fn accept(issuer: &Issuer, flow: &Flow, challenge: &Hash, consent: ConsentAnswer) -> Result {
    let client = login::client_of(issuer, &flow.client_id).await?;
    let request = login::request(&flow.request, &client)?;
    // Hydra would grant more than was asked for; no page of ours wants to, and nobody should get what they have not asked for.
    if !are_among(&consent.grant_scope, &request.scopes) {
        return Err(Refusal::Invalid(
            "grant_scope has a scope that was not requested".into(),
        ));
    }
    if !are_among(&consent.grant_access_token_audience, &request.audience) {
        let cause = "grant_access_token_audience has an audience that was not requested";
        return Err(Refusal::Invalid(cause.into()));
    }
    if !(0..=i64::from(i32::MAX)).contains(&consent.remember_for) {
        return Err(Refusal::Invalid(
            "remember_for is a number of seconds, or 0 for ever".into(),
        ));
    }
    answered(issuer, flow, challenge, Answer::Accepted(consent)).await
}

async fn answered(issuer: &Issuer, flow: &Flow, challenge: &Hash, answer: Answer<ConsentAnswer>) -> Result {
    let verifier = Token::new()?;
    let url = login::request_url(issuer, flow);
    match issuer
        .store
        .answer_consent(challenge, &answer, &verifier.hash())
        .await?
    {
        true => ok(&redirect_to(&with_query(
            &url,
            [("consent_verifier", verifier.reveal())],
        ))),
        false => Err(Refusal::Gone(url)),
    }
}
