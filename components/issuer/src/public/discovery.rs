//! Where things are (OpenID Connect Discovery, section 3; RFC 8414), and the keys that tokens are verified with.

use connect::Body;
use http::{Response, StatusCode, header};
use serde_json::json;

use crate::Issuer;
use crate::domain::client::{AuthMethod, GrantType};
use crate::exchange::{Call, empty, json_answer, set};

/// How long both documents may be kept, in seconds: a verifier that meets an unknown key looks again anyway.
const KEPT: &str = "public, max-age=60";

pub(crate) fn configuration(issuer: &Issuer) -> Response<Body> {
    let at = |path: &str| issuer.settings.at(path);
    let methods = AuthMethod::ALL.map(AuthMethod::name);
    let document = json!({
        "issuer": &*issuer.settings.issuer,
        "authorization_endpoint": at("/oauth2/auth"),
        "token_endpoint": at("/oauth2/token"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/oauth2/sessions/logout"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "claims_supported": ["sub"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": GrantType::ALL.map(GrantType::name),
        "id_token_signed_response_alg": ["RS256"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
        "revocation_endpoint_auth_methods_supported": methods,
        "scopes_supported": ["openid", "offline_access", "offline"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": methods,
        "userinfo_signed_response_alg": ["none"],
    });
    let mut response = json_answer(StatusCode::OK, &document);
    set(&mut response, header::CACHE_CONTROL, KEPT);
    response.headers_mut().remove(header::PRAGMA);
    response
}

pub(crate) async fn keys(issuer: &Issuer, call: &Call) -> Response<Body> {
    let keys = match issuer.store.published_keys().await {
        Ok(keys) => keys,
        Err(error) => return empty(crate::exchange::Failure::from(error).report(call)),
    };
    let mut response = json_answer(StatusCode::OK, &json!({ "keys": keys }));
    set(&mut response, header::CACHE_CONTROL, KEPT);
    response.headers_mut().remove(header::PRAGMA);
    response
}
