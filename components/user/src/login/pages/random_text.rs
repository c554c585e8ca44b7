//! Random texts: the values of the pages' cookies.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A random text of this many bytes, in base64url without padding.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RandomText<const BYTES: usize>(String);

impl<const BYTES: usize> RandomText<BYTES> {
    /// A new text. `None` if the host has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text of a cookie, if it has the form of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_our_form_are_read() {
        let text = RandomText::<16>::new().expect("random numbers");
        assert!(Some(&text) != RandomText::new().as_ref(), "each is new");
        assert!(
            RandomText::parse(text.as_str()) == Some(text),
            "a text is read back"
        );
        for planted in [
            "",
            "x",
            &"A".repeat(23),
            "AAAA AAAAAAAAAAAAAAAAA",
            &"A".repeat(10_000),
        ] {
            assert!(RandomText::<16>::parse(planted).is_none(), "{planted:.30}");
        }
    }
}
