//! Discovery (OpenID Connect Discovery, section 3; RFC 8414), and the public keys of tokens.

use connect::Body;
use http::{Response, StatusCode, header};
use serde::Serialize;

use crate::clients::domain::{AuthMethod, GrantType};
use crate::domain::addresses::{AUTHORIZATION, Addresses, LOGOUT};
use crate::keys::document::KeySet;
use crate::keys::service::{KeySealer, KeyStore, SigningKeys};
use crate::request::HttpRequest;
use crate::response::{empty, json, report, set};

/// How long caches may keep both documents. A verifier that finds an unknown key fetches them again anyway.
const CACHED: &str = "public, max-age=60";

#[derive(Serialize)]
struct Configuration<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    jwks_uri: String,
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    claims_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 3],
    id_token_signed_response_alg: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    response_modes_supported: [&'static str; 1],
    response_types_supported: [&'static str; 1],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    scopes_supported: [&'static str; 3],
    subject_types_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    userinfo_signed_response_alg: [&'static str; 1],
}

pub(super) fn configuration(addresses: &Addresses) -> Response<Body> {
    let methods = AuthMethod::ALL.map(AuthMethod::name);
    cached(&Configuration {
        issuer: &addresses.issuer,
        authorization_endpoint: addresses.at(AUTHORIZATION),
        token_endpoint: addresses.at("/oauth2/token"),
        revocation_endpoint: addresses.at("/oauth2/revoke"),
        userinfo_endpoint: addresses.at("/userinfo"),
        end_session_endpoint: addresses.at(LOGOUT),
        jwks_uri: addresses.at("/.well-known/jwks.json"),
        authorization_response_iss_parameter_supported: true,
        claims_parameter_supported: false,
        claims_supported: ["sub"],
        code_challenge_methods_supported: ["S256"],
        grant_types_supported: GrantType::ALL.map(GrantType::name),
        id_token_signed_response_alg: ["RS256"],
        id_token_signing_alg_values_supported: ["RS256"],
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        response_modes_supported: ["query"],
        response_types_supported: ["code"],
        revocation_endpoint_auth_methods_supported: methods,
        scopes_supported: ["openid", "offline_access", "offline"],
        subject_types_supported: ["public"],
        token_endpoint_auth_methods_supported: methods,
        userinfo_signed_response_alg: ["none"],
    })
}

pub(super) async fn keys(
    keys: &SigningKeys<'_, impl KeyStore, impl KeySealer>,
    request: &HttpRequest,
) -> Response<Body> {
    match keys.published().await {
        Ok(keys) => cached(&KeySet::of(&keys)),
        Err(failure) => empty(report(&failure, request)),
    }
}

fn cached(document: &impl Serialize) -> Response<Body> {
    let mut response = json(StatusCode::OK, document);
    set(&mut response, header::CACHE_CONTROL, CACHED);
    response.headers_mut().remove(header::PRAGMA);
    response
}
