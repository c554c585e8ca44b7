//! Code for the proto3 JSON form of messages and enums. It only lists the fields; `connect::json` knows the rules.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::Error;
use crate::names::{snake, type_path, upper_camel};
use crate::schema::{Declarations, Enum, Message, qualified};

pub(crate) fn generate(package: &str, files: &[&FileDescriptorProto]) -> Result<String, Error> {
    let declarations = Declarations::of(files);
    let mut code = String::new();
    for message in &declarations.messages {
        code.push_str(&message_impl(package, message)?);
    }
    for declared in &declarations.enums {
        code.push_str(&enum_impl(package, declared));
    }
    code.push_str(&types(package, &declarations.messages));
    Ok(code)
}

/// The list of the package's messages, for those that meet them in a `google.protobuf.Any`.
fn types(package: &str, messages: &[Message<'_>]) -> String {
    let entries = messages.iter().map(|Message { full_name, .. }| {
        format!(
            "::connect::json::AnyType::of::<{}>({full_name:?}),\n",
            type_path(package, full_name)
        )
    });
    let entries: String = entries.collect();
    format!(
        "/// The messages of this package, to be known inside a `google.protobuf.Any`.\n\
         pub static TYPES: &[::connect::json::AnyType] = &[{entries}];\n"
    )
}

fn enum_impl(package: &str, declared: &Enum<'_>) -> String {
    let names = declared
        .descriptor
        .value
        .iter()
        .map(|value| format!("({:?}, {}),", value.name(), value.number()));
    format!(
        "impl ::connect::json::Enum for {path} {{\n\
             const NAMES: &'static [(&'static str, i32)] = &[{names}];\n\
         }}\n",
        path = type_path(package, &declared.full_name),
        names = names.collect::<String>(),
    )
}

fn message_impl(package: &str, message: &Message<'_>) -> Result<String, Error> {
    let fields = message
        .descriptor
        .field
        .iter()
        .map(|descriptor| Field::new(package, message, descriptor));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let (read, write) = if fields.is_empty() {
        (READ_NOTHING.to_owned(), WRITE_NOTHING.to_owned())
    } else {
        bodies(&fields)
    };
    Ok(format!(
        "impl ::connect::json::Message for {path} {{\n\
             fn read_json(reader: &mut ::connect::json::Reader<'_>) -> ::std::result::Result<Self, ::connect::json::Error> {{\n\
                 {read}\n\
             }}\n\n\
             fn write_json(&self, writer: &mut ::connect::json::Writer<'_>) -> ::std::result::Result<(), ::connect::json::Error> {{\n\
                 {write}\n\
             }}\n\
             {text}\n\
         }}\n",
        path = type_path(package, &message.full_name),
        text = text_field(&fields),
    ))
}

/// The method that gives texts by name; none where there are none.
fn text_field(fields: &[Field]) -> String {
    let arms: String = fields.iter().filter_map(Field::text).collect();
    if arms.is_empty() {
        return arms;
    }
    format!(
        "\nfn text_field(&self, name: &str) -> ::std::option::Option<&str> {{\n\
             match name {{\n\
                 {arms}\n\
                 _ => ::std::option::Option::None,\n\
             }}\n\
         }}"
    )
}

const READ_NOTHING: &str = "let mut object = reader.object()?;
    while object.next_name()?.is_some() {
        object.ignore()?;
    }
    Ok(Self {})";
const WRITE_NOTHING: &str = "writer.object().end();
    Ok(())";

/// The bodies of `read_json` and `write_json`.
fn bodies(fields: &[Field]) -> (String, String) {
    let arms: String = fields.iter().map(Field::read).collect();
    let read = format!(
        "use ::connect::json::kind;
         let mut message = Self::default();
         let mut object = reader.object()?;
         while let Some(name) = object.next_name()? {{
             match &*name {{
                 {arms}
                 _ => object.ignore()?,
             }}
         }}
         Ok(message)"
    );
    let statements: String = fields.iter().map(Field::write).collect();
    let write = format!(
        "use ::connect::json::kind; let mut object = writer.object(); {statements} object.end(); Ok(())"
    );
    (read, write)
}

/// The properties of a field that its code depends on.
struct Field {
    number: i32,
    /// Its name in the .proto file.
    original_name: String,
    /// Its name in JSON.
    json_name: String,
    /// Its name, or its oneof's, in the Rust struct.
    rust_name: String,
    cardinality: Cardinality,
}

/// The kind of the values of a `string`.
const TEXT: &str = "kind::String";

/// How many values a field has, with the kind of these values as a Rust type.
enum Cardinality {
    /// One, or the default.
    Implicit(String),
    /// One or none.
    Optional(String),
    /// Any number.
    Repeated(String),
    /// Any number, by key.
    Map(String, String),
    /// One or none, and none of its siblings; with the path of the variant.
    Oneof(String, String),
}

impl Field {
    fn new(package: &str, message: &Message<'_>, descriptor: &FieldDescriptorProto) -> Result<Self, Error> {
        let json_name = descriptor.json_name().to_owned();
        let original_name = descriptor.name().to_owned();
        let oneof = match descriptor.oneof_index {
            Some(index) if !descriptor.proto3_optional() => {
                Some(message.descriptor.oneof_decl[index as usize].name())
            }
            _ => None,
        };
        Ok(Self {
            number: descriptor.number(),
            rust_name: snake(oneof.unwrap_or(&original_name)),
            cardinality: cardinality(package, message, descriptor, oneof)?,
            original_name,
            json_name,
        })
    }

    /// The match arm that reads the field.
    fn read(&self) -> String {
        let Self {
            number, rust_name, ..
        } = self;
        let pattern = match self.json_name == self.original_name {
            true => format!("{:?}", self.json_name),
            false => format!("{:?} | {:?}", self.json_name, self.original_name),
        };
        let slot = format!("{number}, &mut message.{rust_name}");
        let call = match &self.cardinality {
            Cardinality::Implicit(kind) => format!("implicit::<{kind}>({slot})"),
            Cardinality::Optional(kind) => format!("optional::<{kind}>({slot})"),
            Cardinality::Repeated(kind) => format!("repeated::<{kind}>({slot})"),
            Cardinality::Map(key, value) => format!("map::<{key}, {value}>({slot})"),
            Cardinality::Oneof(kind, variant) => format!("oneof::<{kind}, _>({slot}, {variant})"),
        };
        format!("{pattern} => object.{call}?,\n")
    }

    /// The match arm that gives the field, if it is one text.
    fn text(&self) -> Option<String> {
        let Self {
            original_name,
            rust_name,
            ..
        } = self;
        match &self.cardinality {
            Cardinality::Implicit(kind) if kind == TEXT => Some(format!(
                "{original_name:?} => ::std::option::Option::Some(&self.{rust_name}),\n"
            )),
            Cardinality::Optional(kind) if kind == TEXT => {
                Some(format!("{original_name:?} => self.{rust_name}.as_deref(),\n"))
            }
            _ => None,
        }
    }

    /// The statement that writes the field.
    fn write(&self) -> String {
        let Self {
            rust_name, json_name, ..
        } = self;
        let arguments = format!("{json_name:?}, &self.{rust_name}");
        match &self.cardinality {
            Cardinality::Implicit(kind) => format!("object.implicit::<{kind}>({arguments})?;\n"),
            Cardinality::Optional(kind) => format!("object.optional::<{kind}>({arguments})?;\n"),
            Cardinality::Repeated(kind) => format!("object.repeated::<{kind}>({arguments})?;\n"),
            Cardinality::Map(key, value) => format!("object.map::<{key}, {value}>({arguments})?;\n"),
            Cardinality::Oneof(kind, variant) => format!(
                "if let Some({variant}(value)) = &self.{rust_name} {{\n\
                     object.always::<{kind}>({json_name:?}, value)?;\n\
                 }}\n"
            ),
        }
    }
}

fn cardinality(
    package: &str,
    message: &Message<'_>,
    field: &FieldDescriptorProto,
    oneof: Option<&str>,
) -> Result<Cardinality, Error> {
    let kind = kind(package, message, field)?;
    if let Some(oneof) = oneof {
        let type_name = oneof_type(message.descriptor, oneof);
        let scope = own_path(package, &qualified(&message.full_name, &type_name));
        return Ok(Cardinality::Oneof(
            kind,
            format!("{scope}::{}", upper_camel(field.name())),
        ));
    }
    if let Some(entry) = map_entry(message, field) {
        let key = self::kind(package, message, &entry.field[0])?;
        let value = self::kind(package, message, &entry.field[1])?;
        return Ok(Cardinality::Map(key, value));
    }
    Ok(match field.label() {
        Label::Repeated => Cardinality::Repeated(kind),
        _ if field.proto3_optional() || field.r#type() == Type::Message => Cardinality::Optional(kind),
        _ => Cardinality::Implicit(kind),
    })
}

/// The path to a type, in code that has the module `kind` in scope: a module of the package may have that name too.
fn own_path(package: &str, full_name: &str) -> String {
    let path = type_path(package, full_name);
    if path.starts_with("super::") || path.starts_with("::") {
        path
    } else {
        format!("self::{path}")
    }
}

/// The name that prost gives a oneof's type: another one if a nested type has it already.
fn oneof_type(message: &DescriptorProto, oneof: &str) -> String {
    let name = upper_camel(oneof);
    let messages = message.nested_type.iter().map(DescriptorProto::name);
    let enums = message.enum_type.iter().map(|nested| nested.name());
    if messages.chain(enums).any(|nested| upper_camel(nested) == name) {
        format!("{name}OneOf")
    } else {
        name
    }
}

/// The message that protobuf makes of a map's keys and values, if the field is a map.
fn map_entry<'a>(message: &Message<'a>, field: &FieldDescriptorProto) -> Option<&'a DescriptorProto> {
    let (scope, name) = field.type_name().trim_start_matches('.').rsplit_once('.')?;
    let mut nested = message
        .descriptor
        .nested_type
        .iter()
        .filter(|_| scope == message.full_name);
    nested.find(|nested| {
        nested.name() == name && nested.options.as_ref().is_some_and(|options| options.map_entry())
    })
}

/// The type in the module `connect::json::kind` that knows the field's values.
fn kind(package: &str, message: &Message<'_>, field: &FieldDescriptorProto) -> Result<String, Error> {
    let name = match field.r#type() {
        Type::Bool => "Bool",
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => "Int32",
        Type::Uint32 | Type::Fixed32 => "Uint32",
        Type::Int64 | Type::Sint64 | Type::Sfixed64 => "Int64",
        Type::Uint64 | Type::Fixed64 => "Uint64",
        Type::Float => "Float",
        Type::Double => "Double",
        Type::String => "String",
        Type::Bytes => "Bytes",
        Type::Message => "Message<_>",
        Type::Enum if field.type_name() == ".google.protobuf.NullValue" => "NullValue",
        Type::Enum => &format!("Enum<{}>", own_path(package, field.type_name())),
        Type::Group => {
            return Err(Error::new(format!(
                "{}: groups are proto2; use a message",
                message.full_name
            )));
        }
    };
    Ok(format!("kind::{name}"))
}
