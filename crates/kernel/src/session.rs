//! Login sessions: a session begins when a user signs in on a device, and ends when the user signs out there.

use std::{fmt, str::FromStr};

/// The text is not the id of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to {} printable ASCII characters, without spaces",
    SessionId::MOST
)]
pub struct ParseSessionIdError;

/// Identifies a login session: the `sid` of a token. The issuer chooses its form; this code only compares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The maximum length, in characters. It is far longer than the ids that issuers make, and short enough for a key in a
    /// database.
    const MOST: usize = 255;

    /// The id as it is in the token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, ParseSessionIdError> {
        let fits = (1..=Self::MOST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(ParseSessionIdError)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_kept_as_the_issuer_made_it() {
        let longest = "x".repeat(255);
        for text in [
            "0190163d-8694-739b-aea5-966c26f8ad91",
            "Zm9v_-./+=",
            "1",
            &longest,
        ] {
            let id: SessionId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
        }
    }

    #[test]
    fn text_that_cannot_be_compared_safely_is_refused() {
        let long = "x".repeat(256);
        for text in ["", " ", "a b", "a\n", "a\0", "セッション", &long] {
            assert_eq!(
                text.parse::<SessionId>(),
                Err(ParseSessionIdError),
                "{text:?} is no id"
            );
        }
    }
}
