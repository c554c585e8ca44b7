//! Clients: `/admin/clients`.

use http::{Method, StatusCode, header};
use serde_json::{Map, Value};

use super::{Page, Refusal, Result, body, is, no_content, ok, patch};
use crate::Issuer;
use crate::domain::form::Form;
use crate::domain::secret::{Hash, Token, new_id};
use crate::exchange::{Call, json_answer, set};
use crate::wire_client::{self, Wanted};

pub(super) async fn collection(issuer: &Issuer, call: &Call, query: &Form) -> Result {
    match *call.method() {
        Method::GET => list(issuer, call, query).await,
        Method::POST => create(issuer, wanted(&body(call)?)?).await,
        _ => Err(Refusal::Method("GET, HEAD, POST")),
    }
}

pub(super) async fn one(issuer: &Issuer, call: &Call, id: &str) -> Result {
    match *call.method() {
        Method::GET => {
            let client = issuer.store.client(id).await?.ok_or(Refusal::NotFound)?;
            ok(&wire_client::show(&client, None))
        }
        Method::PUT => replace(issuer, id, wanted(&body(call)?)?).await,
        Method::PATCH => {
            let client = issuer.store.client(id).await?.ok_or(Refusal::NotFound)?;
            let patched =
                patch::apply(wire_client::show(&client, None), &body(call)?).map_err(Refusal::Invalid)?;
            let patched = patched
                .as_object()
                .ok_or_else(|| Refusal::Invalid("a client is an object".into()))?;
            replace(issuer, id, wanted(patched)?).await
        }
        Method::DELETE => match issuer.store.delete_client(id).await? {
            true => no_content(),
            false => Err(Refusal::NotFound),
        },
        _ => Err(Refusal::Method("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

fn wanted(body: &Map<String, Value>) -> Result<Wanted> {
    wire_client::parse(body).map_err(Refusal::Invalid)
}

async fn list(issuer: &Issuer, call: &Call, query: &Form) -> Result {
    let page = Page::of(query)?;
    let clients = issuer.store.clients(
        &page.after,
        query.get("client_name"),
        query.get("owner"),
        page.limit(),
    );
    let (clients, next) = page.cut(call, query, clients.await?, |client| client.id.clone());
    let shown = clients
        .iter()
        .map(|client| wire_client::show(client, None))
        .collect();
    let mut response = json_answer(StatusCode::OK, &Value::Array(shown));
    if let Some(next) = next {
        set(&mut response, header::LINK, &next);
    }
    Ok(response)
}

/// Its secret, the given one or a new one, is shown in this answer and never again.
async fn create(issuer: &Issuer, wanted: Wanted) -> Result {
    let id = match wanted.id {
        Some(id) => id,
        None => new_id()?,
    };
    let secret = match (wanted.is_public, wanted.secret) {
        (true, _) => None,
        (false, Some(secret)) => Some(secret),
        (false, None) => Some(Token::new()?.reveal().to_owned()),
    };
    let hash = secret.as_deref().map(Hash::of);
    let added = issuer
        .store
        .add_client(&id, hash.as_ref(), &wanted.metadata)
        .await?;
    let client = added.ok_or(Refusal::Conflict("there is a client with this client_id"))?;
    let mut response = json_answer(
        StatusCode::CREATED,
        &wire_client::show(&client, secret.as_deref()),
    );
    set(&mut response, header::LOCATION, &format!("/admin/clients/{id}"));
    Ok(response)
}

/// Without a secret in it the client keeps the one that it has.
async fn replace(issuer: &Issuer, id: &str, wanted: Wanted) -> Result {
    let current = issuer.store.client(id).await?.ok_or(Refusal::NotFound)?;
    if !wanted.is_public && wanted.secret.is_none() && current.secret.is_none() {
        return Err(Refusal::Invalid(
            "a client that becomes confidential needs a client_secret".into(),
        ));
    }
    let hash = wanted.secret.as_deref().map(Hash::of);
    let replaced = issuer
        .store
        .replace_client(id, wanted.is_public, hash.as_ref(), &wanted.metadata);
    let client = replaced.await?.ok_or(Refusal::NotFound)?;
    let secret = wanted.secret.filter(|_| !wanted.is_public);
    ok(&wire_client::show(&client, secret.as_deref()))
}

/// A new secret; the old one counts no longer.
pub(super) async fn rotate_secret(issuer: &Issuer, call: &Call, id: &str) -> Result {
    if !is(call, &Method::POST) {
        return Err(Refusal::Method("POST"));
    }
    let current = issuer.store.client(id).await?.ok_or(Refusal::NotFound)?;
    if current.secret.is_none() {
        return Err(Refusal::Invalid("a public client has no secret".into()));
    }
    let secret = Token::new()?;
    let hash = secret.hash();
    let replaced = issuer
        .store
        .replace_client(id, false, Some(&hash), &current.metadata);
    let client = replaced.await?.ok_or(Refusal::NotFound)?;
    ok(&wire_client::show(&client, Some(secret.reveal())))
}
