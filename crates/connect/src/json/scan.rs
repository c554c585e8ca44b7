//! Finds the end of plain text in a string, eight bytes at a time. Most of a message is text in strings, so reading and
//! writing take most of their time here.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The number of bytes at the start of `text` that a JSON string can contain without escapes: bytes before the first quote,
/// backslash or control character.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    let plain_words = words
        .iter()
        .take_while(|word| is_plain_word(u64::from_ne_bytes(**word)))
        .count();
    let checked = plain_words * 8;
    checked + text[checked..].iter().take_while(|byte| is_plain(**byte)).count()
}

fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | ..b' ')
}

/// Whether all eight bytes of a word are plain. Subtracting from each byte borrows into its high bit if the byte was
/// smaller. A byte that had that bit before is not ASCII, and always plain.
fn is_plain_word(word: u64) -> bool {
    let below = |limit: u8, word: u64| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(1, word ^ (ONES * u64::from(byte)));
    (below(b' ', word) | equal(b'"') | equal(b'\\')) & HIGH_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_length_is_right_for_every_byte_in_every_position() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                for filler in [b'a', b' ', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                    let mut text = [filler; 20];
                    text[at] = byte;
                    let expected = if is_plain(byte) { 20 } else { at };
                    assert_eq!(
                        plain_length(&text),
                        expected,
                        "byte {byte:#x} at {at} among {filler:#x}"
                    );
                }
            }
        }
    }
}
