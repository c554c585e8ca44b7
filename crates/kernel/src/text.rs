//! Texts that people type: trimmed, in Unicode NFC, without control characters, and no longer than they may be.

use unicode_normalization::UnicodeNormalization;

/// Why a text is refused, in words for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More characters than the field takes.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A control character (Unicode category Cc), a line break included.
    #[error("must not contain control characters")]
    Control,
}

/// The text as it is stored and compared: white space around it cut off, in Unicode Normalization Form C (UAX #15), at
/// most `most` characters (Unicode scalar values) long.
///
/// A text with control characters is refused rather than mended: they are never typed by accident, and what they hide
/// differs between terminals, logs and browsers.
pub fn clean(text: &str, most: usize) -> Result<String, TextError> {
    let trimmed = text.trim();
    // NFC at most triples a text's length in UTF-8 bytes (UAX #15, section 3.11) and never makes it shorter than a
    // third: a text far beyond the limit is refused before any work is spent on it.
    if trimmed.len() > most.saturating_mul(12) {
        return Err(TextError::TooLong(most));
    }
    let text: String = trimmed.nfc().collect();
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    if text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_composed() {
        assert_eq!(clean("  \u{3000}Ceylon tea\t ", 20), Ok("Ceylon tea".into()));
        assert_eq!(
            clean("か\u{3099}", 1),
            Ok("が".into()),
            "a decomposed character counts as one"
        );
        assert_eq!(clean("", 0), Ok(String::new()));
    }

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        assert_eq!(clean("日本茶", 3), Ok("日本茶".into()));
        assert_eq!(clean("日本茶", 2), Err(TextError::TooLong(2)));
        assert_eq!(clean(&"a".repeat(10_000_000), 3), Err(TextError::TooLong(3)));
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b"] {
            assert_eq!(clean(text, 10), Err(TextError::Control), "{text:?}");
        }
    }
}
