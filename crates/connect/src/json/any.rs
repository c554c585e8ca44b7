use super::{Error, Message, Reader, Writer};
use crate::wkt::{Any, Duration, FieldMask, ListValue, Struct, Timestamp, Value};

/// A message type that is allowed inside a `google.protobuf.Any`: its name, and the conversions between its JSON form and
/// its binary form.
#[derive(Debug)]
pub struct AnyType {
    name: &'static str,
    is_plain_object: bool,
    read: fn(&mut Reader<'_>) -> Result<Vec<u8>, Error>,
    write: fn(&[u8], &mut Writer<'_>) -> Result<(), Error>,
}

impl AnyType {
    /// The type `M`, whose full name in the .proto files is `name`.
    pub const fn of<M: Message>(name: &'static str) -> Self {
        Self {
            name,
            is_plain_object: M::IS_PLAIN_OBJECT,
            read: |reader| Ok(M::read_json(reader)?.encode_to_vec()),
            write: |bytes, writer| {
                M::decode(bytes)
                    .map_err(|_| {
                        Error::new("the content of a google.protobuf.Any is not what its type says")
                    })?
                    .write_json(writer)
            },
        }
    }
}

/// The message types that are allowed inside a `google.protobuf.Any`: those of `google.protobuf`, and the added ones.
/// Generated code has a list of them for each package.
#[derive(Clone, Debug, Default)]
pub struct Types(Vec<&'static [AnyType]>);

impl Types {
    /// Only the types of `google.protobuf`.
    pub const fn well_known() -> Self {
        Self(Vec::new())
    }

    /// The types of `google.protobuf` and of a package.
    #[must_use]
    pub fn with(mut self, package: &'static [AnyType]) -> Self {
        self.0.push(package);
        self
    }

    /// The type at the end of a URL such as `type.googleapis.com/user.v1.User`.
    fn find(&self, type_url: &str) -> Result<&'static AnyType, Error> {
        let name = type_url.rsplit('/').next().unwrap_or(type_url);
        let mut known = self.0.iter().copied().chain([WELL_KNOWN]).flatten();
        known
            .find(|known| known.name == name)
            .ok_or_else(|| Error::new("the @type is not known here"))
    }
}

const WELL_KNOWN: &[AnyType] = &[
    AnyType::of::<Any>("google.protobuf.Any"),
    AnyType::of::<Duration>("google.protobuf.Duration"),
    AnyType::of::<()>("google.protobuf.Empty"),
    AnyType::of::<FieldMask>("google.protobuf.FieldMask"),
    AnyType::of::<ListValue>("google.protobuf.ListValue"),
    AnyType::of::<Struct>("google.protobuf.Struct"),
    AnyType::of::<Timestamp>("google.protobuf.Timestamp"),
    AnyType::of::<Value>("google.protobuf.Value"),
    AnyType::of::<bool>("google.protobuf.BoolValue"),
    AnyType::of::<Vec<u8>>("google.protobuf.BytesValue"),
    AnyType::of::<f64>("google.protobuf.DoubleValue"),
    AnyType::of::<f32>("google.protobuf.FloatValue"),
    AnyType::of::<i32>("google.protobuf.Int32Value"),
    AnyType::of::<i64>("google.protobuf.Int64Value"),
    AnyType::of::<String>("google.protobuf.StringValue"),
    AnyType::of::<u32>("google.protobuf.UInt32Value"),
    AnyType::of::<u64>("google.protobuf.UInt64Value"),
];

impl Message for Any {
    const IS_PLAIN_OBJECT: bool = false;

    /// The `@type` may come last, so the object is read twice: for the type, then for the content.
    fn read_json(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut from_start = reader.clone();
        let Some(type_url) = read_type_url(reader)? else {
            return Ok(Any::default());
        };
        let types = reader.types();
        let known = types
            .find(&type_url)
            .map_err(|error| from_start.error(error.problem().to_owned()))?;
        let value = match known.is_plain_object {
            // For the message, "@type" is an unknown name, which it ignores.
            true => (known.read)(&mut from_start)?,
            false => read_nested_value(&mut from_start, known)?,
        };
        Ok(Any { type_url, value })
    }

    fn write_json(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        if self.type_url.is_empty() && self.value.is_empty() {
            writer.object().end();
            return Ok(());
        }
        // Each content is decoded separately, with a new count for protobuf's own limit. Without this limit, the
        // recursion would be unlimited.
        if writer.is_too_deep() {
            return Err(Error::new("nested too deep"));
        }
        let known = writer.types().find(&self.type_url)?;
        if known.is_plain_object {
            writer.mark_type(&self.type_url);
            return (known.write)(&self.value, writer);
        }
        let mut object = writer.object();
        object.name("@type").string(&self.type_url);
        (known.write)(&self.value, object.name("value"))?;
        object.end();
        Ok(())
    }
}

/// Reads the whole object and returns its `@type`, or `None` for an empty object.
fn read_type_url(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    let start = reader.clone();
    let mut object = reader.object()?;
    let mut type_url = None;
    let mut is_empty = true;
    while let Some(name) = object.next_name()? {
        is_empty = false;
        if name != "@type" {
            object.ignore()?;
        } else if type_url.replace(object.value().string()?.into_owned()).is_some() {
            return Err(start.error("the @type comes twice"));
        }
    }
    match type_url {
        Some(url) if url.is_empty() => Err(start.error("the @type is empty")),
        None if !is_empty => Err(start.error("the @type is missing")),
        url => Ok(url),
    }
}

/// Reads the `value` member of an object, and ignores its other members.
fn read_nested_value(reader: &mut Reader<'_>, known: &AnyType) -> Result<Vec<u8>, Error> {
    let start = reader.clone();
    let mut object = reader.object()?;
    let mut value = None;
    while let Some(name) = object.next_name()? {
        if name != "value" {
            object.ignore()?;
            continue;
        }
        let content = (known.read)(object.value()).map_err(|error| error.in_field("value"))?;
        if value.replace(content).is_some() {
            return Err(start.error("the value comes twice"));
        }
    }
    value.ok_or_else(|| start.error("the value is missing"))
}
