use std::borrow::Cow;
use std::collections::BTreeMap;

use super::kind::{Key, Kind};
use super::{Error, Reader, Writer};

/// Reads the members of an object into the fields of a message. Generated code gets the next name, and then calls the method
/// for the kind of that field.
#[derive(Debug)]
pub struct ObjectReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// The name of the current member is kept as a reader at its position, because it is only needed again for an error.
    name: Option<Reader<'a>>,
    seen: FieldSet,
}

impl<'r, 'a> ObjectReader<'r, 'a> {
    pub(super) fn new(reader: &'r mut Reader<'a>) -> Self {
        Self {
            reader,
            name: None,
            seen: FieldSet::default(),
        }
    }

    /// The name of the next member, or `None` at the end of the object. Its value must be read or ignored before the next call.
    pub fn next_name(&mut self) -> Result<Option<Cow<'a, str>>, Error> {
        if !self.reader.has_next(b'}', self.name.is_none())? {
            return Ok(None);
        }
        self.name = Some(self.reader.clone());
        self.reader.name().map(Some)
    }

    /// The reader, at the value of the current member.
    pub fn value(&mut self) -> &mut Reader<'a> {
        self.reader
    }

    /// Reads and ignores the value of an unknown member.
    pub fn ignore(&mut self) -> Result<(), Error> {
        self.reader.skip()
    }

    /// Reads a field without presence, which has its default unless it is set.
    pub fn implicit<K: Kind>(&mut self, number: u32, slot: &mut K::Value) -> Result<(), Error> {
        if let Some(value) = self.field(number, value_or_null::<K>)? {
            *slot = value;
        }
        Ok(())
    }

    /// Reads a field that may be absent: an `optional` one, or a message.
    pub fn optional<K: Kind>(&mut self, number: u32, slot: &mut Option<K::Value>) -> Result<(), Error> {
        *slot = self.field(number, value_or_null::<K>)?;
        Ok(())
    }

    /// Reads a member of a oneof; `variant` wraps the value. Refuses it if another member was read before.
    pub fn oneof<K: Kind, O>(
        &mut self,
        number: u32,
        slot: &mut Option<O>,
        variant: impl FnOnce(K::Value) -> O,
    ) -> Result<(), Error> {
        let taken = slot.is_some();
        let value = self.field(number, |reader| match value_or_null::<K>(reader)? {
            Some(_) if taken => Err(reader.error("another field of the same oneof is set too")),
            value => Ok(value),
        })?;
        if let Some(value) = value {
            *slot = Some(variant(value));
        }
        Ok(())
    }

    /// Reads a repeated field.
    pub fn repeated<K: Kind>(&mut self, number: u32, slot: &mut Vec<K::Value>) -> Result<(), Error> {
        self.field(number, |reader| {
            if reader.null()? {
                Ok(())
            } else {
                read_list::<K>(reader, slot)
            }
        })
    }

    /// Reads a map field.
    pub fn map<K: Key, V: Kind>(
        &mut self,
        number: u32,
        slot: &mut BTreeMap<K::Value, V::Value>,
    ) -> Result<(), Error> {
        self.field(number, |reader| {
            if reader.null()? {
                Ok(())
            } else {
                read_map::<K, V>(reader, slot)
            }
        })
    }

    /// Reads the value of the field with this number with `read`, once.
    fn field<T>(
        &mut self,
        number: u32,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let result = match self.seen.insert(number) {
            true => read(self.reader),
            false => Err(self.reader.error("the field comes twice")),
        };
        result.map_err(|error| match self.name.clone().map(|mut reader| reader.name()) {
            Some(Ok(name)) => error.in_field(&name),
            _ => error,
        })
    }
}

/// Reads a value, or a `null`. The `null` means absence, except for kinds with their own null.
fn value_or_null<K: Kind>(reader: &mut Reader<'_>) -> Result<Option<K::Value>, Error> {
    if reader.null()? {
        Ok(K::null())
    } else {
        K::read(reader)
    }
}

pub(super) fn read_list<K: Kind>(reader: &mut Reader<'_>, slot: &mut Vec<K::Value>) -> Result<(), Error> {
    reader.array(|reader| {
        slot.extend(K::read(reader)?);
        Ok(())
    })
}

pub(super) fn read_map<K: Key, V: Kind>(
    reader: &mut Reader<'_>,
    slot: &mut BTreeMap<K::Value, V::Value>,
) -> Result<(), Error> {
    let mut entries = reader.object()?;
    while let Some(name) = entries.next_name()? {
        let reader = entries.value();
        let key = K::from_name(&name).map_err(|problem| reader.error(problem).in_entry(&name))?;
        if slot.contains_key(&key) {
            return Err(reader.error("the key comes twice").in_entry(&name));
        }
        if let Some(value) = V::read(reader).map_err(|error| error.in_entry(&name))? {
            slot.insert(key, value);
        }
    }
    Ok(())
}

/// The field numbers that were read: one bit for each number that is common in messages, and a list for the others.
#[derive(Debug, Default)]
struct FieldSet {
    low: u64,
    high: Vec<u32>,
}

impl FieldSet {
    /// Adds a number. Returns whether it is new.
    fn insert(&mut self, number: u32) -> bool {
        let is_new = match number {
            0..64 => self.low & (1 << number) == 0,
            _ => !self.high.contains(&number),
        };
        match number {
            0..64 => self.low |= 1 << number,
            _ => self.high.push(number),
        }
        is_new
    }
}

/// Writes the fields of a message as the members of an object.
#[derive(Debug)]
#[must_use = "an object must be ended"]
pub struct ObjectWriter<'w, 'a> {
    writer: &'w mut Writer<'a>,
    empty: bool,
}

impl<'w, 'a> ObjectWriter<'w, 'a> {
    pub(super) fn new(writer: &'w mut Writer<'a>) -> Self {
        Self { writer, empty: true }
    }

    /// Writes the name of a member. Returns the writer, with which the value must be written next.
    pub fn name(&mut self, name: &str) -> &mut Writer<'a> {
        if !self.empty {
            self.writer.raw(",");
        }
        self.empty = false;
        self.writer.string(name);
        self.writer.raw(":");
        self.writer
    }

    /// Writes a field with any value: a member of a oneof.
    pub fn always<K: Kind>(&mut self, name: &str, value: &K::Value) -> Result<(), Error> {
        K::write(value, self.name(name)).map_err(|error| error.in_field(name))
    }

    /// Writes a field unless it has its default.
    pub fn implicit<K: Kind>(&mut self, name: &str, value: &K::Value) -> Result<(), Error> {
        if K::is_default(value) {
            Ok(())
        } else {
            self.always::<K>(name, value)
        }
    }

    /// Writes a field if it is present: an `optional` one, or a message.
    pub fn optional<K: Kind>(&mut self, name: &str, value: &Option<K::Value>) -> Result<(), Error> {
        match value {
            Some(value) => self.always::<K>(name, value),
            None => Ok(()),
        }
    }

    /// Writes a repeated field unless it is empty.
    pub fn repeated<K: Kind>(&mut self, name: &str, values: &[K::Value]) -> Result<(), Error> {
        if values.is_empty() {
            return Ok(());
        }
        write_list::<K>(values, self.name(name)).map_err(|error| error.in_field(name))
    }

    /// Writes a map field unless it is empty.
    pub fn map<K: Key, V: Kind>(
        &mut self,
        name: &str,
        entries: &BTreeMap<K::Value, V::Value>,
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        write_map::<K, V>(entries, self.name(name)).map_err(|error| error.in_field(name))
    }

    /// Ends the object.
    pub fn end(self) {
        self.writer.close("}");
    }
}

pub(super) fn write_list<K: Kind>(values: &[K::Value], writer: &mut Writer<'_>) -> Result<(), Error> {
    writer.array(values.iter().enumerate(), |writer, (index, value)| {
        K::write(value, writer).map_err(|error| error.in_element(index))
    })
}

pub(super) fn write_map<K: Key, V: Kind>(
    entries: &BTreeMap<K::Value, V::Value>,
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    let mut object = writer.object();
    for (key, value) in entries {
        let key = K::to_name(key);
        V::write(value, object.name(&key)).map_err(|error| error.in_entry(&key))?;
    }
    object.end();
    Ok(())
}
