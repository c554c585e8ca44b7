//! Signing out (OpenID Connect RP-Initiated Logout), over the logout page and back.

use connect::Body;
use http::{Method, Response, header};
use serde_json::{Map, Value};

use super::client_auth::Denied;
use super::{error_page, hint};
use crate::Issuer;
use crate::cookies::Cookie;
use crate::domain::client::Client;
use crate::domain::form::{Form, with_query};
use crate::domain::request::OAuthError;
use crate::domain::secret::{Hash, Token};
use crate::exchange::{Call, append, redirect};
use crate::store::NewLogout;
use crate::wire_client;

/// The path of this endpoint.
pub(crate) const PATH: &str = "/oauth2/sessions/logout";

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    match sign_out(issuer, call).await {
        Ok(response) => response,
        Err(Denied::Error(error)) => error_page(issuer, &error),
        Err(Denied::Failed(failure)) => web::response::text(
            failure.report(call),
            "Signing out does not work at the moment. Please try again.",
        ),
        Err(denied @ Denied::Client) => denied.answer(call),
    }
}

async fn sign_out(issuer: &Issuer, call: &Call) -> Result<Response<Body>, Denied> {
    let form = match *call.method() {
        Method::POST => call.form()?,
        _ => call
            .query()
            .map_err(|error| OAuthError::invalid_request(error.to_string()))?,
    };
    match (form.get("logout_verifier"), form.get("id_token_hint")) {
        (Some(verifier), _) => finish(issuer, call, &Hash::of(verifier)).await,
        (None, Some(token)) => at_a_client_s_wish(issuer, call, &form, token).await,
        (None, None) => at_the_user_s_wish(issuer, call, &form).await,
    }
}

/// Nothing but the browser's own cookie says who it is, so nothing but our own page follows.
async fn at_the_user_s_wish(issuer: &Issuer, call: &Call, form: &Form) -> Result<Response<Body>, Denied> {
    if form.get("state").is_some() || form.get("post_logout_redirect_uri").is_some() {
        return Err(
            OAuthError::invalid_request("state and post_logout_redirect_uri need an id_token_hint").into(),
        );
    }
    match current_login(issuer, call).await? {
        None => Ok(redirect(&issuer.settings.signed_out_url)),
        Some(login) => ask(issuer, form, &login, None, &issuer.settings.signed_out_url).await,
    }
}

/// A login that can be signed out of.
struct Login {
    subject: String,
    session_id: String,
}

/// The login that the browser is remembered by.
async fn current_login(issuer: &Issuer, call: &Call) -> Result<Option<Login>, Denied> {
    let Some(cookie) = Cookie::Session.of(call, issuer) else {
        return Ok(None);
    };
    let session = issuer.store.session_of_cookie(&cookie).await?;
    Ok(session.map(|session| Login {
        subject: session.subject,
        session_id: session.id,
    }))
}

/// The login that an ID token is of, as long as a browser is remembered by it or something that was granted in it lives.
async fn hinted_login(issuer: &Issuer, claims: &Map<String, Value>) -> Result<Option<Login>, Denied> {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).unwrap_or_default();
    let (subject, session_id) = (text("sub"), text("sid"));
    let session = issuer.store.session(session_id).await?;
    let is_remembered = session.is_some_and(|session| session.subject == subject);
    let lives = is_remembered || issuer.store.has_grant(subject, session_id).await?;
    Ok(lives.then(|| Login {
        subject: subject.to_owned(),
        session_id: session_id.to_owned(),
    }))
}

/// The browser's own login is the one to sign out of, whatever login of whichever user the ID token is of: the user is asked, and
/// the client's address follows only then (RP-Initiated Logout, section 2).
async fn at_a_client_s_wish(
    issuer: &Issuer,
    call: &Call,
    form: &Form,
    token: &str,
) -> Result<Response<Body>, Denied> {
    let claims = hint::id_token(issuer, token).await?;
    let claims =
        claims.ok_or_else(|| OAuthError::invalid_request("id_token_hint is no ID token of this issuer"))?;
    let client = client_of(issuer, &claims).await?;
    if form.get("client_id").is_some_and(|id| id != client.id) {
        return Err(OAuthError::invalid_request("id_token_hint is another client's").into());
    }
    let redirect_to = match form.get("post_logout_redirect_uri") {
        None => issuer.settings.signed_out_url.to_string(),
        Some(uri) if client.post_logout_redirect_uris.iter().any(|known| known == uri) => {
            with_query(uri, form.get("state").map(|state| ("state", state)))
        }
        Some(_) => {
            let error = "post_logout_redirect_uri is not one that the client has registered";
            return Err(OAuthError::invalid_request(error).into());
        }
    };
    let login = match current_login(issuer, call).await? {
        Some(login) => Some(login),
        None => hinted_login(issuer, &claims).await?,
    };
    match login {
        // There is nothing to sign out of.
        None => Ok(redirect(&redirect_to)),
        Some(login) => ask(issuer, form, &login, Some(&client.id), &redirect_to).await,
    }
}

async fn client_of(issuer: &Issuer, claims: &Map<String, Value>) -> Result<Client, Denied> {
    let audience = claims.get("aud").and_then(Value::as_array);
    let id = audience
        .and_then(|list| list.first()?.as_str())
        .unwrap_or_default();
    let stored = issuer.store.client(id).await?;
    let unknown = || OAuthError::invalid_request("the client of id_token_hint is gone");
    Ok(wire_client::client(&stored.ok_or_else(unknown)?))
}

async fn ask(
    issuer: &Issuer,
    form: &Form,
    login: &Login,
    client_id: Option<&str>,
    redirect_to: &str,
) -> Result<Response<Body>, Denied> {
    let challenge = Token::new()?;
    // Without the token: it is in nobody's way there, but the page may log what it gets.
    let query = form.without(&["id_token_hint"]).to_query();
    let request_url = if query.is_empty() {
        PATH.to_owned()
    } else {
        format!("{PATH}?{query}")
    };
    issuer
        .store
        .start_logout(NewLogout {
            challenge: &challenge.hash(),
            subject: &login.subject,
            session_id: &login.session_id,
            client_id,
            request_url: &request_url,
            redirect_to,
        })
        .await?;
    Ok(redirect(&with_query(
        &issuer.settings.logout_url,
        [("logout_challenge", challenge.reveal())],
    )))
}

/// The page has asked: the session ends, and the browser forgets it.
async fn finish(issuer: &Issuer, call: &Call, verifier: &Hash) -> Result<Response<Body>, Denied> {
    let cookie = Cookie::Session.of(call, issuer);
    let logout = issuer.store.finish_logout(verifier, cookie.as_ref()).await?;
    let logout = logout.ok_or_else(|| {
        OAuthError::invalid_request("this sign-out was finished before, or has taken too long: begin again")
    })?;
    let mut response = redirect(&logout.redirect_to);
    // Whoever has signed in anew in this browser meanwhile stays signed in.
    let is_signed_in = match cookie {
        Some(cookie) => issuer.store.session_of_cookie(&cookie).await?.is_some(),
        None => false,
    };
    if !is_signed_in {
        append(
            response.headers_mut(),
            header::SET_COOKIE,
            &Cookie::Session.removal(issuer),
        );
    }
    Ok(response)
}
