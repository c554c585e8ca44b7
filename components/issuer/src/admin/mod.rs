//! Hydra's admin API (v2), for the pages for login and consent and for registering clients.
//!
//! As in Hydra, callers are not authenticated. The network decides who can reach the API, which here is `spin.toml`: the
//! component that serves it has no public route.

mod clients;
mod consent;
mod introspect;
mod keys;
mod login;
mod logout;
mod page_range;
mod patch;
mod request_body;
mod sessions;

use connect::Body;
use http::{Method, Response, StatusCode, header};
use serde::Serialize;

use crate::authorization::service::ChallengeError;
use crate::clients::service::ClientError;
use crate::domain::failure::InternalFailure;
use crate::domain::parameters::Parameters;
use crate::keys::service::ImportError;
use crate::request::HttpRequest;
use crate::response::{empty, json, report, set};
use crate::use_cases::UseCases;

/// Why a request gets no successful response.
#[derive(Debug)]
enum Refusal {
    /// 400, with the fault.
    Invalid(String),
    /// 404.
    NotFound,
    /// 405, and the allowed methods.
    Method(&'static str),
    /// 409, with the conflict.
    Conflict(&'static str),
    /// 410: the challenge was answered before. The browser begins again at this address.
    Gone(String),
    /// 501, with an alternative.
    Unsupported(&'static str),
    Failed(InternalFailure),
}

impl From<InternalFailure> for Refusal {
    fn from(failure: InternalFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<ChallengeError> for Refusal {
    fn from(error: ChallengeError) -> Self {
        match error {
            ChallengeError::NotFound => Self::NotFound,
            ChallengeError::Answered(url) => Self::Gone(url),
            ChallengeError::Invalid(cause) => Self::Invalid(cause.into()),
            ChallengeError::Failed(failure) => Self::Failed(failure),
        }
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotFound => Self::NotFound,
            ClientError::Exists => Self::Conflict("there is a client with this client_id"),
            ClientError::Invalid(cause) => Self::Invalid(cause),
            ClientError::Failed(failure) => Self::Failed(failure),
        }
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Key(error) => Self::Invalid(error.to_string()),
            ImportError::Conflict => Self::Conflict(
                "the issuer has this key already, or another key was imported at the same time",
            ),
            ImportError::Failed(failure) => Self::Failed(failure),
        }
    }
}

type Result<T = Response<Body>> = std::result::Result<T, Refusal>;

/// Hydra's `errorOAuth2`.
#[derive(Serialize)]
struct AdminErrorBody<'a> {
    error: &'a str,
    error_description: &'a str,
    status_code: u16,
}

/// Hydra's `oAuth2RedirectTo`.
#[derive(Serialize)]
struct RedirectDocument<'a> {
    redirect_to: &'a str,
}

pub(crate) async fn answer(use_cases: &UseCases, request: &HttpRequest) -> Response<Body> {
    match respond(use_cases, request).await {
        Ok(response) => response,
        Err(Refusal::Invalid(cause)) => error(StatusCode::BAD_REQUEST, "invalid_request", &cause),
        Err(Refusal::NotFound) => error(
            StatusCode::NOT_FOUND,
            "Not Found",
            "Unable to locate the requested resource",
        ),
        Err(Refusal::Method(allowed)) => {
            let cause = format!("use {allowed}");
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", &cause);
            set(&mut response, header::ALLOW, allowed);
            response
        }
        Err(Refusal::Conflict(cause)) => error(StatusCode::CONFLICT, "Conflict", cause),
        Err(Refusal::Gone(url)) => json(StatusCode::GONE, &RedirectDocument { redirect_to: &url }),
        Err(Refusal::Unsupported(cause)) => error(StatusCode::NOT_IMPLEMENTED, "Not Implemented", cause),
        Err(Refusal::Failed(failure)) => error(
            report(&failure, request),
            "server_error",
            "something went wrong; the log has the cause under the request id",
        ),
    }
}

async fn respond(use_cases: &UseCases, request: &HttpRequest) -> Result {
    let query = request.query().and_then(Parameters::each_once);
    let query = query.map_err(|error| Refusal::Invalid(error.to_string()))?;
    let path = request.path().strip_prefix("/admin/").ok_or(Refusal::NotFound)?;
    let (method, parts) = (request.method().as_str(), path.split('/').collect::<Vec<_>>());
    match parts.as_slice() {
        ["oauth2", "auth", "requests", "login", rest @ ..] => {
            login::answer(&use_cases.authorization(), request, &query, rest).await
        }
        ["oauth2", "auth", "requests", "consent", rest @ ..] => {
            consent::answer(&use_cases.authorization(), request, &query, rest).await
        }
        ["oauth2", "auth", "requests", "logout", rest @ ..] => {
            logout::answer(&use_cases.sessions(), request, &query, rest).await
        }
        ["oauth2", "auth", "sessions", kind] => sessions::answer(use_cases, request, &query, kind).await,
        ["oauth2", "introspect"] if method == "POST" => introspect::answer(use_cases, request).await,
        ["oauth2", "tokens"] if method == "DELETE" => {
            sessions::delete_tokens(&use_cases.tokens(), &query).await
        }
        ["oauth2", "introspect"] => Err(Refusal::Method("POST")),
        ["oauth2", "tokens"] => Err(Refusal::Method("DELETE")),
        ["clients"] => clients::collection(&use_cases.clients(), request, &query).await,
        ["clients", id] => clients::one(&use_cases.clients(), request, &decoded(id)?).await,
        ["clients", id, "secrets", "rotate"] => {
            clients::rotate_secret(&use_cases.clients(), request, &decoded(id)?).await
        }
        ["keys", set] => keys::set(&use_cases.keys(), request, &decoded(set)?).await,
        ["keys", set, id] => keys::one(&use_cases.keys(), request, &decoded(set)?, &decoded(id)?).await,
        _ => Err(Refusal::NotFound),
    }
}

fn error(status: StatusCode, name: &str, description: &str) -> Response<Body> {
    let body = AdminErrorBody {
        error: name,
        error_description: description,
        status_code: status.as_u16(),
    };
    json(status, &body)
}

fn ok(value: &impl Serialize) -> Result {
    Ok(json(StatusCode::OK, value))
}

fn redirect_to(url: &str) -> Result {
    ok(&RedirectDocument { redirect_to: url })
}

fn no_content() -> Result {
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A segment of the path, with its escapes decoded.
fn decoded(segment: &str) -> Result<String> {
    let escaped = format!("s={}", segment.replace('+', "%2B"));
    let form = Parameters::parse(&escaped).map_err(|error| Refusal::Invalid(error.to_string()))?;
    form.get("s").map(str::to_owned).ok_or(Refusal::NotFound)
}

/// The required query parameter.
fn required<'a>(query: &'a Parameters, name: &str) -> Result<&'a str> {
    let value = query.get(name);
    value.ok_or_else(|| Refusal::Invalid(format!("query parameter {name} is missing")))
}

/// The challenge of the request: its own parameter or, as in older versions, `challenge`.
fn challenge<'a>(query: &'a Parameters, name: &str) -> Result<&'a str> {
    let older = query.get("challenge");
    query
        .get(name)
        .or(older)
        .map_or_else(|| required(query, name), Ok)
}

/// Whether a request has this method.
fn is(request: &HttpRequest, method: &Method) -> bool {
    request.method() == method
}
