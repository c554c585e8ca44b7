//! Hydra's admin API (v2): what the pages for login and consent talk to, and whoever registers clients.
//!
//! It asks nobody who they are, as Hydra's does not: who may reach it is decided by the network, which here is `spin.toml`. The
//! component that serves it has no route that leads in from outside.

mod clients;
mod consent;
mod introspect;
mod keys;
mod login;
mod logout;
mod patch;
mod sessions;

use connect::Body;
use http::{Method, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::Issuer;
use crate::domain::form::Form;
use crate::domain::secret::Hash;
use crate::exchange::{Call, Failure, empty, json_answer, set};

/// Why a request gets no answer of its kind.
#[derive(Debug)]
enum Refusal {
    /// 400, and what is wrong with it.
    Invalid(String),
    /// 404.
    NotFound,
    /// 405, and the methods that there are.
    Method(&'static str),
    /// 409, and what stands against it.
    Conflict(&'static str),
    /// 410: it was answered before. Where the browser has to begin again.
    Gone(String),
    /// 501, and what to do instead.
    Unsupported(&'static str),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

/// What comes of a request.
type Result<T = Response<Body>> = std::result::Result<T, Refusal>;

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    match respond(issuer, call).await {
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
        Err(Refusal::Gone(url)) => json_answer(StatusCode::GONE, &crate::wire::redirect_to(&url)),
        Err(Refusal::Unsupported(cause)) => error(StatusCode::NOT_IMPLEMENTED, "Not Implemented", cause),
        Err(Refusal::Failed(failure)) => {
            let status = failure.report(call);
            error(
                status,
                "server_error",
                "something went wrong; the request id leads to it in the log",
            )
        }
    }
}

async fn respond(issuer: &Issuer, call: &Call) -> Result {
    let query = call.query().and_then(Form::each_once);
    let query = query.map_err(|error| Refusal::Invalid(error.to_string()))?;
    let path = call.path().strip_prefix("/admin/").ok_or(Refusal::NotFound)?;
    let (method, parts) = (call.method().as_str(), path.split('/').collect::<Vec<_>>());
    match parts.as_slice() {
        ["oauth2", "auth", "requests", "login", rest @ ..] => login::answer(issuer, call, &query, rest).await,
        ["oauth2", "auth", "requests", "consent", rest @ ..] => {
            consent::answer(issuer, call, &query, rest).await
        }
        ["oauth2", "auth", "requests", "logout", rest @ ..] => {
            logout::answer(issuer, call, &query, rest).await
        }
        ["oauth2", "auth", "sessions", kind] => sessions::answer(issuer, call, &query, kind).await,
        ["oauth2", "introspect"] if method == "POST" => introspect::answer(issuer, call).await,
        ["oauth2", "tokens"] if method == "DELETE" => sessions::delete_tokens(issuer, &query).await,
        ["oauth2", "introspect"] => Err(Refusal::Method("POST")),
        ["oauth2", "tokens"] => Err(Refusal::Method("DELETE")),
        ["clients"] => clients::collection(issuer, call, &query).await,
        ["clients", id] => clients::one(issuer, call, &decoded(id)?).await,
        ["clients", id, "secrets", "rotate"] => clients::rotate_secret(issuer, call, &decoded(id)?).await,
        ["keys", set] => keys::set(issuer, call, &decoded(set)?).await,
        ["keys", set, id] => keys::one(issuer, call, &decoded(set)?, &decoded(id)?).await,
        _ => Err(Refusal::NotFound),
    }
}

/// Hydra's `errorOAuth2`.
fn error(status: StatusCode, name: &str, description: &str) -> Response<Body> {
    let body = json!({ "error": name, "error_description": description, "status_code": status.as_u16() });
    json_answer(status, &body)
}

fn ok(value: &Value) -> Result {
    Ok(json_answer(StatusCode::OK, value))
}

fn no_content() -> Result {
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A segment of the path, as its sender meant it.
fn decoded(segment: &str) -> Result<String> {
    let escaped = format!("s={}", segment.replace('+', "%2B"));
    let form = Form::parse(&escaped).map_err(|error| Refusal::Invalid(error.to_string()))?;
    form.get("s").map(str::to_owned).ok_or(Refusal::NotFound)
}

/// The JSON that a request brings. No text in it has a NUL: most of it is stored as it is, and Postgres stores none.
fn body<T: DeserializeOwned>(call: &Call) -> Result<T> {
    let wrong = |error: serde_json::Error| Refusal::Invalid(format!("the body: {error}"));
    let body: Value = serde_json::from_slice(&call.body).map_err(wrong)?;
    if has_nul(&body) {
        return Err(Refusal::Invalid(
            "the body has a text with a NUL character".into(),
        ));
    }
    serde_json::from_value(body).map_err(wrong)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The JSON object that a request brings. (serde would read a struct from a list, too.)
fn object<T: DeserializeOwned>(call: &Call) -> Result<T> {
    let object: Map<String, Value> = body(call)?;
    let read = serde_json::from_value(Value::Object(object));
    read.map_err(|error| Refusal::Invalid(format!("the body: {error}")))
}

/// The challenge that a request is about, by its own name or, as in older versions, `challenge`.
fn challenge(query: &Form, name: &str) -> Result<(String, Hash)> {
    let text = query.get(name).or_else(|| query.get("challenge"));
    let text = text.ok_or_else(|| Refusal::Invalid(format!("query parameter {name} is missing")))?;
    Ok((text.to_owned(), Hash::of(text)))
}

/// How many to list, from where.
struct Page {
    size: i64,
    after: String,
}

impl Page {
    /// Hydra's `page_size` (1 to 500, 250 unless told otherwise) and `page_token`.
    fn of(query: &Form) -> Result<Self> {
        let size = query.get("page_size").map_or(Ok(250), str::parse::<i64>);
        let size = size.map_err(|_| Refusal::Invalid("page_size is no number".into()))?;
        Ok(Self {
            size: size.clamp(1, 500),
            after: query.get("page_token").unwrap_or_default().to_owned(),
        })
    }

    /// One more than the page has, to know whether there is another.
    fn limit(&self) -> i64 {
        self.size + 1
    }

    /// The page of what was found, and the header that leads to the next one, if there is one (RFC 8288).
    fn cut<T>(
        &self,
        call: &Call,
        query: &Form,
        mut found: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if found.len() <= size {
            return (found, None);
        }
        found.truncate(size);
        let last = found.last().map(key).unwrap_or_default();
        let rest = query.without(&["page_token"]).to_query();
        let base = if rest.is_empty() {
            call.path().to_owned()
        } else {
            format!("{}?{rest}", call.path())
        };
        let next = crate::domain::form::with_query(&base, [("page_token", last.as_str())]);
        (found, Some(format!("<{next}>; rel=\"next\"")))
    }
}

/// Whether a request has this method.
fn is(call: &Call, method: &Method) -> bool {
    call.method() == method
}
