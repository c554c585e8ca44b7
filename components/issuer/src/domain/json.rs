//! JSON that the issuer keeps and passes on without reading it.

/// A JSON value as text: what the pages for login and consent put into tokens, and what one of them tells the other. The adapters
/// check that it is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Json(String);

impl Json {
    /// Takes a text that an adapter has read or written as JSON.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Json {
    /// The empty object.
    fn default() -> Self {
        Self("{}".into())
    }
}
