//! The token endpoint (RFC 6749, section 3.2).

use connect::Body;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::client_auth::{Denied, authenticate};
use super::hook;
use crate::Issuer;
use crate::domain::client::{Client, GrantType};
use crate::domain::form::Form;
use crate::domain::pkce::Challenge;
use crate::domain::request::{OAuthError, requested_audience, requested_scopes};
use crate::domain::scopes::{self, OFFLINE};
use crate::domain::secret::{Hash, Token, new_id};
use crate::exchange::{Call, Failure, json_answer};
use crate::keys::{Signer, signer};
use crate::store::{Exchanged, Grant, Refreshed};
use crate::tokens::{
    ACCESS_TOKEN_TYPE, AccessClaims, ID_TOKEN_TYPE, IdClaims, access_claims, id_claims, token_id,
};
use crate::wire::Session;

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    match grant(issuer, call).await {
        Ok(tokens) => json_answer(StatusCode::OK, &tokens),
        Err(denied) => denied.answer(call),
    }
}

async fn grant(issuer: &Issuer, call: &Call) -> Result<Value, Denied> {
    let form = call.form()?;
    let name = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
    let grant = GrantType::named(name).ok_or_else(|| {
        OAuthError::new(
            "unsupported_grant_type",
            "grant_type is not one that is supported",
        )
    })?;
    let client = authenticate(issuer, call, &form).await?;
    if !client.may(grant) {
        return Err(OAuthError::new("unauthorized_client", "the client may not use this grant type").into());
    }
    // Before anything is used up: without a key there is no token to give for it.
    let signer = signer(issuer).await?;
    match grant {
        GrantType::AuthorizationCode => exchange_code(issuer, &client, &form, &signer).await,
        GrantType::RefreshToken => refresh(issuer, &client, &form, &signer).await,
        GrantType::ClientCredentials => client_credentials(issuer, &client, &form, &signer),
    }
}

/// RFC 6749, section 4.1.3; RFC 7636, section 4.5.
async fn exchange_code(
    issuer: &Issuer,
    client: &Client,
    form: &Form,
    signer: &Signer,
) -> Result<Value, Denied> {
    let code = form.get("code").ok_or_else(|| missing("code"))?;
    let redirect_uri = form.get("redirect_uri").ok_or_else(|| missing("redirect_uri"))?;
    let verifier = form
        .get("code_verifier")
        .ok_or_else(|| missing("code_verifier"))?;
    let refused = || {
        OAuthError::invalid_grant(
            "the code is unknown, expired, used, or not for this client, redirect_uri and code_verifier",
        )
    };
    let challenge = Challenge::of(verifier).ok_or_else(refused)?;
    let refresh_token = Token::new()?;
    let offline = match client.may(GrantType::RefreshToken) {
        true => OFFLINE.map(str::to_owned).to_vec(),
        false => Vec::new(),
    };
    let (code, first) = (Hash::of(code), refresh_token.hash());
    let exchanged = issuer.store.exchange_code(
        &code,
        &client.id,
        redirect_uri,
        challenge.as_str(),
        &first,
        &offline,
    );
    match exchanged.await? {
        Exchanged::Granted(grant) => {
            let refresh_token = client.refreshes(&grant.scopes).then_some(&refresh_token);
            let scopes = grant.scopes.clone();
            tokens(
                issuer,
                client,
                &grant,
                &scopes,
                &grant.consent.session,
                refresh_token,
                signer,
            )
        }
        Exchanged::Replayed => {
            Err(OAuthError::invalid_grant("the code was used before: its tokens are revoked").into())
        }
        Exchanged::Refused => Err(refused().into()),
    }
}

/// RFC 6749, section 6.
async fn refresh(issuer: &Issuer, client: &Client, form: &Form, signer: &Signer) -> Result<Value, Denied> {
    let token = form
        .get("refresh_token")
        .ok_or_else(|| missing("refresh_token"))?;
    let hash = Hash::of(token);
    let invalid_scope = || OAuthError::new("invalid_scope", "more scopes than were granted");
    let narrowed = match form.get("scope") {
        Some(text) => Some(scopes::parse(text).ok_or_else(invalid_scope)?),
        None => None,
    };
    // Asked before the token is used, so that it can be tried again when nobody answers.
    let session = hooked(issuer, client, &hash).await?;
    let next = Token::new()?;
    let wanted = narrowed.clone().unwrap_or_default();
    match issuer.store.refresh(&hash, client, &next.hash(), &wanted).await? {
        Refreshed::Granted(grant) => {
            let scopes = narrowed.unwrap_or_else(|| grant.scopes.clone());
            let session = session.as_ref().unwrap_or(&grant.consent.session);
            tokens(issuer, client, &grant, &scopes, session, Some(&next), signer)
        }
        Refreshed::Scope => Err(invalid_scope().into()),
        Refreshed::Unregistered => Err(OAuthError::new(
            "invalid_scope",
            "the client may not request all that was granted any more: sign in again",
        )
        .into()),
        Refreshed::Reused => Err(OAuthError::invalid_grant(
            "the refresh token was used before: all tokens of its family are revoked",
        )
        .into()),
        Refreshed::Refused => Err(OAuthError::invalid_grant(
            "the refresh token is unknown, expired, revoked, or another client's",
        )
        .into()),
    }
}

/// What goes into the tokens instead of what consent said, if somebody is to be asked and wants it so. About a token that is
/// none, or is dead, nobody is asked.
async fn hooked(issuer: &Issuer, client: &Client, token: &Hash) -> Result<Option<Session>, Denied> {
    let Some(hook) = hook::Hook::read().await? else {
        return Ok(None);
    };
    let grant = issuer.store.grant_of_refresh_token(token, false).await?;
    match grant.filter(|grant| grant.client_id == client.id) {
        Some(grant) => hook.session(&grant).await,
        None => Ok(None),
    }
}

/// RFC 6749, section 4.4. The subject is the client itself (RFC 9068, section 2.2): a machine, never a user.
fn client_credentials(
    issuer: &Issuer,
    client: &Client,
    form: &Form,
    signer: &Signer,
) -> Result<Value, Denied> {
    let scopes = requested_scopes(form, client)?;
    if scopes::is_openid(&scopes) || scopes::is_offline(&scopes) {
        return Err(OAuthError::new("invalid_scope", "openid and offline_access are for users").into());
    }
    let audience = requested_audience(form, client)?;
    let lifespan = seconds(client.lifespan(&audience));
    let id = token_id(None, &new_id()?);
    let claims = access_claims(&AccessClaims {
        issuer: &issuer.settings.issuer,
        subject: &client.id,
        client_id: &client.id,
        audience: &audience,
        scopes: &scopes,
        id: &id,
        now: signer.now,
        lifespan,
        extra: &Map::new(),
    });
    let token = sign(signer, ACCESS_TOKEN_TYPE, &claims)?;
    Ok(
        json!({ "access_token": token, "expires_in": lifespan, "scope": scopes.join(" "), "token_type": "bearer" }),
    )
}

/// The answer for a user's grant.
fn tokens(
    issuer: &Issuer,
    client: &Client,
    grant: &Grant,
    scopes: &[String],
    session: &Session,
    refresh_token: Option<&Token>,
    signer: &Signer,
) -> Result<Value, Denied> {
    let lifespan = seconds(client.lifespan(&grant.audience));
    let claims = access_claims(&AccessClaims {
        issuer: &issuer.settings.issuer,
        subject: &grant.subject,
        client_id: &client.id,
        audience: &grant.audience,
        scopes,
        id: &token_id(Some(&grant.id), &new_id()?),
        now: signer.now,
        lifespan,
        extra: &session.access_token,
    });
    let access_token = sign(signer, ACCESS_TOKEN_TYPE, &claims)?;
    let mut answer = json!({ "expires_in": lifespan, "scope": scopes.join(" "), "token_type": "bearer" });
    if scopes::is_openid(scopes) {
        let claims = id_claims(&IdClaims {
            issuer: &issuer.settings.issuer,
            subject: &grant.subject,
            client_id: &client.id,
            id: &new_id()?,
            session_id: &grant.session_id,
            nonce: grant.nonce.as_deref(),
            acr: &grant.acr,
            amr: &grant.amr,
            authenticated_at: grant.authenticated_at,
            requested_at: grant.created_at,
            now: signer.now,
            access_token: &access_token,
            extra: &session.id_token,
        });
        answer["id_token"] = sign(signer, ID_TOKEN_TYPE, &claims)?.into();
    }
    if let Some(token) = refresh_token {
        answer["refresh_token"] = token.reveal().into();
    }
    answer["access_token"] = access_token.into();
    Ok(answer)
}

fn sign(signer: &Signer, kind: &str, claims: &Map<String, Value>) -> Result<String, Failure> {
    let signed = signer.key.sign(kind, claims);
    signed.map_err(|error| Failure::Broken(error.to_string()))
}

fn missing(parameter: &str) -> OAuthError {
    OAuthError::invalid_request(format!("{parameter} is missing"))
}

fn seconds(lifespan: u64) -> i64 {
    i64::try_from(lifespan).unwrap_or(i64::MAX)
}
