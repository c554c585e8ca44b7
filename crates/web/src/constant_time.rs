//! Comparing secrets: the only comparison of them in the workspace.

use subtle::ConstantTimeEq as _;

/// Whether two byte strings are equal. The time that it takes depends on their lengths, and not on where they differ.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_bytes_are_equal() {
        assert!(equal(b"", b""));
        assert!(equal(b"secret", b"secret"));
        for other in [&b""[..], b"s", b"secre", b"Secret", b"secret "] {
            assert!(!equal(b"secret", other), "{other:?}");
        }
    }
}
