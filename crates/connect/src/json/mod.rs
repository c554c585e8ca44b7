//! The JSON form of protobuf messages, exactly as in the [proto3 JSON mapping][spec].
//!
//! The trait [`Message`] reads and writes one message type. connect-build generates the implementations, and `well_known`
//! has those of the `google.protobuf` types. They use three parts: [`Reader`] and [`Writer`] handle JSON without protobuf,
//! [`kind`] has the form of each scalar type, and [`ObjectReader`] and [`ObjectWriter`] handle the cardinality of fields.
//!
//! Reading is strict where the mapping leaves no choice, and lenient where it requires that: names are accepted in
//! lowerCamelCase and as in the .proto file, unknown names of fields are ignored, `null` means absent. A repeated name is
//! refused, and so are two members of one oneof. An unknown name of an enum's value is refused in a request, because a
//! request without its filter would get a wrong answer. In an answer it is ignored, because a server may be newer than its
//! client. Errors name the path of the field and never repeat its value, which may be a secret.
//!
//! [spec]: https://protobuf.dev/programming-guides/json/

mod any;
mod error;
pub mod kind;
mod number;
mod object;
mod reader;
mod scan;
mod time;
mod well_known;
mod writer;

pub use any::{AnyType, Types};
pub use error::Error;
pub use object::{ObjectReader, ObjectWriter};
pub use reader::Reader;
pub use writer::Writer;

/// The maximum depth of objects and arrays together: twice protobuf's own limit for nested messages, because each message
/// may be the element of a list. It prevents that a request exhausts the stack.
pub const DEPTH_LIMIT: usize = 202;

/// A protobuf message with a JSON form. Implemented by generated code.
pub trait Message: prost::Message + Default {
    /// Whether the JSON form is an object with one member per field. It is not for most `google.protobuf` types, and
    /// then `google.protobuf.Any` nests it under `"value"`.
    const IS_PLAIN_OBJECT: bool = true;

    /// Reads one message at the position of `reader`, up to and including its last character.
    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error>;

    /// The value of `null` instead of the message, if it does not mean absence.
    fn null() -> Option<Self> {
        None
    }

    /// Writes the message. Fails for values that have no JSON form, such as a timestamp in the year 12000.
    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error>;

    /// The value of a singular `string` field, by its name in the .proto file. `None` if there is no such field, or it is
    /// absent. It is for rules that hold for many messages.
    fn text_field(&self, _name: &str) -> Option<&str> {
        None
    }
}

/// [`Message::text_field`] of a message of any type.
pub trait TextFields {
    /// See [`Message::text_field`].
    fn text_field(&self, name: &str) -> Option<&str>;
}

impl<M: Message> TextFields for M {
    fn text_field(&self, name: &str) -> Option<&str> {
        Message::text_field(self, name)
    }
}

impl<M: Message> Message for Box<M> {
    const IS_PLAIN_OBJECT: bool = M::IS_PLAIN_OBJECT;

    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        M::read_json(reader).map(Box::new)
    }

    fn null() -> Option<Self> {
        M::null().map(Box::new)
    }

    fn text_field(&self, name: &str) -> Option<&str> {
        M::text_field(self, name)
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        (**self).write_json(writer)
    }
}

/// A protobuf enum with a JSON form. Implemented by generated code.
pub trait Enum {
    /// Every name with its number, in the order of declaration; with aliases, the first name of a number is the one
    /// that is written.
    const NAMES: &'static [(&'static str, i32)];
}

/// Reads a message from a whole JSON text. `types` are the messages that are allowed inside a `google.protobuf.Any`.
pub fn from_slice<M: Message>(json: &[u8], types: &Types) -> Result<M, Error> {
    read_whole(Reader::new(utf8(json)?, types))
}

/// As [`from_slice`], for a text from a peer whose schema may be newer: unknown names of enums' values are ignored.
pub fn from_slice_of_newer_schema<M: Message>(json: &[u8], types: &Types) -> Result<M, Error> {
    read_whole(Reader::new(utf8(json)?, types).ignoring_unknown_enum_names())
}

fn utf8(json: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(json)
        .map_err(|error| Error::at("the JSON text is not valid UTF-8", json, error.valid_up_to()))
}

fn read_whole<M: Message>(mut reader: Reader<'_>) -> Result<M, Error> {
    let message = M::read_json(&mut reader)?;
    reader.finish()?;
    Ok(message)
}

/// Writes a message as JSON text without spaces. `types` are the messages that are allowed inside a `google.protobuf.Any`.
pub fn to_vec<M: Message>(message: &M, types: &Types) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(types);
    message.write_json(&mut writer)?;
    match writer.is_too_deep() {
        true => Err(Error::new(format!("nested deeper than {DEPTH_LIMIT} levels"))),
        false => Ok(writer.into_bytes()),
    }
}
