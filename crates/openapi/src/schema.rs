//! JSON Schemas of messages and enums in proto3 JSON (https://protobuf.dev/programming-guides/json).

use std::collections::BTreeMap;

use prost_types::FieldDescriptorProto;
use prost_types::field_descriptor_proto::{Label, Type};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::comment::Limits;
use crate::contract::{Contract, Enum, Message};

/// The schemas of all messages and enums that were asked for, and of those in them.
pub(crate) struct Schemas<'a> {
    contract: &'a Contract,
    /// By full name. One that is being made is null.
    made: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    /// No schema yet.
    pub(crate) fn of(contract: &'a Contract) -> Self {
        Self {
            contract,
            made: BTreeMap::new(),
        }
    }

    /// All that were made, by name.
    pub(crate) fn finish(self) -> BTreeMap<String, Value> {
        self.made
    }

    /// A reference to the schema of a message, by its full name.
    pub(crate) fn message(&mut self, name: &str) -> Result<Value, Error> {
        if !self.made.contains_key(name) {
            let message = self.contract.messages.get(name);
            let message = message.ok_or_else(|| Error::new(format!("no contract declares {name}")))?;
            // A message may hold itself.
            self.made.insert(name.to_owned(), Value::Null);
            let schema = self.object(name, message)?;
            self.made.insert(name.to_owned(), schema);
        }
        Ok(reference(name))
    }

    fn object(&mut self, name: &str, message: &Message) -> Result<Value, Error> {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (field, comment) in message.descriptor.field.iter().zip(&message.fields) {
            let limits = Limits::of(comment);
            if limits.required {
                required.push(field.json_name());
            }
            let mut schema = self
                .field(message, field, &limits)
                .map_err(|Error(problem)| Error::new(format!("{name}.{}: {problem}", field.name())))?;
            schema["description"] = comment.as_str().into();
            properties.insert(field.json_name().to_owned(), schema);
        }
        let mut schema = json!({
            "type": "object",
            "description": message.comment,
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        let choices = choices(message);
        if !choices.is_empty() {
            schema["allOf"] = choices.into();
        }
        Ok(schema)
    }

    fn field(
        &mut self,
        message: &Message,
        field: &FieldDescriptorProto,
        limits: &Limits,
    ) -> Result<Value, Error> {
        if let Some(values) = values_of_map(message, field) {
            let values = self.single(values, &Limits::default())?;
            return Ok(json!({ "type": "object", "additionalProperties": values }));
        }
        let mut schema = self.single(field, limits)?;
        if field.label() == Label::Repeated {
            schema = json!({ "type": "array", "items": schema });
            if let Some(most) = limits.most {
                schema["maxItems"] = most.into();
            }
        } else if has_default(field) && !limits.required {
            // An absent field is the same as the default, even if the limits exclude the default.
            if let Some(default) = self.default(field) {
                schema["default"] = default;
            }
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("minLength");
            }
        }
        Ok(schema)
    }

    /// The schema of a field that is there once.
    fn single(&mut self, field: &FieldDescriptorProto, limits: &Limits) -> Result<Value, Error> {
        let whole = |format, lowest: i64, highest: i64| {
            let (lowest, highest) = match limits.range {
                Some((lowest, highest)) => (json!(lowest), json!(highest)),
                None => (json!(lowest), json!(highest)),
            };
            json!({ "type": "integer", "format": format, "minimum": lowest, "maximum": highest })
        };
        let long =
            |format, pattern| json!({ "type": ["string", "integer"], "format": format, "pattern": pattern });
        Ok(match field.r#type() {
            Type::String => text(limits),
            Type::Bool => json!({ "type": "boolean" }),
            Type::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Type::Int32 | Type::Sint32 | Type::Sfixed32 => whole("int32", i32::MIN.into(), i32::MAX.into()),
            Type::Uint32 | Type::Fixed32 => whole("uint32", 0, u32::MAX.into()),
            Type::Int64 | Type::Sint64 | Type::Sfixed64 => long("int64", "^-?[0-9]+$"),
            Type::Uint64 | Type::Fixed64 => long("uint64", "^[0-9]+$"),
            Type::Double | Type::Float => {
                json!({ "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] })
            }
            Type::Enum => self.enumeration(bare(field.type_name()))?,
            Type::Message => match bare(field.type_name()).strip_prefix("google.protobuf.") {
                Some(name) => well_known(name)?,
                None => self.message(bare(field.type_name()))?,
            },
            Type::Group => return Err(Error::new("proto3 has no groups")),
        })
    }

    /// A reference to the schema of an enum, by its full name.
    fn enumeration(&mut self, name: &str) -> Result<Value, Error> {
        let declared = self.contract.enums.get(name);
        let declared = declared.ok_or_else(|| Error::new(format!("no contract declares {name}")))?;
        self.made
            .entry(name.to_owned())
            .or_insert_with(|| names_of(declared));
        Ok(reference(name))
    }

    /// The value of an absent field.
    fn default(&self, field: &FieldDescriptorProto) -> Option<Value> {
        Some(match field.r#type() {
            Type::Message | Type::Group => return None,
            Type::String | Type::Bytes => "".into(),
            Type::Bool => false.into(),
            Type::Enum => {
                let declared = self.contract.enums.get(bare(field.type_name()))?;
                declared.descriptor.value.first()?.name().into()
            }
            Type::Int64 | Type::Sint64 | Type::Sfixed64 | Type::Uint64 | Type::Fixed64 => "0".into(),
            _ => 0.into(),
        })
    }
}

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A full name without the leading dot of descriptors.
pub(crate) fn bare(name: &str) -> &str {
    name.trim_start_matches('.')
}

fn text(limits: &Limits) -> Value {
    let mut schema = json!({ "type": "string" });
    if limits.uuid {
        schema["format"] = "uuid".into();
    }
    if let Some(shortest) = limits.shortest {
        schema["minLength"] = shortest.into();
    }
    if let Some(longest) = limits.longest {
        schema["maxLength"] = longest.into();
    }
    schema
}

fn names_of(declared: &Enum) -> Value {
    let names: Vec<&str> = declared
        .descriptor
        .value
        .iter()
        .map(|value| value.name())
        .collect();
    let lines = names.iter().zip(&declared.values);
    let lines: Vec<String> = lines
        .map(|(name, comment)| format!("- `{name}`: {comment}"))
        .collect();
    json!({
        "type": "string",
        "description": format!("{}\n\n{}", declared.comment, lines.join("\n")),
        "enum": names,
    })
}

/// The messages of `google.protobuf` that have a JSON form of their own.
fn well_known(name: &str) -> Result<Value, Error> {
    Ok(match name {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" }),
        "FieldMask" => json!({ "type": "string" }),
        "Empty" => json!({ "type": "object", "additionalProperties": false }),
        _ => {
            return Err(Error::new(format!(
                "there is no schema for google.protobuf.{name} yet"
            )));
        }
    })
}

/// Whether absence says the same as a value: not for fields that are `optional`, messages, or one of several.
fn has_default(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_none() && field.r#type() != Type::Message
}

/// The field with the values, if a field is a map.
fn values_of_map<'m>(message: &'m Message, field: &FieldDescriptorProto) -> Option<&'m FieldDescriptorProto> {
    let entry = field.type_name().rsplit('.').next()?;
    let nested = message
        .descriptor
        .nested_type
        .iter()
        .find(|nested| nested.name() == entry)?;
    let is_entry = nested.options.as_ref().is_some_and(|options| options.map_entry());
    nested.field.iter().find(|field| is_entry && field.number() == 2)
}

/// For each oneof, that at most one of its fields is there.
fn choices(message: &Message) -> Vec<Value> {
    let of_oneof = |index: usize| {
        let fields = message.descriptor.field.iter();
        // An `optional` field is alone in a oneof that the compiler has made up.
        let fields =
            fields.filter(|field| field.oneof_index == Some(index as i32) && !field.proto3_optional());
        fields
            .map(|field| json!({ "required": [field.json_name()] }))
            .collect::<Vec<_>>()
    };
    let oneofs = (0..message.descriptor.oneof_decl.len()).map(of_oneof);
    let several = oneofs.filter(|fields| !fields.is_empty());
    several
        .map(|mut fields| {
            fields.push(json!({ "not": { "anyOf": fields.clone() } }));
            json!({ "oneOf": fields })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_kind_of_field_has_the_schema_of_its_json() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testing");
        let contract = Contract::compile(&folder, &["kinds.proto"]).expect("the contract compiles");
        let mut schemas = Schemas::of(&contract);
        schemas.message("testing.Kinds").expect("every kind has a schema");
        let made = schemas.finish();
        let kinds = &made["testing.Kinds"];

        let expected = [
            ("text", json!({ "type": "string", "maxLength": 9, "default": "" })),
            ("id", json!({ "type": "string", "format": "uuid" })),
            ("flag", json!({ "type": "boolean", "default": false })),
            (
                "data",
                json!({ "type": "string", "contentEncoding": "base64", "default": "" }),
            ),
            (
                "count",
                json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 9, "default": 0 }),
            ),
            (
                "long",
                json!({ "type": ["string", "integer"], "format": "int64", "pattern": "^-?[0-9]+$" }),
            ),
            (
                "state",
                json!({ "$ref": "#/components/schemas/testing.State", "default": "STATE_UNSPECIFIED" }),
            ),
            ("at", json!({ "type": "string", "format": "date-time" })),
            ("self", json!({ "$ref": "#/components/schemas/testing.Kinds" })),
            (
                "names",
                json!({ "type": "array", "items": { "type": "string", "maxLength": 3 }, "maxItems": 2 }),
            ),
            (
                "counts",
                json!({ "type": "object", "additionalProperties": {
                "type": "integer", "format": "uint32", "minimum": 0, "maximum": u32::MAX,
            } }),
            ),
            ("either", json!({ "type": "string" })),
        ];
        for (name, expected) in expected {
            let mut schema = kinds["properties"][name].clone();
            let schema_without_comment = schema.as_object_mut().expect("the field has a schema");
            schema_without_comment.remove("description");
            assert_eq!(schema, expected, "the schema of {name}");
        }
        assert_eq!(
            kinds["required"],
            json!(["id"]),
            "fields that are said to be required are"
        );
        let either_or = json!([{ "oneOf": [
            { "required": ["either"] },
            { "required": ["or"] },
            { "not": { "anyOf": [{ "required": ["either"] }, { "required": ["or"] }] } },
        ] }]);
        assert_eq!(kinds["allOf"], either_or, "of a oneof at most one field is there");
        assert_eq!(
            made["testing.State"]["enum"],
            json!(["STATE_UNSPECIFIED", "STATE_OPEN"]),
            "an enum is one of its names"
        );
    }

    #[test]
    fn message_without_a_schema_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testing");
        let contract = Contract::compile(&folder, &["kinds.proto"]).expect("the contract compiles");
        let refused = Schemas::of(&contract).message("testing.Unknown");
        let problem = refused.err().map(|error| error.to_string());
        let expected = "testing.Unknown.any: there is no schema for google.protobuf.Any yet";
        assert_eq!(problem.as_deref(), Some(expected));
    }
}
