//! The pages for signing in, signing up, consent and signing out: the login and consent provider of Hydra
//! (<https://www.ory.sh/docs/oauth2-oidc/custom-login-consent/flow>). Ory Hydra or the issuer of this repository
//! (docs/ISSUER.md) sends browsers here with a challenge. Each page answers the challenge with a call of the admin API,
//! which returns the browser's next address.
//!
//! No page has a script, and no browser may cache a page. The challenge gives a page all its data: no state is kept
//! here between two pages.

mod browser;
mod consent;
mod csrf;
mod error;
mod form_data;
mod layout;
mod login;
mod logout;
mod policy;
mod random_text;
mod register;
mod settings;
mod texts;
mod visit;

use bytes::Bytes;
use connect::Body;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use policy::{FormDestinations, protect, set};
use spin_adapters::{http::Incoming, log};
use visit::Visit;
use web::{
    is_form,
    request_id::{self, RequestIds, X_REQUEST_ID},
    response::{method_not_allowed, text},
};

use super::hydra;
use super::service::{LoginError, LoginPorts, Logins};
use crate::accounts::service as accounts;

const LOGIN: &str = "/oauth2/login";
const REGISTER: &str = "/oauth2/register";
const CONSENT: &str = "/oauth2/consent";
const LOGOUT: &str = "/oauth2/logout";
const ERROR: &str = "/oauth2/error";
const SIGNED_OUT: &str = "/oauth2/signed-out";
const STYLE: &str = "/oauth2/assets/style.css";

/// The content of [`STYLE`].
const CSS: &str = include_str!("style.css");

/// The largest form that is read, in bytes. A challenge of Hydra has a few thousand.
const MAX_BODY: usize = 64 * 1024;

/// How long a browser, or a consent, is remembered, in seconds: 30 days.
const REMEMBER_FOR: u32 = 30 * 24 * 3600;

const NO_RANDOMNESS: &str = "the host has no random numbers";

/// Why a page is not shown. The texts are for the log.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("the request has no challenge")]
    NoChallenge,
    #[error("the form was not sent by our page")]
    Forged,
    #[error(transparent)]
    Hydra(#[from] hydra::Error),
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A fault on our side.
    #[error("{0}")]
    Failed(String),
}

impl From<accounts::Error> for PageError {
    fn from(error: accounts::Error) -> Self {
        Self::Login(error.into())
    }
}

type PageResult = Result<Response<Body>, PageError>;

/// Answers requests whose path begins with `/oauth2/`. Browsers call this directly, so the request gets its id here.
pub(crate) async fn answer<P: LoginPorts>(
    mut request: Request<Incoming>,
    logins: &Logins<P>,
) -> Response<Body> {
    let id = request_id::of(request.headers());
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let mut response = answer_with_id(request, logins).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

async fn answer_with_id<P: LoginPorts>(request: Request<Incoming>, logins: &Logins<P>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let has_form = match head.uri.path() {
        LOGIN | REGISTER | CONSENT | LOGOUT => true,
        ERROR | SIGNED_OUT | STYLE => false,
        _ => return plain(StatusCode::NOT_FOUND, "there is no page at this address"),
    };
    match (&head.method, has_form) {
        (&Method::GET, _) | (&Method::POST, true) => {}
        (_, true) => return not_allowed("GET, HEAD, POST"),
        (_, false) => return not_allowed("GET, HEAD"),
    }
    if head.uri.path() == STYLE {
        return style();
    }
    let form = if head.method == Method::POST {
        read_form(&head.headers, body).await
    } else {
        Ok(Bytes::new())
    };
    let form = match form {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    match Visit::new(head, &form).await {
        Ok(visit) => show(&visit, logins).await,
        Err((head, cause)) => {
            log::error(RequestIds::of(&head.headers), cause);
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the pages are not configured")
        }
    }
}

async fn read_form(headers: &http::HeaderMap, body: Incoming) -> Result<Bytes, Response<Body>> {
    if !is_form(headers) {
        let cause = "the body must be a form: application/x-www-form-urlencoded";
        return Err(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, cause));
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => {
            let cause = "the form is larger than 64 KiB or incomplete";
            Err(plain(StatusCode::PAYLOAD_TOO_LARGE, cause))
        }
    }
}

async fn show<P: LoginPorts>(visit: &Visit, logins: &Logins<P>) -> Response<Body> {
    let is_submitted = visit.head.method == Method::POST;
    let result = match (visit.head.uri.path(), is_submitted) {
        (LOGIN, false) => login::open(visit, logins).await,
        (LOGIN, true) => login::submit(visit, logins).await,
        (REGISTER, false) => register::open(visit).await,
        (REGISTER, true) => register::submit(visit, logins).await,
        (CONSENT, false) => consent::open(visit, logins).await,
        (CONSENT, true) => consent::submit(visit, logins).await,
        (LOGOUT, false) => logout::open(visit).await,
        (LOGOUT, true) => logout::submit(visit, logins).await,
        (SIGNED_OUT, _) => {
            let texts = visit.texts();
            Ok(visit.notice(StatusCode::OK, texts.signed_out, &[texts.close]))
        }
        _ => Ok(error::open(visit)),
    };
    result.unwrap_or_else(|error| error::explain(visit, &error))
}

fn plain(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = text(status, body);
    protect(&mut response, &FormDestinations::default());
    response
}

fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = method_not_allowed(methods);
    protect(&mut response, &FormDestinations::default());
    response
}

fn style() -> Response<Body> {
    let mut response = plain(StatusCode::OK, CSS);
    set(&mut response, header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, "public, max-age=3600");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stylesheet_loads_no_other_file() {
        assert!(
            !CSS.contains("url(") && !CSS.contains("@import"),
            "the Content-Security-Policy would refuse it"
        );
    }
}
