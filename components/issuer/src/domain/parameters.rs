//! The parameters of a request, from a query or a form.

/// The largest size of parameters that are read, in bytes.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

/// Parameters that must not occur more than once (RFC 6749, sections 3.1 and 3.2): those of the specifications for
/// OAuth and OpenID Connect, and our own. Any other name may be repeated, because the issuer ignores it. `audience` and
/// `resource` are lists by their specifications (RFC 8693, section 2.1; RFC 8707, section 2).
const ONCE: [&str; 45] = [
    // RFC 6749.
    "client_id",
    "client_secret",
    "code",
    "grant_type",
    "password",
    "redirect_uri",
    "refresh_token",
    "response_type",
    "scope",
    "state",
    "username",
    // OpenID Connect Core, sections 3.1.2.1, 5.2, 5.5, 6.1 and 7.2.1; Multiple Response Types, section 2.1.
    "acr_values",
    "claims",
    "claims_locales",
    "display",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "registration",
    "request",
    "request_uri",
    "response_mode",
    "ui_locales",
    // RP-Initiated Logout, section 2.
    "logout_hint",
    "post_logout_redirect_uri",
    // RFC 6750, section 2; RFC 7009, section 2.1.
    "access_token",
    "token",
    "token_type_hint",
    // RFC 7636, RFC 7521, RFC 8628, RFC 8693, RFC 9396 and RFC 9449.
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "device_code",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "authorization_details",
    "dpop_jkt",
    // Our own, with Hydra's names.
    "consent_verifier",
    "login_verifier",
    "logout_verifier",
];

/// Names and values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// Why a text is refused as a list of parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParameterError {
    /// A parameter that must not be repeated.
    #[error("parameter {0:.100} is sent more than once")]
    Twice(String),
    #[error("the parameters have more than {MOST_BYTES} bytes")]
    TooLong,
    /// A byte that is not UTF-8, or a control character. No parameter of OAuth may contain either (RFC 6749, appendix
    /// A).
    #[error("a parameter has a control character, or is not UTF-8")]
    Character,
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`. Each of the listed parameters may occur once at most.
    pub(crate) fn parse(text: &str) -> Result<Self, ParameterError> {
        if text.len() > MOST_BYTES {
            return Err(ParameterError::TooLong);
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            // The parser replaces invalid UTF-8 by U+FFFD, which no client sends on purpose.
            if [&name, &value]
                .into_iter()
                .any(|text| text.contains(|c: char| c.is_control() || c == '\u{fffd}'))
            {
                return Err(ParameterError::Character);
            }
            form.0.push((name.into_owned(), value.into_owned()));
        }
        form.refuse_repeated(|name| ONCE.contains(&name))?;
        Ok(form)
    }

    /// The same, but every name may occur once at most, including unknown names.
    pub(crate) fn each_once(self) -> Result<Self, ParameterError> {
        self.refuse_repeated(|_| true)?;
        Ok(self)
    }

    fn refuse_repeated(&self, is_meant: impl Fn(&str) -> bool) -> Result<(), ParameterError> {
        let repeated = self
            .0
            .iter()
            .find(|(name, _)| is_meant(name) && self.all(name).nth(1).is_some());
        repeated.map_or(Ok(()), |(name, _)| Err(ParameterError::Twice(name.clone())))
    }

    /// A parameter's value. For a parameter that may be repeated, the first value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter. A parameter with an empty value counts as absent (RFC 6749, section 3.1).
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A copy without these parameters.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.cloned().collect())
    }

    /// The parameters as a query string. Equal parameters give equal strings.
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
        let form = Parameters::parse("scope=openid+admin&state=%E5%95%86%20%26&empty=&bare").unwrap();
        assert_eq!(form.get("scope"), Some("openid admin"));
        assert_eq!(form.get("state"), Some("商 &"));
        assert_eq!(
            (form.get("empty"), form.get("bare"), form.get("other")),
            (None, None, None)
        );
        assert_eq!(
            Parameters::parse(&form.to_query()).unwrap(),
            form,
            "it survives a round trip"
        );
        assert_eq!(form.without(&["scope", "state"]).to_query(), "empty=&bare=");
        assert_eq!(Parameters::parse("").unwrap(), Parameters::default());
    }

    #[test]
    fn invalid_and_repeated_parameters_are_refused() {
        for name in ONCE {
            let twice = format!("{name}=1&b=2&%{:02x}{}=1", name.as_bytes()[0], &name[1..]);
            assert_eq!(
                Parameters::parse(&twice),
                Err(ParameterError::Twice(name.into())),
                "{twice}"
            );
        }
        for wrong in ["a=%00", "a=%ff", "a=b%0d%0ac", "%0a=1", "a=%c3%28"] {
            assert_eq!(
                Parameters::parse(wrong),
                Err(ParameterError::Character),
                "{wrong}"
            );
        }
        let huge = format!("a={}", "b".repeat(MOST_BYTES));
        assert_eq!(Parameters::parse(&huge), Err(ParameterError::TooLong));
    }

    #[test]
    fn parameters_that_oauth_does_not_define_may_be_repeated() {
        let form = Parameters::parse("resource=a&scope=openid&resource=b&audience=c&audience=d&ours=&ours=1")
            .unwrap();
        let all = |name| form.all(name).collect::<Vec<_>>();
        assert_eq!(
            (all("resource"), all("audience")),
            (vec!["a", "b"], vec!["c", "d"])
        );
        assert_eq!(form.get("ours"), Some("1"), "one without a value is absent");
        assert_eq!(
            Parameters::parse("state=&state=1").unwrap().get("state"),
            Some("1")
        );
        assert_eq!(form.each_once(), Err(ParameterError::Twice("resource".into())));
        let once = Parameters::parse("resource=a&scope=openid").unwrap();
        assert_eq!(once.clone().each_once(), Ok(once));
    }

    #[test]
    fn parameters_are_added_to_the_query_of_a_url() {
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
