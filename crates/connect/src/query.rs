//! The query of a URL, in the form of browsers (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

/// The value of the first parameter with this name, decoded. Bytes that are not UTF-8 read as U+FFFD.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    bytes(query, name).map(text)
}

/// The value of the first parameter with this name, decoded. It may have any bytes.
pub(crate) fn bytes<'a>(query: &'a str, name: &str) -> Option<Cow<'a, [u8]>> {
    pairs(query)
        .find(|(key, _)| *decode(key) == *name.as_bytes())
        .map(|(_, value)| decode(value))
}

/// All parameters, decoded, in their order. Bytes that are not UTF-8 read as U+FFFD.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    pairs(query)
        .filter(|pair| *pair != ("", ""))
        .map(|(name, value)| (text(decode(name)), text(decode(value))))
}

/// Names and values, as they were sent.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Decodes percent-encoding. A percent sign that does not begin an escape is kept.
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

    #[test]
    fn all_parameters_are_listed_in_their_order() {
        let listed = |query| -> Vec<(String, String)> {
            parameters(query)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            listed("b=2&a=%E5%95%86&b=1"),
            [pair("b", "2"), pair("a", "商"), pair("b", "1")]
        );
        assert_eq!(listed(""), []);
    }
}
