//! The keys that tokens are signed with: `/admin/keys/{set}`.
//!
//! One set signs access tokens and ID tokens alike; it answers to both of Hydra's names. Nothing private is ever shown.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use signing::{KeyError, SigningKey};

use super::{Refusal, Result, body, no_content, ok};
use crate::Issuer;
use crate::exchange::{Call, json_answer};
use crate::keys::sealing_key;
use crate::store::Added;

const SETS: [&str; 2] = ["hydra.openid.id-token", "hydra.jwt.access-token"];

pub(super) async fn set(issuer: &Issuer, call: &Call, set: &str) -> Result {
    known(set)?;
    match *call.method() {
        Method::GET => ok(&json!({ "keys": issuer.store.published_keys().await? })),
        Method::POST => Err(Refusal::Unsupported(
            "keys are made outside of WebAssembly, where it takes a fraction of a second: make one and PUT it",
        )),
        Method::PUT => {
            let body: Value = body(call)?;
            let keys = body.get("keys").and_then(Value::as_array).map(Vec::as_slice);
            let Some([jwk]) = keys else {
                return Err(Refusal::Invalid(
                    "the set has to have one key: the one that signs from now on".into(),
                ));
            };
            let key = import(issuer, SigningKey::from_jwk(jwk)).await?;
            ok(&json!({ "keys": [key] }))
        }
        _ => Err(Refusal::Method("GET, HEAD, POST, PUT")),
    }
}

pub(super) async fn one(issuer: &Issuer, call: &Call, set: &str, id: &str) -> Result {
    known(set)?;
    match *call.method() {
        Method::GET => {
            let keys = issuer.store.published_keys().await?;
            let key = keys
                .into_iter()
                .find(|key| key.get("kid").is_some_and(|kid| kid == id));
            ok(&json!({ "keys": [key.ok_or(Refusal::NotFound)?] }))
        }
        // A JWK, or a PEM: whatever begins with dashes is no JSON.
        Method::PUT => {
            let key = match std::str::from_utf8(&call.body) {
                Ok(text) if text.trim_start().starts_with("-----BEGIN ") => SigningKey::from_pem(text),
                _ => SigningKey::from_jwk(&body(call)?),
            };
            Ok(json_answer(StatusCode::OK, &import(issuer, key).await?))
        }
        Method::DELETE => match issuer.store.remove_key(id).await? {
            true => no_content(),
            false => Err(Refusal::Conflict(
                "there is no such key, or it signs: import another one first",
            )),
        },
        _ => Err(Refusal::Method("GET, HEAD, PUT, DELETE")),
    }
}

fn known(set: &str) -> Result<()> {
    SETS.contains(&set).then_some(()).ok_or(Refusal::NotFound)
}

/// Has a key sign from now on. It is named by its thumbprint, whatever name it came with.
async fn import(issuer: &Issuer, key: std::result::Result<SigningKey, KeyError>) -> Result<Value> {
    let key = key.map_err(|error| Refusal::Invalid(error.to_string()))?;
    let sealed = sealing_key().await?.seal(&key);
    let sealed = sealed.map_err(|error| crate::exchange::Failure::Broken(error.to_string()))?;
    match issuer.store.add_key(key.id(), &sealed, &key.public_jwk()).await? {
        Added::Added => Ok(key.public_jwk()),
        Added::Conflict => Err(Refusal::Conflict(
            "the key is here already, or another one came at the same time",
        )),
    }
}
