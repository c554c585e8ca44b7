//! The decisions of the pages for login and consent.

use crate::domain::json::Json;
use crate::domain::oauth_error::OAuthError;

/// The decision of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision<T> {
    Accepted(T),
    Rejected(PageRejection),
}

/// The reason why a page rejects a request. The client gets both texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageRejection {
    pub(crate) error: String,
    pub(crate) error_description: String,
}

impl PageRejection {
    /// The error for the client: `access_denied` unless the page names another one.
    pub(crate) fn to_error(&self) -> OAuthError {
        let name = match self.error.as_str() {
            "" => "access_denied",
            name => name,
        };
        OAuthError::new(name, self.error_description.clone())
    }
}

/// A login that the login page has accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptedLogin {
    pub(crate) subject: String,
    /// Whether the browser is remembered.
    pub(crate) remember: bool,
    /// How long it is remembered, in seconds. 0: as long as the issuer allows.
    pub(crate) remember_for: i64,
    /// Whether a login that was skipped is remembered for that time from now on.
    pub(crate) extend_session_lifespan: bool,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
    pub(crate) identity_provider_session_id: String,
    /// For the consent page.
    pub(crate) context: Json,
}

impl AcceptedLogin {
    /// The longest that a browser is remembered, in seconds.
    pub(crate) const LONGEST_SESSION: u32 = 30 * 24 * 3600;

    /// How long the browser is remembered, in seconds.
    pub(crate) fn session_lifetime(&self) -> u32 {
        match u32::try_from(self.remember_for) {
            Ok(seconds @ 1..=Self::LONGEST_SESSION) => seconds,
            _ => Self::LONGEST_SESSION,
        }
    }
}

/// Consent that the consent page has accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcceptedConsent {
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) remember: bool,
    /// How long consent is remembered, in seconds. 0: without an end.
    pub(crate) remember_for: i64,
    pub(crate) contents: TokenContents,
    pub(crate) context: Json,
}

/// Claims that the consent page puts into tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenContents {
    /// The claim `ext` of the access token: an object.
    pub(crate) access_token: Json,
    /// Claims of the ID token and of userinfo, beside the issuer's own: an object.
    pub(crate) id_token: Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_remembered_for_30_days_at_most() {
        let lifetime = |remember_for| {
            AcceptedLogin {
                remember_for,
                ..AcceptedLogin::default()
            }
            .session_lifetime()
        };
        assert_eq!((lifetime(1), lifetime(3600)), (1, 3600));
        for other in [0, -1, i64::MAX, i64::from(AcceptedLogin::LONGEST_SESSION) + 1] {
            assert_eq!(lifetime(other), AcceptedLogin::LONGEST_SESSION, "{other}");
        }
    }
}
