//! The API for browsers and clients. Paths are compared byte by byte in their sent form. Any other path is 404.

mod authorize;
mod client_auth;
mod cors;
mod discovery;
mod logout;
mod revoke;
mod token;
mod userinfo;

use connect::Body;
use cors::Origins;
use http::{Method, Response, StatusCode};
use spin_adapters::http::Incoming;
use web::response::method_not_allowed;

use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::with_query;
use crate::request::HttpRequest;
use crate::response::redirect;
use crate::use_cases::UseCases;

/// Answers a request. Its body is read here, so that pages of other origins may also read early errors.
pub(crate) async fn answer(
    use_cases: &UseCases,
    request: &mut HttpRequest,
    body: Incoming,
) -> Response<Body> {
    let (methods, origins) = match request.path() {
        "/oauth2/auth" | "/oauth2/sessions/logout" => ("GET, HEAD, POST", Origins::None),
        "/oauth2/token" | "/oauth2/revoke" => ("POST, OPTIONS", Origins::Registered),
        "/userinfo" => ("GET, HEAD, POST, OPTIONS", Origins::Registered),
        "/.well-known/openid-configuration"
        | "/.well-known/oauth-authorization-server"
        | "/.well-known/jwks.json" => ("GET, HEAD, OPTIONS", Origins::All),
        _ => return web::response::text(StatusCode::NOT_FOUND, "there is nothing at this path"),
    };
    let is_allowed = methods.split(", ").any(|method| request.method() == method);
    let mut response = match (is_allowed, request.method()) {
        (true, &Method::OPTIONS) => cors::preflight(methods),
        (true, _) => match request.read(body).await {
            Ok(()) => respond(use_cases, request).await,
            Err(refusal) => refusal,
        },
        (false, _) => method_not_allowed(methods),
    };
    cors::allow(&use_cases.clients(), request, origins, &mut response).await;
    response
}

async fn respond(use_cases: &UseCases, request: &HttpRequest) -> Response<Body> {
    match request.path() {
        "/oauth2/auth" => authorize::answer(use_cases, request).await,
        "/oauth2/sessions/logout" => logout::answer(use_cases, request).await,
        "/oauth2/token" => token::answer(&use_cases.tokens(), request).await,
        "/oauth2/revoke" => revoke::answer(&use_cases.tokens(), request).await,
        "/userinfo" => userinfo::answer(&use_cases.tokens(), request).await,
        "/.well-known/jwks.json" => discovery::keys(&use_cases.keys(), request).await,
        _ => discovery::configuration(&use_cases.addresses),
    }
}

/// Sends the browser to the error page, if no redirect URI of a client is certain.
fn error_page(use_cases: &UseCases, error: &OAuthError) -> Response<Body> {
    let parameters = [
        ("error", error.name.as_str()),
        ("error_description", error.description.as_str()),
    ];
    redirect(&with_query(&use_cases.addresses.error, parameters))
}
