//! The component's variables, which `spin.toml` grants.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use spin_sdk::variables;

/// A variable could not be read. The text has its name, and never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variable {name}: {cause}")]
pub struct Error {
    name: &'static str,
    cause: String,
}

thread_local! {
    static KNOWN: RefCell<HashMap<&'static str, Rc<str>>> = RefCell::default();
}

/// The variable's value. An instance reads it from the host once.
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

/// The variable's value as a duration: a positive number of seconds, such as `10` or `0.5`.
///
/// # Errors
/// The variable cannot be read, or is not such a number.
pub async fn seconds(name: &'static str) -> Result<Duration, Error> {
    let value = get(name).await?;
    parse_seconds(&value).ok_or_else(|| Error {
        name,
        cause: "must be a number of seconds, more than 0 and at most 86400".into(),
    })
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    let is_valid = seconds > 0.0 && seconds <= 86_400.0;
    is_valid.then(|| Duration::from_secs_f64(seconds))
}

/// The host's own texts may quote a secret that they could not resolve.
fn describe(error: variables::Error) -> &'static str {
    match error {
        variables::Error::InvalidName(_) => "not a valid name",
        variables::Error::Undefined(_) => "not defined for this component in spin.toml",
        variables::Error::Provider(_) => "its provider failed",
        variables::Error::Other(_) => "not readable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_a_positive_number_of_seconds_up_to_a_day() {
        assert_eq!(parse_seconds("10"), Some(Duration::from_secs(10)));
        assert_eq!(parse_seconds(" 0.25 "), Some(Duration::from_millis(250)));
        for wrong in ["", "ten", "0", "-1", "inf", "NaN", "86401", "1e300", "10s"] {
            assert_eq!(parse_seconds(wrong), None, "{wrong:?} is not a duration");
        }
    }
}
