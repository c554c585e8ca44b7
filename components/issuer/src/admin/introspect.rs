//! Introspection (RFC 7662): `/admin/oauth2/introspect`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Refusal, Result, ok};
use crate::json::members;
use crate::request::HttpRequest;
use crate::tokens::domain::{UserGrant, VerifiedAccessToken};
use crate::tokens::service::Introspection;
use crate::use_cases::UseCases;

/// `introspectedOAuth2Token` of a token that is not active.
#[derive(Serialize)]
struct InactiveToken {
    active: bool,
}

/// `introspectedOAuth2Token`.
#[derive(Serialize)]
struct IntrospectedToken<'a> {
    active: bool,
    scope: String,
    client_id: &'a str,
    sub: &'a str,
    aud: &'a [String],
    iss: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    ext: Map<String, Value>,
    token_type: &'static str,
    token_use: &'static str,
}

pub(super) async fn answer(use_cases: &UseCases, request: &HttpRequest) -> Result {
    let form = request
        .form()
        .map_err(|error| Refusal::Invalid(error.description))?;
    let token = form
        .get("token")
        .ok_or_else(|| Refusal::Invalid("token is missing".into()))?;
    let issuer = &use_cases.addresses.issuer;
    let scope = form.get("scope").unwrap_or_default();
    match use_cases.tokens().introspect(token, scope).await? {
        Introspection::Inactive => ok(&InactiveToken { active: false }),
        Introspection::RefreshToken(grant) => ok(&refresh_token(issuer, &grant)),
        Introspection::AccessToken(token) => ok(&access_token(issuer, &token)),
    }
}

fn refresh_token<'a>(issuer: &'a str, grant: &'a UserGrant) -> IntrospectedToken<'a> {
    IntrospectedToken {
        active: true,
        scope: grant.scopes.join(" "),
        client_id: &grant.client_id,
        sub: &grant.subject,
        aud: &grant.audience,
        iss: issuer,
        iat: grant.created_at,
        nbf: grant.created_at,
        exp: grant.ends_at,
        ext: members(&grant.consent.contents.access_token),
        token_type: "Bearer",
        token_use: "refresh_token",
    }
}

fn access_token<'a>(issuer: &'a str, token: &'a VerifiedAccessToken) -> IntrospectedToken<'a> {
    IntrospectedToken {
        active: true,
        scope: token.scopes.join(" "),
        client_id: &token.client_id,
        sub: &token.subject,
        aud: &token.audience,
        iss: issuer,
        iat: token.issued_at,
        nbf: token.not_before,
        exp: token.expires_at,
        ext: members(&token.extra),
        token_type: "Bearer",
        token_use: "access_token",
    }
}
