//! Logout requests: `/admin/oauth2/auth/requests/logout`.

use http::Method;
use serde_json::{Value, json};

use super::{Refusal, Result, challenge, is, no_content, ok};
use crate::Issuer;
use crate::domain::form::{Form, with_query};
use crate::domain::secret::{Hash, Token};
use crate::exchange::Call;
use crate::store::Logout;
use crate::wire::redirect_to;
use crate::wire_client;

pub(super) async fn answer(issuer: &Issuer, call: &Call, query: &Form, rest: &[&str]) -> Result {
    let (text, hash) = challenge(query, "logout_challenge")?;
    let logout = issuer.store.logout(&hash).await?.ok_or(Refusal::NotFound)?;
    if logout.is_answered {
        return Err(Refusal::Gone(logout.redirect_to));
    }
    match rest {
        [] if is(call, &Method::GET) => ok(&show(issuer, &logout, &text).await?),
        ["accept"] if is(call, &Method::PUT) => accept(issuer, &logout, &hash).await,
        ["reject"] if is(call, &Method::PUT) => match issuer.store.reject_logout(&hash).await? {
            true => no_content(),
            false => Err(Refusal::Gone(logout.redirect_to)),
        },
        [] => Err(Refusal::Method("GET, HEAD")),
        ["accept" | "reject"] => Err(Refusal::Method("PUT")),
        _ => Err(Refusal::NotFound),
    }
}

async fn show(issuer: &Issuer, logout: &Logout, challenge: &str) -> Result<Value> {
    let client = match &logout.client_id {
        Some(id) => issuer.store.client(id).await?,
        None => None,
    };
    Ok(json!({
        "challenge": challenge,
        "subject": logout.subject,
        "sid": logout.session_id,
        "request_url": logout.request_url,
        "rp_initiated": logout.client_id.is_some(),
        "requested_at": logout.requested_at,
        "expires_at": logout.expires_at,
        "client": client.map(|client| wire_client::show(&client, None)),
    }))
}

async fn accept(issuer: &Issuer, logout: &Logout, challenge: &Hash) -> Result {
    let verifier = Token::new()?;
    if !issuer.store.accept_logout(challenge, &verifier.hash()).await? {
        return Err(Refusal::Gone(logout.redirect_to.clone()));
    }
    let url = issuer.settings.at("/oauth2/sessions/logout");
    ok(&redirect_to(&with_query(
        &url,
        [("logout_verifier", verifier.reveal())],
    )))
}
