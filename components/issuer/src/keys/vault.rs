//! Opens and seals signing keys, and parses public ones. Each happens once in an instance.

use std::{cell::RefCell, rc::Rc};

use serde_json::Value;
use signing::{SealingKey, SigningKey, VerifyingKeys};

use super::service::{PublishedKey, SealedSigningKey};
use crate::domain::failure::InternalFailure;

thread_local! {
    /// The last key, by its sealed form: another key has another one.
    static LAST: RefCell<Option<(String, Rc<SigningKey>)>> = const { RefCell::new(None) };

    /// The last public keys, in their parsed form.
    static LAST_PUBLIC: RefCell<Option<(Vec<PublishedKey>, Rc<VerifyingKeys>)>> = const { RefCell::new(None) };
}

/// Opens and seals signing keys. It has no `Debug` form, because it holds the sealing key.
#[derive(Clone)]
pub(crate) struct KeyVault {
    /// The variable `sealing_key`. It is parsed only when a key is opened or sealed.
    pub(crate) sealing_key: Rc<str>,
}

impl KeyVault {
    /// The key, from this instance's memory if it was opened before. Which key signs comes from the database with every token, so
    /// that a new key signs at once; opening it, which checks its numbers, happens once in an instance.
    pub(crate) fn open(&self, sealed: SealedSigningKey) -> Result<Rc<SigningKey>, InternalFailure> {
        let last = LAST.with_borrow(|last| {
            let last = last.as_ref().filter(|(seal, _)| *seal == sealed.sealed);
            last.map(|(_, key)| Rc::clone(key))
        });
        if let Some(key) = last {
            return Ok(key);
        }
        let key = Rc::new(self.key()?.open(&sealed.id, &sealed.sealed).map_err(broken)?);
        LAST.set(Some((sealed.sealed, Rc::clone(&key))));
        Ok(key)
    }

    /// The key as the database stores it.
    pub(crate) fn seal(&self, key: &SigningKey) -> Result<String, InternalFailure> {
        self.key()?.seal(key).map_err(broken)
    }

    fn key(&self) -> Result<SealingKey, InternalFailure> {
        SealingKey::parse(&self.sealing_key).map_err(broken)
    }
}

/// These keys, from this instance's memory if the last token was verified with the same ones.
pub(crate) fn verifying_keys(keys: Vec<PublishedKey>) -> Rc<VerifyingKeys> {
    let last = LAST_PUBLIC.with_borrow(|last| {
        let last = last.as_ref().filter(|(known, _)| *known == keys);
        last.map(|(_, parsed)| Rc::clone(parsed))
    });
    if let Some(parsed) = last {
        return parsed;
    }
    let jwks: Vec<Value> = keys
        .iter()
        .filter_map(|key| serde_json::from_str(key.jwk.as_str()).ok())
        .collect();
    let parsed = Rc::new(VerifyingKeys::new(&jwks));
    LAST_PUBLIC.set(Some((keys, Rc::clone(&parsed))));
    parsed
}

fn broken(cause: signing::KeySealError) -> InternalFailure {
    InternalFailure::Broken(cause.to_string())
}
