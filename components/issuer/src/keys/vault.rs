//! Opens and seals signing keys. An instance opens a key once.

use std::{cell::RefCell, rc::Rc};

use signing::{SealingKey, SigningKey};

use super::service::{KeySealer, SealedSigningKey};
use crate::domain::failure::InternalFailure;

thread_local! {
    /// The last opened key, with its sealed form to recognize it.
    static LAST: RefCell<Option<(String, Rc<SigningKey>)>> = const { RefCell::new(None) };
}

/// Opens and seals signing keys. It has no `Debug` form, because it holds the sealing key.
#[derive(Clone)]
pub(crate) struct KeyVault {
    /// The variable `sealing_key`. It is parsed only when a key is opened or sealed.
    pub(crate) sealing_key: Rc<str>,
}

impl KeyVault {
    /// Returns the key, from this instance's memory if it was opened before. The database selects the signing key for
    /// every token, so a new key signs at once. An instance opens a key once; the library checks the key's numbers
    /// again for each signature.
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

    fn key(&self) -> Result<SealingKey, InternalFailure> {
        SealingKey::parse(&self.sealing_key).map_err(broken)
    }
}

impl KeySealer for KeyVault {
    fn seal(&self, key: &SigningKey) -> Result<String, InternalFailure> {
        self.key()?.seal(key).map_err(broken)
    }
}

fn broken(cause: signing::KeySealError) -> InternalFailure {
    InternalFailure::Broken(cause.to_string())
}
