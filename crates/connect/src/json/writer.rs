use std::fmt;
use std::io::Write as _;

use super::{DEPTH_LIMIT, ObjectWriter, Types, scan};

/// Writes JSON without spaces into a growing buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: Vec<u8>,
    types: &'a Types,
    /// The `@type` with which the next object begins. It is set while a `google.protobuf.Any` writes its content.
    type_url: Option<String>,
    /// The number of open objects and arrays.
    depth: usize,
    /// The highest number of open objects and arrays so far.
    deepest: usize,
}

impl<'a> Writer<'a> {
    /// An empty writer.
    pub fn new(types: &'a Types) -> Self {
        Self {
            out: Vec::with_capacity(256),
            types,
            type_url: None,
            depth: 0,
            deepest: 0,
        }
    }

    /// Whether the nesting is deeper than the limit of readers.
    pub(super) fn is_too_deep(&self) -> bool {
        self.deepest > DEPTH_LIMIT
    }

    fn open(&mut self, bracket: &str) {
        self.raw(bracket);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }

    /// Ends the innermost object or array that is open.
    pub(super) fn close(&mut self, bracket: &str) {
        self.raw(bracket);
        self.depth -= 1;
    }

    /// The written text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// The messages that are allowed inside a `google.protobuf.Any`.
    pub(super) fn types(&self) -> &'a Types {
        self.types
    }

    /// Sets the `@type` with which the next object begins.
    pub(super) fn mark_type(&mut self, type_url: &str) {
        self.type_url = Some(type_url.to_owned());
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.raw("null");
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// Writes a string, with the required escapes.
    pub fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text;
        loop {
            let (plain, behind) = rest.split_at(scan::plain_length(rest.as_bytes()));
            self.raw(plain);
            let Some(&byte) = behind.as_bytes().first() else {
                break;
            };
            self.escape(byte);
            rest = &behind[1..];
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.raw("\\\""),
            b'\\' => self.raw("\\\\"),
            b'\n' => self.raw("\\n"),
            b'\r' => self.raw("\\r"),
            b'\t' => self.raw("\\t"),
            other => self.raw(&format!("\\u{other:04x}")),
        }
    }

    /// Writes text that is already JSON: a number, or a value in the form in which it was received.
    pub(crate) fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Writes formatted text that is already JSON.
    pub(super) fn display(&mut self, json: fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(json);
    }

    /// Begins an object. The members are written with the returned writer, which must be ended.
    pub fn object(&mut self) -> ObjectWriter<'_, 'a> {
        let type_url = self.type_url.take();
        self.open("{");
        let mut object = ObjectWriter::new(self);
        if let Some(type_url) = type_url {
            object.name("@type").string(&type_url);
        }
        object
    }

    /// Writes an array: calls `element` for each of `items`.
    pub fn array<T, E>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut element: impl FnMut(&mut Self, T) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open("[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            element(self, item)?;
        }
        self.close("]");
        Ok(())
    }
}
