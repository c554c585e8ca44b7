//! Lua scripts with keys, arguments and answers by name, so that Rust and Lua do not have to agree on positions.

use std::collections::HashMap;

use keyspace::RedisKey;
use sha1::{Digest as _, Sha1};

use super::{Argument, Error, Value};

/// The beginning of every script. It provides the keys and arguments by their names.
const NAMES: &str = include_str!("names.lua");

/// A Lua script. Redis identifies it by the digest of its text.
///
/// The script finds its keys in `keys` and its arguments in `arguments`, and ends with `return answer({ … })`.
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    digest: String,
}

impl Script {
    /// A script that consists of these parts, in this order.
    pub fn new(parts: &[&str]) -> Self {
        let text = [&[NAMES], parts].concat().concat();
        let digest = sha1(&text);
        Self { text, digest }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

/// As lower-case hexadecimal digits.
fn sha1(text: &str) -> String {
    let digest = Sha1::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The arguments of `EVAL` after the script: the number of keys, the keys, their names, and each argument after its name.
/// `names.lua` reads them.
pub(super) fn encode<'a>(
    keys: &[(&'a str, &'a dyn RedisKey)],
    arguments: &[(&'a str, Argument<'a>)],
) -> Vec<Argument<'a>> {
    let mut call = vec![Argument::Number(keys.len() as i64)];
    call.extend(keys.iter().map(|(_, key)| Argument::Text(key.as_str())));
    call.extend(keys.iter().map(|(name, _)| Argument::Text(name)));
    call.extend(
        arguments
            .iter()
            .flat_map(|(name, argument)| [Argument::Text(name), *argument]),
    );
    call
}

/// The answer of a script: values by their names. A value that the script leaves out is missing.
#[derive(Debug, Default)]
pub struct NamedValues(HashMap<String, Value>);

impl NamedValues {
    pub(super) fn read(values: Vec<Value>) -> Result<Self, Error> {
        let mut named = HashMap::with_capacity(values.len() / 2);
        let mut values = values.into_iter();
        while let Some(name) = values.next() {
            let name = name.text()?.ok_or(Error::Unexpected)?;
            named.insert(name, values.next().ok_or(Error::Unexpected)?);
        }
        Ok(Self(named))
    }

    /// Removes a value from the answer and returns it.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Takes bytes; `None` for a missing or an empty value.
    ///
    /// # Errors
    /// The value is a number.
    pub fn take_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.take(name).map_or(Ok(None), Value::bytes)
    }

    /// Takes a text; `None` for a missing or an empty value.
    ///
    /// # Errors
    /// The value is a number, or not UTF-8.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.take(name).map_or(Ok(None), Value::text)
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// The value is missing, or not a number.
    pub fn take_number(&mut self, name: &str) -> Result<i64, Error> {
        self.take(name).ok_or(Error::Unexpected)?.number()
    }
}

#[cfg(test)]
mod tests {
    use spin_sdk::redis::RedisResult;

    use super::*;

    #[test]
    fn script_is_known_by_the_sha_1_of_its_text() {
        assert_eq!(sha1("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        let script = Script::new(&["return ", "answer({})"]);
        assert!(script.text().starts_with(NAMES) && script.text().ends_with("\nreturn answer({})"));
        assert_eq!(script.digest(), sha1(script.text()));
    }

    #[test]
    fn names_of_keys_follow_the_keys_and_precede_the_arguments() {
        let key = keyspace::SigningKeysKey::new("akinai");
        let call = encode(&[("signing_keys", &key)], &[("pause", Argument::Number(5))]);
        let call: Vec<String> = call.iter().map(|argument| format!("{argument:?}")).collect();
        let expected = [
            "Number(1)",
            "Text(\"akinai:jwks\")",
            "Text(\"signing_keys\")",
            "Text(\"pause\")",
            "Number(5)",
        ];
        assert_eq!(call, expected);
    }

    #[test]
    fn values_of_an_answer_are_found_by_their_names() {
        let text = |text: &str| Value(RedisResult::Binary(text.as_bytes().to_vec()));
        let answer = vec![
            text("limit"),
            Value(RedisResult::Int64(3)),
            text("decision"),
            text("allowed"),
            text("empty"),
            text(""),
        ];
        let mut answer = NamedValues::read(answer).expect("pairs");
        assert_eq!(answer.take_text("decision").unwrap().as_deref(), Some("allowed"));
        assert_eq!(answer.take_number("limit").unwrap(), 3);
        assert_eq!(answer.take_bytes("empty").unwrap(), None);
        assert_eq!(answer.take_bytes("missing").unwrap(), None);
        assert!(answer.take_number("missing").is_err(), "a number is not optional");
        assert!(
            NamedValues::read(vec![text("limit")]).is_err(),
            "a name without a value"
        );
    }
}
