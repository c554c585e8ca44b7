use std::borrow::Cow;

use super::{DEPTH_LIMIT, Error, ObjectReader, Types, number, scan};

/// Reads JSON (RFC 8259) value by value from a text in memory. Strings without escapes are borrowed.
///
/// Each method reads the next value and moves the reader behind it. After an error the reader must not be used again.
/// Cloning is cheap and returns a reader at the same position.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    types: &'a Types,
    ignores_unknown_enum_names: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub fn new(text: &'a str, types: &'a Types) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            types,
            ignores_unknown_enum_names: false,
        }
    }

    /// The same reader, which treats an unknown name of an enum's value as absent. It is for the answers of a peer whose
    /// schema may be newer.
    pub fn ignoring_unknown_enum_names(self) -> Self {
        Self {
            ignores_unknown_enum_names: true,
            ..self
        }
    }

    /// Whether unknown names of enums are ignored, and not refused.
    pub(super) fn ignores_unknown_enum_names(&self) -> bool {
        self.ignores_unknown_enum_names
    }

    /// The messages that are allowed inside a `google.protobuf.Any`.
    pub(super) fn types(&self) -> &'a Types {
        self.types
    }

    /// An error at the next value.
    pub fn error(&self, problem: impl Into<Cow<'static, str>>) -> Error {
        let mut value = self.clone();
        value.peek();
        Error::at(problem, self.text.as_bytes(), value.at)
    }

    /// Reads `null` if that is the next value. Returns whether it was.
    pub fn null(&mut self) -> Result<bool, Error> {
        match self.peek() {
            Some(b'n') => self.word("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Error> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            _ => Err(self.expected("a string")),
        }
    }

    /// Reads a number and returns its text.
    pub fn number(&mut self) -> Result<&'a str, Error> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {}
            _ => return Err(self.expected("a number")),
        }
        let rest = &self.text[self.at..];
        let length = number::scan(rest.as_bytes()).ok_or_else(|| self.error("malformed number"))?;
        self.at += length;
        Ok(&rest[..length])
    }

    /// Whether the next value is a string.
    pub(super) fn is_string(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// Begins an object. The members are read with the returned reader.
    pub fn object(&mut self) -> Result<ObjectReader<'_, 'a>, Error> {
        if self.peek() != Some(b'{') {
            return Err(self.expected("an object"));
        }
        self.descend()?;
        Ok(ObjectReader::new(self))
    }

    /// Reads an array, calling `element` for each of its values.
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        if self.peek() != Some(b'[') {
            return Err(self.expected("an array"));
        }
        self.descend()?;
        let mut index = 0;
        while self.has_next(b']', index == 0)? {
            element(self).map_err(|error| error.in_element(index))?;
            index += 1;
        }
        Ok(())
    }

    /// Reads and ignores any value.
    pub fn skip(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b'{') => {
                let mut object = self.object()?;
                while object.next_name()?.is_some() {
                    object.ignore()?;
                }
                Ok(())
            }
            Some(b'[') => self.array(Reader::skip),
            Some(b'"') => self.quoted().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b't' | b'f') => self.boolean().map(drop),
            Some(b'n') => self.word("null"),
            _ => Err(self.expected("a value")),
        }
    }

    /// Reads any value and returns its text.
    pub(crate) fn raw(&mut self) -> Result<&'a str, Error> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// Checks that only white space is left.
    pub fn finish(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("unexpected text after the end of the message")),
        }
    }

    /// Moves to the next value of an object or array (a name, in an object), past the comma before it unless it is the
    /// `first`. Returns false if `close` came instead.
    pub(super) fn has_next(&mut self, close: u8, first: bool) -> Result<bool, Error> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.expected(if close == b'}' { "',' or '}'" } else { "',' or ']'" })),
        }
    }

    /// Reads the name of a member and the colon behind it.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a name in double quotes"));
        }
        let name = self.quoted()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("':'"));
        }
        self.at += 1;
        Ok(name)
    }

    /// Enters an object or array, past its opening bracket.
    fn descend(&mut self) -> Result<(), Error> {
        if self.depth == DEPTH_LIMIT {
            return Err(self.error(format!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// The first byte after white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn word(&mut self, word: &'static str) -> Result<(), Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads a string from its opening quote on.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Error> {
        self.at += 1;
        let plain = self.unescaped_run()?;
        if self.text.as_bytes()[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            if self.text.as_bytes()[self.at] == b'"' {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.unescaped_run()?);
        }
    }

    /// Returns the characters up to the next quote or backslash, and moves there.
    fn unescaped_run(&mut self) -> Result<&'a str, Error> {
        let rest = &self.text[self.at..];
        let length = scan::plain_length(rest.as_bytes());
        self.at += length;
        match rest.as_bytes().get(length) {
            Some(b'"' | b'\\') => Ok(&rest[..length]),
            Some(_) => Err(self.error("a control character in a string is not escaped")),
            None => Err(self.error("a string does not end")),
        }
    }

    /// Reads an escape sequence from its backslash on.
    fn escape(&mut self) -> Result<char, Error> {
        let escaped = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape sequence in a string")),
        };
        self.at += 2;
        Ok(escaped)
    }

    /// Reads `\uXXXX`, or two of them that make a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, Error> {
        let first = self.code_unit()?;
        if let Some(character) = char::from_u32(u32::from(first)) {
            return Ok(character);
        }
        let is_high = matches!(first, 0xD800..=0xDBFF);
        if is_high && self.text[self.at..].starts_with("\\u") {
            let second = self.code_unit()?;
            if let Some(Ok(character)) = char::decode_utf16([first, second]).next() {
                return Ok(character);
            }
        }
        Err(self.error("half of a surrogate pair in a string"))
    }

    fn code_unit(&mut self) -> Result<u16, Error> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let unit = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.error("\\u in a string is not followed by four hexadecimal digits"))?;
        self.at += 6;
        Ok(unit)
    }

    /// An error with the expected and the found kind of value, but never the value itself.
    pub(super) fn expected(&self, what: &'static str) -> Error {
        let found = match self.text.as_bytes().get(self.at) {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't') if self.text[self.at..].starts_with("true") => "true",
            Some(b'f') if self.text[self.at..].starts_with("false") => "false",
            Some(b'n') if self.text[self.at..].starts_with("null") => "null",
            Some(b',' | b':' | b']' | b'}') => "punctuation",
            Some(_) => "something that is not JSON",
            None => "the end of the text",
        };
        self.error(format!("expected {what}, found {found}"))
    }
}
