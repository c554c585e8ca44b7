//! Public keys as JSON.

use std::{cell::RefCell, rc::Rc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use signing::VerifyingKeys;

use super::service::PublishedKey;
use crate::json::members;

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

thread_local! {
    /// The keys that verified the last token, and their parsed form.
    static LAST: RefCell<Option<(Vec<PublishedKey>, Rc<VerifyingKeys>)>> = const { RefCell::new(None) };
}

/// These keys in parsed form. An instance parses them once, until the database has other keys.
pub(crate) fn verifying_keys(keys: Vec<PublishedKey>) -> Rc<VerifyingKeys> {
    let last = LAST.with_borrow(|last| {
        let last = last.as_ref().filter(|(known, _)| *known == keys);
        last.map(|(_, parsed)| Rc::clone(parsed))
    });
    if let Some(parsed) = last {
        return parsed;
    }
    let jwks: Vec<Value> = keys.iter().map(|key| members(&key.jwk).into()).collect();
    let parsed = Rc::new(VerifyingKeys::new(&jwks));
    LAST.set(Some((keys, Rc::clone(&parsed))));
    parsed
}
