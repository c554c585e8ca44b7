//! The kinds of protobuf values, each with its JSON form. The types are only names for generated code and have no
//! values.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::string::String as Text;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::number::{self, NotInteger};
use super::{Error, Reader, Writer};

/// How values of one protobuf type are read and written.
pub trait Kind {
    /// The Rust type of the values in prost.
    type Value;

    /// Reads a value. `None` for a value of a newer schema, which counts as absent.
    fn read(reader: &mut Reader<'_>) -> Result<Option<Self::Value>, Error>;

    /// Writes a value. The error is the reason why it has no JSON form.
    fn write(value: &Self::Value, writer: &mut Writer<'_>) -> Result<(), Error>;

    /// Whether this is the default value of a field.
    fn is_default(value: &Self::Value) -> bool;

    /// The value of `null` instead of a single value, if it does not mean absence.
    fn null() -> Option<Self::Value> {
        None
    }
}

/// The kinds that can be keys of a map. In JSON they are names of members.
pub trait Key: Kind<Value: Ord> {
    /// The key for `name`, or the fault in it.
    fn from_name(name: &str) -> Result<Self::Value, &'static str>;

    /// The key as a name.
    fn to_name(key: &Self::Value) -> Cow<'_, str>;
}

/// `bool`.
#[derive(Debug)]
pub enum Bool {}

impl Kind for Bool {
    type Value = bool;

    fn read(reader: &mut Reader<'_>) -> Result<Option<bool>, Error> {
        reader.boolean().map(Some)
    }

    fn write(value: &bool, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.boolean(*value);
        Ok(())
    }

    fn is_default(value: &bool) -> bool {
        !value
    }
}

impl Key for Bool {
    fn from_name(name: &str) -> Result<bool, &'static str> {
        name.parse()
            .map_err(|_| "expected \"true\" or \"false\" as the key")
    }

    fn to_name(key: &bool) -> Cow<'_, str> {
        Cow::Borrowed(if *key { "true" } else { "false" })
    }
}

/// Declares the kind of an integer type; `$quotes` surround it in JSON if it may be too large for JavaScript's numbers.
macro_rules! integer {
    ($(#[$documentation:meta])* $kind:ident, $value:ty, $quotes:literal, $out_of_range:literal) => {
        $(#[$documentation])*
        #[derive(Debug)]
        pub enum $kind {}

        impl Kind for $kind {
            type Value = $value;

            fn read(reader: &mut Reader<'_>) -> Result<Option<$value>, Error> {
                let start = reader.clone();
                let text = number_text(reader)?;
                Self::from_name(&text).map(Some).map_err(|problem| start.error(problem))
            }

            fn write(value: &$value, writer: &mut Writer<'_>) -> Result<(), Error> {
                writer.display(format_args!(concat!($quotes, "{}", $quotes), value));
                Ok(())
            }

            fn is_default(value: &$value) -> bool {
                *value == 0
            }
        }

        impl Key for $kind {
            fn from_name(name: &str) -> Result<$value, &'static str> {
                // Digits alone are by far the most common form, and a valid number.
                if let (Ok(value), Some(b'1'..=b'9')) = (name.parse(), name.bytes().next()) {
                    return Ok(value);
                }
                if !number::is_number(name) {
                    return Err("expected an integer");
                }
                match number::integer(name) {
                    Ok(value) => value.try_into().map_err(|_| $out_of_range),
                    Err(NotInteger::TooLarge) => Err($out_of_range),
                    Err(NotInteger::Fraction) => Err("expected an integer, found a fraction"),
                }
            }

            fn to_name(key: &$value) -> Cow<'_, str> {
                Cow::Owned(key.to_string())
            }
        }
    };
}

integer!(
    /// `int32`, `sint32` and `sfixed32`.
    Int32, i32, "", "out of range: -2147483648 to 2147483647"
);
integer!(
    /// `uint32` and `fixed32`.
    Uint32, u32, "", "out of range: 0 to 4294967295"
);
integer!(
    /// `int64`, `sint64` and `sfixed64`: written as strings.
    Int64, i64, "\"", "out of range: -9223372036854775808 to 9223372036854775807"
);
integer!(
    /// `uint64` and `fixed64`: written as strings.
    Uint64, u64, "\"", "out of range: 0 to 18446744073709551615"
);

/// The text of a number, which may be inside a string.
fn number_text<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Error> {
    if reader.is_string() {
        reader.string()
    } else {
        reader.number().map(Cow::Borrowed)
    }
}

/// Declares the kind of a floating-point type.
macro_rules! float {
    ($(#[$documentation:meta])* $kind:ident, $value:ty) => {
        $(#[$documentation])*
        #[derive(Debug)]
        pub enum $kind {}

        impl Kind for $kind {
            type Value = $value;

            fn read(reader: &mut Reader<'_>) -> Result<Option<$value>, Error> {
                let start = reader.clone();
                let text = number_text(reader)?;
                let named = match &*text {
                    "NaN" => Some(<$value>::NAN),
                    "Infinity" => Some(<$value>::INFINITY),
                    "-Infinity" => Some(<$value>::NEG_INFINITY),
                    _ => None,
                };
                if named.is_some() {
                    return Ok(named);
                }
                match text.parse::<$value>() {
                    Ok(value) if number::is_number(&text) && value.is_finite() => Ok(Some(value)),
                    Ok(_) if number::is_number(&text) => Err(start.error("out of range")),
                    _ => Err(start.error("expected a number, \"NaN\", \"Infinity\" or \"-Infinity\"")),
                }
            }

            fn write(value: &$value, writer: &mut Writer<'_>) -> Result<(), Error> {
                match *value {
                    value if value.is_nan() => writer.raw("\"NaN\""),
                    <$value>::INFINITY => writer.raw("\"Infinity\""),
                    <$value>::NEG_INFINITY => writer.raw("\"-Infinity\""),
                    // The shortest form of the largest float, read as a double, is larger than that float, and
                    // @bufbuild/protobuf refuses it.
                    value if value.abs() == <$value>::MAX => {
                        writer.display(format_args!("{:?}", f64::from(value)));
                    }
                    value => writer.display(format_args!("{value:?}")),
                }
                Ok(())
            }

            fn is_default(value: &$value) -> bool {
                // The negative zero is a different value.
                value.to_bits() == 0
            }
        }
    };
}

float!(
    /// `float`: the shortest decimal that reads back as the same 32 bits, but all digits of the largest float.
    Float, f32
);
float!(
    /// `double`: the shortest decimal that reads back as the same 64 bits.
    Double, f64
);

/// `string`.
#[derive(Debug)]
pub enum String {}

impl Kind for String {
    type Value = Text;

    fn read(reader: &mut Reader<'_>) -> Result<Option<Text>, Error> {
        Ok(Some(reader.string()?.into_owned()))
    }

    fn write(value: &Text, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.string(value);
        Ok(())
    }

    fn is_default(value: &Text) -> bool {
        value.is_empty()
    }
}

impl Key for String {
    fn from_name(name: &str) -> Result<Text, &'static str> {
        Ok(name.to_owned())
    }

    fn to_name(key: &Text) -> Cow<'_, str> {
        Cow::Borrowed(key)
    }
}

/// `bytes`: base64 with padding; read with or without it, in the standard and the URL-safe alphabet.
#[derive(Debug)]
pub enum Bytes {}

/// The mapping requires that all of these are accepted: padding, no padding, and unused bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

impl Kind for Bytes {
    type Value = Vec<u8>;

    fn read(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Error> {
        let start = reader.clone();
        let text = reader.string()?;
        decode_base64(&text)
            .map(Some)
            .ok_or_else(|| start.error("expected base64"))
    }

    fn write(value: &Vec<u8>, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.string(&BASE64.encode(value));
        Ok(())
    }

    fn is_default(value: &Vec<u8>) -> bool {
        value.is_empty()
    }
}

/// The decoded bytes of `text` in either alphabet, with or without padding.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) {
        BASE64_URL
    } else {
        BASE64
    };
    engine.decode(text).ok()
}

/// An enum. Numbers without a name are kept and written as numbers. Unknown names are refused, or ignored if the [`Reader`]
/// is set to ignore them.
#[derive(Debug)]
pub struct Enum<E>(PhantomData<E>);

impl<E: super::Enum> Kind for Enum<E> {
    type Value = i32;

    fn read(reader: &mut Reader<'_>) -> Result<Option<i32>, Error> {
        if !reader.is_string() {
            return Int32::read(reader);
        }
        let start = reader.clone();
        let name = reader.string()?;
        let known = E::NAMES.iter().find(|(known, _)| *known == name);
        match known {
            None if !reader.ignores_unknown_enum_names() => Err(start.error(expected_one_of(E::NAMES))),
            known => Ok(known.map(|(_, number)| *number)),
        }
    }

    fn write(value: &i32, writer: &mut Writer<'_>) -> Result<(), Error> {
        match E::NAMES.iter().find(|(_, number)| number == value) {
            Some((name, _)) => writer.string(name),
            None => writer.display(format_args!("{value}")),
        }
        Ok(())
    }

    fn is_default(value: &i32) -> bool {
        *value == 0
    }
}

fn expected_one_of(names: &[(&str, i32)]) -> Text {
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    format!(
        "unknown name of an enum's value, expected one of {}",
        names.join(", ")
    )
}

/// `google.protobuf.NullValue`: the only enum that is `null` in JSON.
#[derive(Debug)]
pub enum NullValue {}

impl Kind for NullValue {
    type Value = i32;

    fn read(reader: &mut Reader<'_>) -> Result<Option<i32>, Error> {
        if reader.null()? {
            return Ok(Some(0));
        }
        if !reader.is_string() {
            return Int32::read(reader);
        }
        let start = reader.clone();
        match reader.string()? == "NULL_VALUE" {
            false if !reader.ignores_unknown_enum_names() => {
                Err(start.error(expected_one_of(&[("NULL_VALUE", 0)])))
            }
            is_known => Ok(is_known.then_some(0)),
        }
    }

    fn write(_: &i32, writer: &mut Writer<'_>) -> Result<(), Error> {
        writer.null();
        Ok(())
    }

    fn is_default(value: &i32) -> bool {
        *value == 0
    }

    fn null() -> Option<i32> {
        Some(0)
    }
}

/// A message.
#[derive(Debug)]
pub struct Message<M>(PhantomData<M>);

impl<M: super::Message> Kind for Message<M> {
    type Value = M;

    fn read(reader: &mut Reader<'_>) -> Result<Option<M>, Error> {
        M::read_json(reader).map(Some)
    }

    fn write(value: &M, writer: &mut Writer<'_>) -> Result<(), Error> {
        value.write_json(writer)
    }

    /// A message has explicit presence, so a message that is present is always written.
    fn is_default(_: &M) -> bool {
        false
    }

    fn null() -> Option<M> {
        M::null()
    }
}
