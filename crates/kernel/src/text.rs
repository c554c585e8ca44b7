//! Texts that users type: trimmed, in Unicode NFC, without control characters or hidden characters, and with a maximum length.

use icu_casemap::CaseMapper;
use icu_properties::props::{
    BidiClass, BidiControl, DefaultIgnorableCodePoint, EmojiComponent, GeneralCategory, JoinControl,
    PrependedConcatenationMark, VariationSelector,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

/// The reason why a text is refused, as a text for the user who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text has more characters than the field allows.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// The text has a control character (Unicode category Cc) or another line break (Zl, Zp).
    #[error("must not contain control characters")]
    Control,
    /// The text has an invisible character that does not affect the characters beside it, or it has no visible character.
    #[error("must not contain invisible characters, except those that shape the visible ones beside them")]
    Hidden,
}

/// The text as it is stored and compared: trimmed, in Unicode Normalization Form C (UAX #15), with at most `most` characters
/// (Unicode scalar values).
///
/// A text with control characters is refused, not corrected: users never type them by accident, and their effect differs
/// between terminals, logs and browsers. A text with invisible characters (Cf, or Default_Ignorable_Code_Point) is refused,
/// too, except where writing requires them:
///
/// - a variation selector directly after a visible character: `❤️`, `葛󠄀城`;
/// - a joiner, or another character that shapes or divides words, directly after a visible character; at the end of the text only
///   joiners are allowed: `علی‌رضا`, `👩‍🌾`, Khmer words, a soft hyphen;
/// - a mark of direction (LRM, RLM, ALM) beside a visible character; embeddings, overrides and isolates are refused, because they
///   reach beyond the text and reorder the characters around it;
/// - tags in the flag of a region.
///
/// So a text that is not empty never looks blank, and two hidden characters are never side by side.
///
/// # Errors
/// The first violation that is found.
pub fn clean(text: &str, most: usize) -> Result<String, TextError> {
    let trimmed = text.trim();
    // NFC at most triples a text's length in UTF-8 bytes (UAX #15, section 3.11), and never makes it shorter than a third. So a
    // text far beyond the limit can be refused before it is normalized.
    if trimmed.len() > most.saturating_mul(12) {
        return Err(TextError::TooLong(most));
    }
    let text: String = trimmed.nfc().collect();
    if text.chars().any(is_control) {
        return Err(TextError::Control);
    }
    if text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    let is_well_formed = text.is_empty() || hidden_characters_are_valid(&text);
    is_well_formed.then_some(text).ok_or(TextError::Hidden)
}

/// The text for comparisons in which case and width make no difference: `Ｍａｔｃｈａ` and `matcha`, `ﾏｯﾁｬ` and `マッチャ`, `Straße`
/// and `STRASSE` fold to the same text. NFKC (UAX #15) and full case folding (The Unicode Standard, section 3.13).
pub fn fold(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    // Folding may leave characters that compose, such as the dot of a folded İ.
    CaseMapper::new().fold_string(&composed).nfkc().collect()
}

/// Whether a character is invisible: a control or format character (Cc, Cf), or a character that is not displayed by default
/// (Default_Ignorable_Code_Point), such as a zero-width space, a soft hyphen, a joiner or a variation selector. The Braille
/// pattern without dots is hidden, too: it is the only symbol without a visible shape. White space is not hidden, nor are
/// format characters with a shape, such as the Arabic number sign.
pub fn is_hidden(c: char) -> bool {
    let is_format = category(c) == GeneralCategory::Format
        && !CodePointSetData::new::<PrependedConcatenationMark>().contains(c);
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    is_format || is_ignorable || c.is_control() || c == BLANK_BRAILLE
}

fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            category(c),
            GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
        )
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// The Braille pattern without dots: a space in Braille.
const BLANK_BRAILLE: char = '\u{2800}';

/// The effect of a character on the characters beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Visible,
    /// White space, including the Braille space.
    Blank,
    /// Chooses the form of the character before it.
    Variation,
    /// ZWJ and ZWNJ.
    Joiner,
    /// LRM, RLM and ALM.
    Direction,
    /// Reorders the characters around it.
    Reordering,
    /// A part of the flag of a region.
    Tag,
    /// All other invisible characters.
    Divider,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            BLANK_BRAILLE => Self::Blank,
            _ if c.is_whitespace() => Self::Blank,
            _ if !is_hidden(c) => Self::Visible,
            _ if CodePointSetData::new::<VariationSelector>().contains(c) => Self::Variation,
            _ if CodePointSetData::new::<JoinControl>().contains(c) => Self::Joiner,
            _ if CodePointSetData::new::<BidiControl>().contains(c) => {
                match CodePointMapData::<BidiClass>::new().get(c) {
                    BidiClass::LeftToRight | BidiClass::RightToLeft | BidiClass::ArabicLetter => {
                        Self::Direction
                    }
                    _ => Self::Reordering,
                }
            }
            _ if CodePointSetData::new::<EmojiComponent>().contains(c) => Self::Tag,
            _ => Self::Divider,
        }
    }

    /// Whether a character of this kind may follow a character of the kind `before`; `None` at the beginning of the text.
    fn may_follow(self, before: Option<Self>) -> bool {
        match self {
            Self::Visible | Self::Blank => true,
            Self::Variation => before == Some(Self::Visible),
            Self::Joiner | Self::Divider => matches!(before, Some(Self::Visible | Self::Variation)),
            Self::Direction => matches!(before, Some(Self::Visible | Self::Variation | Self::Blank)),
            Self::Tag => matches!(before, Some(Self::Visible | Self::Tag)),
            Self::Reordering => false,
        }
    }
}

/// Whether each hidden character of a text affects the characters beside it, and the text has a visible character.
fn hidden_characters_are_valid(text: &str) -> bool {
    let mut before = None;
    let mut is_visible = false;
    for kind in text.chars().map(Kind::of) {
        if !kind.may_follow(before) {
            return false;
        }
        is_visible |= kind == Kind::Visible;
        before = Some(kind);
    }
    is_visible && before != Some(Kind::Divider)
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
    fn limit_counts_characters_and_not_bytes() {
        assert_eq!(clean("日本茶", 3), Ok("日本茶".into()));
        assert_eq!(clean("日本茶", 2), Err(TextError::TooLong(2)));
        assert_eq!(clean(&"a".repeat(10_000_000), 3), Err(TextError::TooLong(3)));
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            assert_eq!(clean(text, 10), Err(TextError::Control), "{text:?}");
        }
    }

    #[test]
    fn text_that_looks_blank_is_refused() {
        for text in [
            "\u{200b}",
            "\u{ad}",
            "\u{feff}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{2060}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{202e}",
            "\u{180e}",
            "\u{e0041}",
            "\u{fff9}",
            "\u{2800}",
            "\u{2800} \u{2800}",
            " \u{200b} \u{200b} ",
        ] {
            assert_eq!(clean(text, 10), Err(TextError::Hidden), "{text:?} looks blank");
        }
    }

    #[test]
    fn hidden_character_in_a_wrong_position_is_refused() {
        for text in [
            "\u{feff}Mina",
            "\u{200d}Mina",
            "Mina\u{200b}",
            "Mina\u{ad}",
            "Mi\u{200b}\u{200b}na",
            "Mi \u{fe0f}na",
            "Mi\u{fe0f}\u{fe0f}na",
            "Mi\u{202e}na",
            "\u{2066}Mina\u{2069}",
            "Mi \u{200b} na",
        ] {
            assert_eq!(clean(text, 20), Err(TextError::Hidden), "{text:?}");
        }
    }

    #[test]
    fn hidden_characters_that_writing_requires_are_kept() {
        for text in [
            "علی\u{200c}رضا",
            "क्\u{200d}ष",
            "ന്\u{200d}",
            "👩\u{200d}🌾",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "葛\u{e0100}城",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "សៀវភៅ\u{200b}ថ្មី",
            "Donau\u{ad}dampfer",
            "שלום \u{200e}(ABC)",
            "\u{600}١",
            "⠓\u{2800}⠊",
        ] {
            assert_eq!(clean(text, 20), Ok(text.into()), "{text:?}");
        }
    }

    #[test]
    fn texts_that_differ_in_case_or_width_fold_to_the_same_text() {
        for (one, other) in [
            ("ﾏｯﾁｬ", "マッチャ"),
            ("ﾊﾟﾝ", "パン"),
            ("ＭＡＴＣＨＡ", "matcha"),
            ("㍿", "株式会社"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ﬁg", "FIG"),
            ("№", "no"),
            ("Å", "å"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
        assert_eq!(fold("İ"), "i\u{307}", "İ does not fold to the letter i");
    }
}
