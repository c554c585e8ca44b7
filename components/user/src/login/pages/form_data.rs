//! The parameters of a query or a form. A name may occur several times, because a form with checkboxes sends it like
//! that.

/// Names and values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FormData(Vec<(String, String)>);

impl FormData {
    /// Reads `application/x-www-form-urlencoded`. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a parameter that occurs once. It is empty for a parameter that is absent or repeated.
    pub(crate) fn one(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => value,
            _ => "",
        }
    }

    /// Whether a parameter has this value: a checked box, or a pressed button.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.0
            .iter()
            .any(|pair| (pair.0.as_str(), pair.1.as_str()) == (name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let form = FormData::parse("email=a%40b.c&name=%E5%B1%B1+%E7%94%B0&scope=x&scope=y&bare".as_bytes());
        assert_eq!((form.one("email"), form.one("name")), ("a@b.c", "山 田"));
        assert!(form.has("scope", "x") && form.has("scope", "y") && !form.has("scope", "z"));
        assert_eq!(
            (form.one("scope"), form.one("bare"), form.one("none")),
            ("", "", "")
        );
    }

    #[test]
    fn any_bytes_are_read() {
        let form = FormData::parse(b"a=%00&b=%ff\xff&c=%&=&&d=%zz");
        assert_eq!(form.one("a"), "\0", "the field refuses it later");
        assert_eq!(form.one("b"), "\u{fffd}\u{fffd}");
        assert_eq!((form.one("c"), form.one("d")), ("%", "%zz"));
    }
}
