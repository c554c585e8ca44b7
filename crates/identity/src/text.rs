//! Short texts that come from outside and travel on: into tokens, headers, Redis keys and log lines.

use std::{fmt, str::FromStr};

/// A text that is empty, too long, or has characters that it must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {0} visible ASCII characters")]
pub struct RequestIdError(usize);

/// Whether the text is 1 to `most` visible ASCII characters, without white space. Such a text needs no escapes in a header, a log
/// line or a list with spaces.
pub(crate) fn is_visible(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The longest request id, in bytes.
const LONGEST_REQUEST_ID: usize = 128;

/// The id that a request has in every component and log line: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        match is_visible(text, LONGEST_REQUEST_ID) {
            true => Ok(Self(text.to_owned())),
            false => Err(RequestIdError(LONGEST_REQUEST_ID)),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_1_to_128_visible_ascii_characters() {
        for text in ["s", "1db3d9a4-5b3c", "~!:", &"s".repeat(128)] {
            let id = text.parse().map(|id: RequestId| id.to_string());
            assert_eq!(id, Ok(text.to_owned()));
        }
        for text in ["", " ", "a b", "a\n", "a\0", "é", "\u{7f}", &"s".repeat(129)] {
            assert_eq!(
                text.parse::<RequestId>(),
                Err(RequestIdError(128)),
                "{text:?} is not a request id"
            );
        }
    }
}
