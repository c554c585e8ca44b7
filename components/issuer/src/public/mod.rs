//! What browsers and clients ask. Paths are compared as they were sent, byte by byte: what is not one of these is nothing.

mod authorize;
mod client_auth;
mod cors;
mod discovery;
pub(crate) mod hint;
mod hook;
mod logout;
mod revoke;
mod token;
mod userinfo;

use connect::Body;
use http::{Method, Response, StatusCode};
use spin_adapters::http::Incoming;
use web::response::method_not_allowed;

use crate::Issuer;
use crate::exchange::Call;
use cors::Origins;

/// Answers a request, whose body is read here: pages of other origins may read early refusals, too.
pub(crate) async fn answer(issuer: &Issuer, call: &mut Call, body: Incoming) -> Response<Body> {
    let (methods, origins) = match call.path() {
        "/oauth2/auth" | "/oauth2/sessions/logout" => ("GET, HEAD, POST", Origins::None),
        "/oauth2/token" | "/oauth2/revoke" => ("POST, OPTIONS", Origins::Registered),
        "/userinfo" => ("GET, HEAD, POST, OPTIONS", Origins::Registered),
        "/.well-known/openid-configuration"
        | "/.well-known/oauth-authorization-server"
        | "/.well-known/jwks.json" => ("GET, HEAD, OPTIONS", Origins::All),
        _ => return web::response::text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    let is_allowed = methods.split(", ").any(|method| call.method() == method);
    let mut response = match (is_allowed, call.method()) {
        (true, &Method::OPTIONS) => cors::preflight(methods),
        (true, _) => match call.read(body).await {
            Ok(()) => respond(issuer, call).await,
            Err(refusal) => refusal,
        },
        (false, _) => method_not_allowed(methods),
    };
    cors::allow(issuer, call, origins, &mut response).await;
    response
}

async fn respond(issuer: &Issuer, call: &Call) -> Response<Body> {
    match call.path() {
        "/oauth2/auth" => authorize::answer(issuer, call).await,
        "/oauth2/sessions/logout" => logout::answer(issuer, call).await,
        "/oauth2/token" => token::answer(issuer, call).await,
        "/oauth2/revoke" => revoke::answer(issuer, call).await,
        "/userinfo" => userinfo::answer(issuer, call).await,
        "/.well-known/jwks.json" => discovery::keys(issuer, call).await,
        _ => discovery::configuration(issuer),
    }
}

/// Sends the browser to the error page: where there is no address that a client has registered, nothing is sent there.
fn error_page(issuer: &Issuer, error: &crate::domain::request::OAuthError) -> Response<Body> {
    let parameters = [
        ("error", error.name.as_str()),
        ("error_description", error.description.as_str()),
    ];
    crate::exchange::redirect(&crate::domain::form::with_query(
        &issuer.settings.error_url,
        parameters,
    ))
}
