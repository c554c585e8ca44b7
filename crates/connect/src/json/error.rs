use std::borrow::Cow;
use std::fmt;

/// The reason why a JSON text is not a valid message, or why a message has no JSON form.
///
/// Displays as `price.amount: expected a string, found a number (line 1, column 31)`: the path of the field in the
/// sender's names, the fault, and for a text also the position.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    path: String,
    problem: Cow<'static, str>,
    position: Option<Position>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
}

/// Map keys come from the sender and may be megabytes long. An error shows this many characters of a key.
const SHOWN_KEY_CHARACTERS: usize = 40;

impl Error {
    /// A problem with a value, not with a place in a text.
    pub fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            path: String::new(),
            problem: problem.into(),
            position: None,
        }))
    }

    /// A problem at a byte offset of a text. Lines and columns count from 1, columns in bytes.
    pub(super) fn at(problem: impl Into<Cow<'static, str>>, text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let position = Position {
            line,
            column: 1 + before.len() - line_start,
        };
        Self(Box::new(Inner {
            path: String::new(),
            problem: problem.into(),
            position: Some(position),
        }))
    }

    /// The path of the invalid field, such as `items[3].quantity`. Empty if the whole text is invalid.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The fault, without path and position.
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// The same error, reported from the message that has the field `name`.
    pub(super) fn in_field(mut self, name: &str) -> Self {
        let path = &mut self.0.path;
        if !path.is_empty() && !path.starts_with('[') {
            path.insert(0, '.');
        }
        path.insert_str(0, name);
        self
    }

    /// The same error, reported from the list that contains the element. The first element is 0.
    pub(super) fn in_element(self, index: usize) -> Self {
        self.in_field(&format!("[{index}]"))
    }

    /// The same error, reported from the map that contains the entry.
    pub(super) fn in_entry(self, key: &str) -> Self {
        let shown: String = key.chars().take(SHOWN_KEY_CHARACTERS).collect();
        self.in_field(&format!("[{shown:?}]"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            path,
            problem,
            position,
        } = &*self.0;
        if !path.is_empty() {
            write!(formatter, "{path}: ")?;
        }
        formatter.write_str(problem)?;
        match position {
            Some(Position { line, column }) => write!(formatter, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Error({self})")
    }
}

impl std::error::Error for Error {}
