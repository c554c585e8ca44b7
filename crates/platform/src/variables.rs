//! The component's variables, as `spin.toml` grants them.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use spin_sdk::variables;

/// A variable could not be read. Says which; never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variable {name}: {cause}")]
pub struct Error {
    name: &'static str,
    cause: String,
}

thread_local! {
    static KNOWN: RefCell<HashMap<&'static str, Rc<str>>> = RefCell::default();
}

/// The variable's value, asked of the host once and then kept for the life of the instance.
pub async fn get(name: &'static str) -> Result<Rc<str>, Error> {
    if let Some(value) = KNOWN.with_borrow(|known| known.get(name).cloned()) {
        return Ok(value);
    }
    let value: Rc<str> = variables::get(name)
        .await
        .map_err(|error| Error {
            name,
            cause: describe(error).into(),
        })?
        .into();
    KNOWN.with_borrow_mut(|known| known.insert(name, value.clone()));
    Ok(value)
}

/// The host's own texts may quote what they could not resolve.
fn describe(error: variables::Error) -> &'static str {
    match error {
        variables::Error::InvalidName(_) => "not a valid name",
        variables::Error::Undefined(_) => "not defined for this component in spin.toml",
        variables::Error::Provider(_) => "its provider failed",
        variables::Error::Other(_) => "not readable",
    }
}
