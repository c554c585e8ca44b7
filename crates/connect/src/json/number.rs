//! JSON numbers as texts: their grammar, and their exact value as an integer.

/// The length of the JSON number at the start of `text` (RFC 8259, section 6), or `None` if there is none.
pub(super) fn scan(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text.first() == Some(&b'-'));
    at += match text.get(at)? {
        b'0' => 1,
        b'1'..=b'9' => count_digits(&text[at..]),
        _ => return None,
    };
    if text.get(at) == Some(&b'.') {
        let digits = count_digits(&text[at + 1..]);
        if digits == 0 {
            return None;
        }
        at += 1 + digits;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let digits = count_digits(&text[at..]);
        if digits == 0 {
            return None;
        }
        at += digits;
    }
    Some(at)
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether the whole of `text` is a JSON number.
pub(super) fn is_number(text: &str) -> bool {
    scan(text.as_bytes()) == Some(text.len())
}

/// The reason why a number is not a valid integer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotInteger {
    /// It has a fraction.
    Fraction,
    /// It does not fit into 64 bits, signed or unsigned.
    TooLarge,
}

/// The value of a JSON number if it is an integer: `12`, but also `12.0`, `1.2e1` and `120e-1`. `number` must satisfy
/// [`is_number`]. Nothing is rounded: all digits of a 64-bit integer count.
pub(super) fn integer(number: &str) -> Result<i128, NotInteger> {
    let (negative, magnitude) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let magnitude = match magnitude.parse::<u64>() {
        Ok(plain) => i128::from(plain),
        Err(_) => scaled(magnitude)?,
    };
    Ok(if negative { -magnitude } else { magnitude })
}

/// The value of digits with a point or an exponent.
fn scaled(magnitude: &str) -> Result<i128, NotInteger> {
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let trailing_zeros = digits.len() - digits.trim_end_matches('0').len();
    // An exponent that does not fit is replaced by the nearest one that fits: both are far out of range.
    let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    });
    let scale = exponent
        .saturating_add(trailing_zeros as i64)
        .saturating_sub(fraction.len() as i64);
    if scale < 0 {
        return Err(NotInteger::Fraction);
    }
    // An integer of 64 bits has at most 20 digits.
    if scale > 20 || significant.len() > 20 {
        return Err(NotInteger::TooLarge);
    }
    let significant: i128 = significant.parse().map_err(|_| NotInteger::TooLarge)?;
    let value = significant * 10_i128.pow(scale as u32);
    if value > i128::from(u64::MAX) {
        Err(NotInteger::TooLarge)
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_json_grammar() {
        for valid in [
            "0",
            "-0",
            "10",
            "1.5",
            "-1.50e+10",
            "1E3",
            "0.0",
            "123456789012345678901234567890",
        ] {
            assert!(is_number(valid), "{valid:?} should be a JSON number");
        }
        for invalid in [
            "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1 ", " 1", "NaN", "inf", "1_0",
        ] {
            assert!(!is_number(invalid), "{invalid:?} should not be a JSON number");
        }
    }

    #[test]
    fn integers_are_exact_in_every_notation() {
        let cases: &[(&str, Result<i128, NotInteger>)] = &[
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-7", Ok(-7)),
            ("9007199254740993", Ok(9_007_199_254_740_993)),
            ("18446744073709551615", Ok(i128::from(u64::MAX))),
            ("18446744073709551616", Err(NotInteger::TooLarge)),
            ("-9223372036854775808", Ok(i128::from(i64::MIN))),
            ("1.0", Ok(1)),
            ("100000.000", Ok(100_000)),
            ("1e5", Ok(100_000)),
            ("1.5e1", Ok(15)),
            ("1200e-2", Ok(12)),
            ("0.00e99999999999999999999", Ok(0)),
            ("0.5", Err(NotInteger::Fraction)),
            ("1e-1", Err(NotInteger::Fraction)),
            ("1e-99999999999999999999", Err(NotInteger::Fraction)),
            ("1e99999999999999999999", Err(NotInteger::TooLarge)),
            ("1e20", Err(NotInteger::TooLarge)),
            ("123456789012345678901", Err(NotInteger::TooLarge)),
        ];
        for (number, expected) in cases {
            assert_eq!(integer(number), *expected, "value of {number}");
        }
    }
}
