//! Errors for clients.

/// An error by its name (RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core, section 3.1.2.6), and a description for the
/// client's developer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {description}")]
pub(crate) struct OAuthError {
    pub(crate) name: String,
    pub(crate) description: String,
}

impl OAuthError {
    pub(crate) fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// `invalid_request` for a parameter that is required.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid_request(format!("{parameter} is missing"))
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(crate) fn access_denied(description: impl Into<String>) -> Self {
        Self::new("access_denied", description)
    }

    pub(crate) fn server_error() -> Self {
        Self::new("server_error", "the issuer has failed; try again")
    }
}
