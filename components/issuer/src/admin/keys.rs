//! The keys that tokens are signed with: `/admin/keys/{set}`.
//!
//! One set signs both access tokens and ID tokens, and has both of Hydra's names. Private halves are never shown.

use http::Method;
use serde_json::Value;
use signing::SigningKey;

use super::{Refusal, Result, no_content, ok, request_body};
use crate::json::members;
use crate::keys::document::KeySet;
use crate::keys::service::{KeySealer, KeyStore, SigningKeys};
use crate::request::HttpRequest;

const SETS: [&str; 2] = ["hydra.openid.id-token", "hydra.jwt.access-token"];

pub(super) async fn set(
    keys: &SigningKeys<'_, impl KeyStore, impl KeySealer>,
    request: &HttpRequest,
    set: &str,
) -> Result {
    check_set(set)?;
    match *request.method() {
        Method::GET => ok(&KeySet::of(&keys.published().await?)),
        Method::POST => Err(Refusal::Unsupported(
            "keys are made outside of WebAssembly, where it takes a fraction of a second: make one and PUT it",
        )),
        Method::PUT => {
            let sent: KeySet = request_body::object(request)?;
            let [jwk] = <[_; 1]>::try_from(sent.keys).map_err(|_| {
                Refusal::Invalid("keys must have one key: the one that signs from now on".into())
            })?;
            let key = keys.import(SigningKey::from_jwk(&Value::Object(jwk))).await?;
            ok(&KeySet::of([&key]))
        }
        _ => Err(Refusal::Method("GET, HEAD, POST, PUT")),
    }
}

pub(super) async fn one(
    keys: &SigningKeys<'_, impl KeyStore, impl KeySealer>,
    request: &HttpRequest,
    set: &str,
    id: &str,
) -> Result {
    check_set(set)?;
    match *request.method() {
        Method::GET => {
            let published = keys.published().await?;
            let key = published.iter().find(|key| key.id == id);
            ok(&KeySet::of([key.ok_or(Refusal::NotFound)?]))
        }
        // A JWK or a PEM. No JSON begins with a dash and a letter.
        Method::PUT => {
            let key = match std::str::from_utf8(&request.body) {
                Ok(text) if text.trim_start().starts_with("-----BEGIN ") => SigningKey::from_pem(text),
                _ => SigningKey::from_jwk(&request_body::read(request)?),
            };
            ok(&members(&keys.import(key).await?.jwk))
        }
        Method::DELETE => match keys.remove(id).await? {
            true => no_content(),
            false => Err(Refusal::Conflict(
                "there is no such key, or it is the one that signs: import another one first",
            )),
        },
        _ => Err(Refusal::Method("GET, HEAD, PUT, DELETE")),
    }
}

fn check_set(set: &str) -> Result<()> {
    SETS.contains(&set).then_some(()).ok_or(Refusal::NotFound)
}
