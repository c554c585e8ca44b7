//! Why a use case has no result.

use kernel::StoreError;

use super::oauth_error::OAuthError;
use super::secret::NoRandomness;

/// A failure that no client can correct. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InternalFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A fault in our code, in a stored row or in the configuration.
    #[error("{0}")]
    Broken(String),
    /// The issuer has no signing key yet.
    #[error("there is no signing key: import one")]
    NoKey,
}

impl InternalFailure {
    /// Whether a later attempt may succeed.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)) | Self::NoKey)
    }
}

/// Why a client's request is refused.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The client is unknown, has sent a wrong secret, or has sent it in another way than the registered one.
    Client,
    Error(OAuthError),
    Failed(InternalFailure),
}

impl From<OAuthError> for Denied {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}

impl<E: Into<InternalFailure>> From<E> for Denied {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}
