//! The authorization endpoint: `/oauth2/auth`.

use connect::Body;
use http::{Response, header};
use web::cookie::Lifetime;

use super::error_page;
use crate::authorization::domain::RedirectTarget;
use crate::authorization::service::{AuthorizationError, NextStop, SessionChange};
use crate::domain::addresses::Addresses;
use crate::domain::parameters::with_query;
use crate::request::{FLOW_COOKIE, HttpRequest, SESSION_COOKIE};
use crate::response::{append, redirect, report};
use crate::use_cases::UseCases;

/// How long the flow cookie lives, in seconds: as long as an authorization request may take.
const FLOW_LIFETIME: u32 = 30 * 60;

pub(super) async fn answer(use_cases: &UseCases, request: &HttpRequest) -> Response<Body> {
    match proceed(use_cases, request).await {
        Ok(next) => to_next(&use_cases.addresses, &next),
        Err(AuthorizationError::Client(target, error)) => {
            let parameters = [
                ("error", error.name.as_str()),
                ("error_description", error.description.as_str()),
            ];
            redirect(&client_url(&use_cases.addresses, &target, &parameters))
        }
        Err(AuthorizationError::User(error)) => error_page(use_cases, &error),
        Err(AuthorizationError::Failed(failure)) => web::response::text(
            report(&failure, request),
            "The sign-in does not work at the moment. Please try again.",
        ),
    }
}

async fn proceed(use_cases: &UseCases, request: &HttpRequest) -> Result<NextStop, AuthorizationError> {
    let form = request.parameters().map_err(AuthorizationError::User)?;
    let browser = request.browser(use_cases.addresses.is_secure());
    use_cases.authorization().proceed(&form, &browser).await
}

fn to_next(addresses: &Addresses, next: &NextStop) -> Response<Body> {
    let is_secure = addresses.is_secure();
    let (url, cookie) = match next {
        NextStop::Login {
            challenge,
            flow_cookie,
        } => (
            with_query(&addresses.login, [("login_challenge", challenge.reveal())]),
            Some(FLOW_COOKIE.set(flow_cookie.reveal(), Lifetime::Seconds(FLOW_LIFETIME), is_secure)),
        ),
        NextStop::Consent { challenge, session } => (
            with_query(&addresses.consent, [("consent_challenge", challenge.reveal())]),
            match session {
                SessionChange::Unchanged => None,
                SessionChange::Removed => Some(SESSION_COOKIE.remove(is_secure)),
                SessionChange::Set { value, seconds } => {
                    Some(SESSION_COOKIE.set(value.reveal(), Lifetime::Seconds(*seconds), is_secure))
                }
            },
        ),
        NextStop::Client { target, code, scope } => {
            let parameters = [("code", code.reveal()), ("scope", scope.as_str())];
            (client_url(addresses, target, &parameters), None)
        }
    };
    let mut response = redirect(&url);
    if let Some(cookie) = cookie {
        append(response.headers_mut(), header::SET_COOKIE, &cookie);
    }
    response
}

/// The client's redirect URI with the answer, `state`, and `iss` (RFC 9207). With `iss`, a client of several issuers
/// can check which issuer has answered.
fn client_url(addresses: &Addresses, target: &RedirectTarget, parameters: &[(&str, &str)]) -> String {
    let state = target.state.as_deref().map(|state| ("state", state));
    let iss = [("iss", &*addresses.issuer)];
    with_query(
        &target.redirect_uri,
        parameters.iter().copied().chain(state).chain(iss),
    )
}
