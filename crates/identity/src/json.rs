//! JSON objects, read so strictly that two readers cannot read them differently.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

pub(crate) type Object = Map<String, Value>;

/// The object that these bytes are, if they are one, in UTF-8, no more than 128 levels deep, and with no member name twice
/// in any of its objects.
///
/// RFC 7515 (section 4), RFC 7517 (section 4) and RFC 7519 (section 4) let a reader choose between refusing a name that
/// comes twice and taking the last one. Two readers that choose differently are an attack, so it is refused.
pub(crate) fn object(bytes: &[u8]) -> Option<Object> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((name, Strict(value))) = access.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member name comes twice"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = br#" {"a": [1, -2, 0.5, "\u00e9", null, true], "b": {"a": {}}} "#;
        let plain: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(object(text).map(Value::Object), Some(plain));
    }

    #[test]
    fn a_text_with_two_readings_is_refused() {
        let refused: [&[u8]; 12] = [
            b"",
            b"[]",
            b"null",
            b"\"{}\"",
            b"{} {}",
            b"{,}",
            b"{\"a\": NaN}",
            b"{\"a\": 1e999}",
            b"{\"a\": \"\xff\"}",
            b"{\"a\": 1, \"a\": 1}",
            b"{\"a\": 1, \"\\u0061\": 2}",
            b"{\"a\": [{\"b\": 1, \"b\": 2}]}",
        ];
        for text in refused {
            assert_eq!(object(text), None, "{} is refused", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth| format!("{}{}", "{\"a\":".repeat(depth) + "1", "}".repeat(depth));
        assert!(object(nested(100).as_bytes()).is_some(), "100 levels are read");
        assert_eq!(object(nested(200).as_bytes()), None, "200 levels are refused");
        assert_eq!(
            object("{\"a\":[".repeat(100_000).as_bytes()),
            None,
            "100,000 levels are refused before they fill the stack"
        );
    }
}
