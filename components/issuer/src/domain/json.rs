//! JSON that the issuer stores and passes on unread.

/// A JSON value as text: claims that the login and consent pages put into tokens, and data that the login page passes
/// to the consent page. The adapters check that it is JSON.
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
