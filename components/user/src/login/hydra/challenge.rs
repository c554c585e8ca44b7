//! Challenges: the issuer's names for requests that a page has to answer.

use super::query;

/// The kinds of requests of the issuer. Each has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeKind {
    Login,
    Consent,
    Logout,
}

impl ChallengeKind {
    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::Logout => "logout",
        }
    }

    /// The parameter that names the request.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Login => "login_challenge",
            Self::Consent => "consent_challenge",
            Self::Logout => "logout_challenge",
        }
    }
}

/// The longest challenge, in bytes. Hydra's challenges contain the whole request, encrypted.
const MAX_CHALLENGE: usize = 16 * 1024;

/// The challenge of a request of the issuer. It is a secret: it allows to answer the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestChallenge {
    kind: ChallengeKind,
    text: String,
}

impl RequestChallenge {
    /// Reads a challenge. `None` if the text cannot be one.
    pub(crate) fn parse(kind: ChallengeKind, text: &str) -> Option<Self> {
        let fits = (1..=MAX_CHALLENGE).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self {
            kind,
            text: text.into(),
        })
    }

    pub(crate) fn kind(&self) -> ChallengeKind {
        self.kind
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The challenge as a query string.
    pub(crate) fn query(&self) -> String {
        query(&[(self.kind.parameter(), &self.text)])
    }

    /// The path of the request, or of an action on it, in the admin API.
    pub(super) fn path(&self, action: &str) -> String {
        let (name, query) = (self.kind.name(), self.query());
        format!("/admin/oauth2/auth/requests/{name}{action}?{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_one_query_parameter_whatever_it_contains() {
        let challenge = RequestChallenge::parse(ChallengeKind::Login, "a&subject=b#c/../d").unwrap();
        assert_eq!(
            challenge.path("/accept"),
            "/admin/oauth2/auth/requests/login/accept?login_challenge=a%26subject%3Db%23c%2F..%2Fd"
        );
        let long = "x".repeat(MAX_CHALLENGE + 1);
        for wrong in ["", "a b", "a\0", "a\n", "挑戦", &long] {
            assert_eq!(
                RequestChallenge::parse(ChallengeKind::Login, wrong),
                None,
                "{:.10}",
                wrong
            );
        }
    }
}
