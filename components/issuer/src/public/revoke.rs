//! Tokens that their client needs no more (RFC 7009).

use connect::Body;
use http::{Response, StatusCode};

use super::client_auth::{Denied, authenticate};
use super::hint;
use crate::Issuer;
use crate::domain::client::Client;
use crate::domain::request::OAuthError;
use crate::domain::secret::Hash;
use crate::exchange::{Call, empty};
use crate::store::Revoked;
use crate::tokens;

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    match revoke(issuer, call).await {
        Ok(()) => empty(StatusCode::OK),
        Err(denied) => denied.answer(call),
    }
}

async fn revoke(issuer: &Issuer, call: &Call) -> Result<(), Denied> {
    let form = call.form()?;
    let client = authenticate(issuer, call, &form).await?;
    let token = form
        .get("token")
        .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    // What `token_type_hint` says makes no difference: a token shows what it is.
    match issuer
        .store
        .revoke_refresh_token(&Hash::of(token), &client.id)
        .await?
    {
        Revoked::Dead => Ok(()),
        Revoked::Anothers => Err(anothers().into()),
        Revoked::Unknown => revoke_access_token(issuer, &client, token).await,
    }
}

/// With an access token of a user's goes all of its grant (RFC 7009, section 2.1: the server may). One that is unknown or dead
/// is no error (section 2.2): what the client wants is so already.
async fn revoke_access_token(issuer: &Issuer, client: &Client, token: &str) -> Result<(), Denied> {
    let Some(active) = hint::access_token(issuer, token).await? else {
        return Ok(());
    };
    if active.text("client_id") != client.id {
        return Err(anothers().into());
    }
    let id = active.text("jti");
    match tokens::grant_of(id) {
        Some(grant) => issuer.store.revoke_grant(grant, Some(&client.id)).await?,
        None => {
            issuer
                .store
                .revoke_machine_token(id, active.number("exp"))
                .await?
        }
    }
    Ok(())
}

/// RFC 7009, section 2.1: the request is refused and the client is told. The name is that of RFC 6749, section 5.2.
fn anothers() -> OAuthError {
    OAuthError::invalid_grant("the token was issued to another client: only that one can revoke it")
}
