//! Clients: `/admin/clients`.

use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::page_range::{PageRange, page};
use super::{Refusal, Result, is, no_content, ok, patch, request_body};
use crate::clients::document::ClientDocument;
use crate::clients::domain::{ClientFilter, RegisteredClient, Registration};
use crate::clients::service::{ClientStore, Clients};
use crate::domain::parameters::Parameters;
use crate::request::HttpRequest;
use crate::response::{json, set};

/// `oAuth2Client`, as it is shown.
#[derive(Serialize)]
pub(super) struct ShownClient<'a> {
    client_id: &'a str,
    /// Shown once, when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    client_secret_expires_at: u8,
    created_at: &'a str,
    updated_at: &'a str,
    #[serde(flatten)]
    document: ClientDocument,
}

impl<'a> ShownClient<'a> {
    pub(super) fn new(registered: &'a RegisteredClient, secret: Option<&'a str>) -> Self {
        Self {
            client_id: &registered.client.id,
            client_secret: secret,
            client_secret_expires_at: 0,
            created_at: &registered.created_at,
            updated_at: &registered.updated_at,
            document: ClientDocument::from((&registered.client, &registered.profile)),
        }
    }
}

pub(super) async fn collection(
    clients: &Clients<'_, impl ClientStore>,
    request: &HttpRequest,
    query: &Parameters,
) -> Result {
    match *request.method() {
        Method::GET => list(clients, request, query).await,
        Method::POST => create(clients, registration(request_body::object(request)?)?).await,
        _ => Err(Refusal::Method("GET, HEAD, POST")),
    }
}

pub(super) async fn one(clients: &Clients<'_, impl ClientStore>, request: &HttpRequest, id: &str) -> Result {
    match *request.method() {
        Method::GET => ok(&ShownClient::new(&clients.find(id).await?, None)),
        Method::PUT => replace(clients, id, registration(request_body::object(request)?)?).await,
        Method::PATCH => {
            let client = clients.find(id).await?;
            let shown = serde_json::to_value(ShownClient::new(&client, None)).unwrap_or_default();
            let changes: Vec<Value> = request_body::read(request)?;
            let patched = patch::apply(shown, &changes).map_err(Refusal::Invalid)?;
            if !patched.is_object() {
                return Err(Refusal::Invalid("the patched client is not an object".into()));
            }
            replace(clients, id, registration(request_body::convert(patched)?)?).await
        }
        Method::DELETE => {
            clients.delete(id).await?;
            no_content()
        }
        _ => Err(Refusal::Method("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

fn registration(document: ClientDocument) -> Result<Registration> {
    document.registration().map_err(Refusal::Invalid)
}

async fn list(clients: &Clients<'_, impl ClientStore>, request: &HttpRequest, query: &Parameters) -> Result {
    let range = PageRange::of(query)?;
    let found = clients.list(ClientFilter {
        after: &range.after,
        name: query.get("client_name"),
        owner: query.get("owner"),
        limit: range.limit(),
    });
    let (found, next) = range.cut(request, query, found.await?, |found| found.client.id.clone());
    let shown: Vec<_> = found
        .iter()
        .map(|client| ShownClient::new(client, None))
        .collect();
    Ok(page(&shown, next.as_deref()))
}

async fn create(clients: &Clients<'_, impl ClientStore>, registration: Registration) -> Result {
    let new = clients.register(registration).await?;
    let shown = ShownClient::new(&new.client, new.secret.as_deref());
    let mut response = json(StatusCode::CREATED, &shown);
    let location = format!("/admin/clients/{}", new.client.client.id);
    set(&mut response, header::LOCATION, &location);
    Ok(response)
}

async fn replace(clients: &Clients<'_, impl ClientStore>, id: &str, registration: Registration) -> Result {
    let replaced = clients.replace(id, registration).await?;
    ok(&ShownClient::new(&replaced.client, replaced.secret.as_deref()))
}

/// Gives the client a new secret. The old one is no longer valid.
pub(super) async fn rotate_secret(
    clients: &Clients<'_, impl ClientStore>,
    request: &HttpRequest,
    id: &str,
) -> Result {
    if !is(request, &Method::POST) {
        return Err(Refusal::Method("POST"));
    }
    let rotated = clients.rotate_secret(id).await?;
    ok(&ShownClient::new(&rotated.client, rotated.secret.as_deref()))
}
