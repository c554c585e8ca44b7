//! The key that signs, unsealed once an instance.

use std::{cell::RefCell, rc::Rc};

use signing::{SealingKey, SigningKey};

use crate::Issuer;
use crate::exchange::Failure;
use crate::settings;

/// The variable with what keys are sealed with in the database.
const SEALING_KEY: &str = "sealing_key";

/// What signs a token, and what time it is.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) key: Rc<SigningKey>,
    /// The database's clock: seconds since 1970.
    pub(crate) now: i64,
}

thread_local! {
    /// The last one, by what the database had of it: another key has another seal.
    static KNOWN: RefCell<Option<(String, Rc<SigningKey>)>> = const { RefCell::new(None) };
}

/// The key that signs now. Which one that is comes from the database each time, so that a new key counts at once; reading it
/// (which checks the numbers) is done once an instance.
pub(crate) async fn signer(issuer: &Issuer) -> Result<Signer, Failure> {
    let sealed = issuer.store.signing_key().await?.ok_or(Failure::NoKey)?;
    let known = KNOWN.with_borrow(|known| {
        let known = known.as_ref().filter(|(seal, _)| *seal == sealed.sealed);
        known.map(|(_, key)| Rc::clone(key))
    });
    let key = match known {
        Some(key) => key,
        None => {
            let key = sealing_key().await?.open(&sealed.id, &sealed.sealed);
            let key = Rc::new(key.map_err(|error| Failure::Broken(error.to_string()))?);
            KNOWN.set(Some((sealed.sealed, Rc::clone(&key))));
            key
        }
    };
    Ok(Signer { key, now: sealed.now })
}

/// What keys are sealed with.
pub(crate) async fn sealing_key() -> Result<SealingKey, Failure> {
    let text = settings::get(SEALING_KEY).await.map_err(Failure::Broken)?;
    SealingKey::parse(&text).map_err(|error| Failure::Broken(error.to_string()))
}
