//! The JSON forms of the `google.protobuf` types. All of them except that of Empty are special.

use super::kind::{self, Kind};
use super::time;
use super::{Error, Message, Reader, Writer};
use crate::wkt::value::Kind as ValueKind;
use crate::wkt::{Duration, FieldMask, ListValue, Struct, Timestamp, Value};

impl Message for Timestamp {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        read_text(reader, time::parse_timestamp)
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.string(&time::format_timestamp(self).map_err(Error::new)?);
        Ok(())
    }
}

impl Message for Duration {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        read_text(reader, time::parse_duration)
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.string(&time::format_duration(self).map_err(Error::new)?);
        Ok(())
    }
}

impl Message for FieldMask {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        read_text(reader, |text| {
            let paths = text.split(',').filter(|_| !text.is_empty());
            let paths = paths
                .map(|path| snake_case(path).ok_or("expected paths in lowerCamelCase, separated by commas"));
            Ok(FieldMask {
                paths: paths.collect::<Result<_, _>>()?,
            })
        })
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        let paths = self
            .paths
            .iter()
            .map(|path| camel_case(path).ok_or("a path that has no lowerCamelCase form"));
        let paths = paths.collect::<Result<Vec<_>, _>>().map_err(Error::new)?;
        writer.string(&paths.join(","));
        Ok(())
    }
}

/// `image_url` as `imageUrl`, if the conversion can be reversed.
fn camel_case(path: &str) -> Option<String> {
    let mut camel = String::with_capacity(path.len());
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '_' => camel.push(
                characters
                    .next()
                    .filter(char::is_ascii_lowercase)?
                    .to_ascii_uppercase(),
            ),
            'A'..='Z' => return None,
            other => camel.push(other),
        }
    }
    Some(camel)
}

/// `imageUrl` as `image_url`.
fn snake_case(path: &str) -> Option<String> {
    let mut snake = String::with_capacity(path.len() + 4);
    for character in path.chars() {
        match character {
            '_' => return None,
            'A'..='Z' => snake.extend(['_', character.to_ascii_lowercase()]),
            other => snake.push(other),
        }
    }
    Some(snake)
}

/// Reads a string and converts it with `parse`.
fn read_text<T>(
    reader: &mut Reader<'_>,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, Error> {
    let start = reader.clone();
    let text = reader.string()?;
    parse(&text).map_err(|problem| start.error(problem))
}

impl Message for Struct {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut fields = std::collections::BTreeMap::new();
        super::object::read_map::<kind::String, kind::Message<Value>>(reader, &mut fields)?;
        Ok(Struct { fields })
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        super::object::write_map::<kind::String, kind::Message<Value>>(&self.fields, writer)
    }
}

impl Message for ListValue {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut values = Vec::new();
        super::object::read_list::<kind::Message<Value>>(reader, &mut values)?;
        Ok(ListValue { values })
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        super::object::write_list::<kind::Message<Value>>(&self.values, writer)
    }
}

impl Message for Value {
    const IS_PLAIN_OBJECT: bool = false;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let kind = match reader.peek() {
            Some(b'n') => reader.null().map(|_| ValueKind::NullValue(0)),
            Some(b't' | b'f') => reader.boolean().map(ValueKind::BoolValue),
            Some(b'"') => Ok(ValueKind::StringValue(reader.string()?.into_owned())),
            Some(b'{') => Struct::read_json(reader).map(ValueKind::StructValue),
            Some(b'[') => ListValue::read_json(reader).map(ValueKind::ListValue),
            Some(b'-' | b'0'..=b'9') => f64::read_json(reader).map(ValueKind::NumberValue),
            _ => Err(reader.expected("a value")),
        };
        Ok(Value { kind: Some(kind?) })
    }

    fn null() -> Option<Self> {
        Some(Value {
            kind: Some(ValueKind::NullValue(0)),
        })
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        match &self.kind {
            Some(ValueKind::NullValue(_)) => writer.null(),
            Some(ValueKind::BoolValue(value)) => writer.boolean(*value),
            Some(ValueKind::StringValue(value)) => writer.string(value),
            Some(ValueKind::StructValue(value)) => value.write_json(writer)?,
            Some(ValueKind::ListValue(value)) => value.write_json(writer)?,
            Some(ValueKind::NumberValue(value)) if value.is_finite() => value.write_json(writer)?,
            Some(ValueKind::NumberValue(_)) => {
                return Err(Error::new(
                    "a google.protobuf.Value holds a number that is not finite",
                ));
            }
            None => return Err(Error::new("a google.protobuf.Value holds nothing")),
        }
        Ok(())
    }
}

/// `google.protobuf.Empty`.
impl Message for () {
    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut object = reader.object()?;
        while object.next_name()?.is_some() {
            object.ignore()?;
        }
        Ok(())
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.object().end();
        Ok(())
    }
}

/// The wrappers (`google.protobuf.StringValue` and so on) have the form of the wrapped type.
macro_rules! wrapper {
    ($($type:ty: $kind:ty;)*) => {
        $(impl Message for $type {
            const IS_PLAIN_OBJECT: bool = false;

            fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
                <$kind>::read(reader).map(Option::unwrap_or_default)
            }

            fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
                <$kind>::write(self, writer)
            }
        })*
    };
}

wrapper! {
    bool: kind::Bool;
    i32: kind::Int32;
    u32: kind::Uint32;
    i64: kind::Int64;
    u64: kind::Uint64;
    f32: kind::Float;
    f64: kind::Double;
    String: kind::String;
    Vec<u8>: kind::Bytes;
}
