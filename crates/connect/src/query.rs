//! The query of a URL, in the form that browsers give it (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

/// The value of the first parameter with this name, decoded. Bytes that are not UTF-8 read as U+FFFD.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    Some(match bytes(query, name)? {
        Cow::Borrowed(value) => String::from_utf8_lossy(value),
        Cow::Owned(value) => Cow::Owned(String::from_utf8_lossy(&value).into_owned()),
    })
}

/// The value of the first parameter with this name, decoded, whatever bytes it has.
pub(crate) fn bytes<'a>(query: &'a str, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .find(|(key, _)| *decode(key) == *name.as_bytes())
        .map(|(_, value)| decode(value))
}

/// Undoes percent-encoding; a percent sign that begins none stands for itself.
fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = if first == b'%' {
            behind.get(..2).and_then(hexadecimal)
        } else {
            None
        };
        decoded.push(match escaped {
            Some(byte) => byte,
            None if first == b'+' => b' ',
            None => first,
        });
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    Cow::Owned(decoded)
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let (high, low) = (value(digits.first()?)?, value(digits.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_and_decoded() {
        let cases = [
            ("a=1&b=2", "b", Some("2")),
            ("a=1&a=2", "a", Some("1")),
            (
                "message=%7B%22name%22%3A%22Buf%22%7D&encoding=json",
                "message",
                Some("{\"name\":\"Buf\"}"),
            ),
            ("m%65ssage=x", "message", Some("x")),
            ("a=b+c%2B", "a", Some("b c+")),
            ("a=%E5%95%86", "a", Some("商")),
            ("a=100%", "a", Some("100%")),
            ("a=%zz%4", "a", Some("%zz%4")),
            ("a=%FF", "a", Some("\u{FFFD}")),
            ("a", "a", Some("")),
            ("", "a", None),
            ("b=1", "a", None),
        ];
        for (query, name, expected) in cases {
            assert_eq!(
                parameter(query, name).as_deref(),
                expected,
                "{name:?} in {query:?}"
            );
        }
    }
}
