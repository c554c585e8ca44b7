//! Public keys as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::service::PublishedKey;
use crate::authorization::document::members;

/// A JWK Set (RFC 7517, section 5), and Hydra's `jsonWebKeySet`.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct KeySet {
    #[serde(default)]
    pub(crate) keys: Vec<Map<String, Value>>,
}

impl KeySet {
    pub(crate) fn of<'a>(keys: impl IntoIterator<Item = &'a PublishedKey>) -> Self {
        Self {
            keys: keys.into_iter().map(|key| members(&key.jwk)).collect(),
        }
    }
}
