//! Parameters of a request, from a query or a form.

/// The most bytes of parameters that are looked at.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

/// Names and values, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

/// Why a text is no list of parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// RFC 6749, sections 3.1 and 3.2: a parameter must not be there twice.
    #[error("a parameter is there more than once")]
    Twice,
    #[error("the parameters are more than {MOST_BYTES} bytes")]
    TooLong,
    /// A byte that is not UTF-8, or a control character: nothing that a parameter of OAuth may have (RFC 6749, appendix A).
    #[error("a parameter has a character that none may have")]
    Character,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &str) -> Result<Self, FormError> {
        if text.len() > MOST_BYTES {
            return Err(FormError::TooLong);
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            // Wrong UTF-8 was replaced by U+FFFD, which nobody sends on purpose.
            if [&name, &value]
                .into_iter()
                .any(|text| text.contains(|c: char| c.is_control() || c == '\u{fffd}'))
            {
                return Err(FormError::Character);
            }
            if form.0.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Twice);
            }
            form.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(form)
    }

    /// A parameter's value. One that is there without a value counts as absent (RFC 6749, section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The same, without these.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.cloned().collect())
    }

    /// As a query, spelled in one way only.
    pub(crate) fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        query.finish()
    }
}

/// The URL with these parameters added to its query.
pub(crate) fn with_query<'a>(url: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let (url, fragment) = url
        .split_once('#')
        .map_or((url, None), |(url, rest)| (url, Some(rest)));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    let mut text = url.to_owned();
    if !query.is_empty() {
        text.push(if url.contains('?') { '&' } else { '?' });
        text.push_str(&query);
    }
    if let Some(fragment) = fragment {
        text.push('#');
        text.push_str(fragment);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_empty_ones_absent() {
        let form = Form::parse("scope=openid+admin&state=%E5%95%86%20%26&empty=&bare").unwrap();
        assert_eq!(form.get("scope"), Some("openid admin"));
        assert_eq!(form.get("state"), Some("商 &"));
        assert_eq!(
            (form.get("empty"), form.get("bare"), form.get("other")),
            (None, None, None)
        );
        assert_eq!(
            Form::parse(&form.to_query()).unwrap(),
            form,
            "it survives a round trip"
        );
        assert_eq!(form.without(&["scope", "state"]).to_query(), "empty=&bare=");
        assert_eq!(Form::parse("").unwrap(), Form::default());
    }

    #[test]
    fn doubtful_parameters_are_refused() {
        for twice in ["a=1&a=2", "a=1&b=2&%61=1", "a&a"] {
            assert_eq!(Form::parse(twice), Err(FormError::Twice), "{twice}");
        }
        for wrong in ["a=%00", "a=%ff", "a=b%0d%0ac", "%0a=1", "a=%c3%28"] {
            assert_eq!(Form::parse(wrong), Err(FormError::Character), "{wrong}");
        }
        let huge = format!("a={}", "b".repeat(MOST_BYTES));
        assert_eq!(Form::parse(&huge), Err(FormError::TooLong));
    }

    #[test]
    fn parameters_are_added_where_the_query_belongs() {
        let cases = [
            ("https://app/cb", "https://app/cb?code=a+b&iss=https%3A%2F%2Fi"),
            (
                "https://app/cb?x=1",
                "https://app/cb?x=1&code=a+b&iss=https%3A%2F%2Fi",
            ),
            (
                "https://app/cb#f",
                "https://app/cb?code=a+b&iss=https%3A%2F%2Fi#f",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(with_query(url, [("code", "a b"), ("iss", "https://i")]), expected);
        }
        assert_eq!(with_query("https://app/cb", []), "https://app/cb");
    }
}
