//! Authorization requests (RFC 6749, section 4.1.1; OpenID Connect Core, section 3.1.2.1).

use super::pkce::Challenge;
use crate::clients::domain::{GrantType, OAuthClient, proves_identity, scopes};
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;

/// The longest `state` and `nonce`, in bytes. Both are stored and returned.
const LONGEST_OPAQUE: usize = 2048;

/// The required interaction with the user (`prompt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// None: the client gets an answer or an error at once.
    pub(crate) none: bool,
    /// A login, even if the browser is remembered.
    pub(crate) login: bool,
    /// Consent, even if it was given before.
    pub(crate) consent: bool,
}

impl Prompt {
    fn parse(text: Option<&str>) -> Option<Self> {
        let mut prompt = Self::default();
        for word in text
            .unwrap_or_default()
            .split(' ')
            .filter(|word| !word.is_empty())
        {
            match word {
                "none" => prompt.none = true,
                // A session has one account, so choosing another account means a new login.
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return None,
            }
        }
        let contradicts = prompt.none && (prompt.login || prompt.consent);
        (!contradicts).then_some(prompt)
    }
}

/// The address for the answer. It is checked first, because errors are sent there, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedirectTarget {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

impl RedirectTarget {
    /// The address in the request, if it belongs to this client.
    pub(crate) fn parse(form: &Parameters, client: &OAuthClient) -> Result<Self, OAuthError> {
        let uri = form
            .get("redirect_uri")
            .ok_or_else(|| OAuthError::invalid_request("redirect_uri is missing"))?;
        if !client.redirects_to(uri) {
            return Err(OAuthError::invalid_request(
                "the client has not registered this redirect_uri",
            ));
        }
        let state = form.get("state").filter(|state| state.len() <= LONGEST_OPAQUE);
        Ok(Self {
            redirect_uri: uri.to_owned(),
            state: state.map(str::to_owned),
        })
    }
}

/// A valid authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationRequest {
    pub(crate) target: RedirectTarget,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) challenge: Challenge,
    pub(crate) nonce: Option<String>,
    pub(crate) prompt: Prompt,
    /// The largest age of the login, in seconds.
    pub(crate) max_age: Option<u64>,
    pub(crate) id_token_hint: Option<String>,
    pub(crate) hints: Hints,
}

/// Hints of the client for the login page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) acr_values: Vec<String>,
    pub(crate) ui_locales: Vec<String>,
    pub(crate) display: String,
    pub(crate) login_hint: String,
}

impl AuthorizationRequest {
    /// Reads the other parameters of a request whose answer goes to `target`.
    pub(crate) fn parse(
        form: &Parameters,
        client: &OAuthClient,
        target: RedirectTarget,
    ) -> Result<Self, OAuthError> {
        if !client.may(GrantType::AuthorizationCode) {
            return Err(OAuthError::new(
                "unauthorized_client",
                "the client may not use the authorization code grant",
            ));
        }
        refuse_unsupported(form)?;
        let words = |name: &str| {
            let words = form
                .get(name)
                .unwrap_or_default()
                .split(' ')
                .filter(|word| !word.is_empty());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let nonce = form.get("nonce").map(str::to_owned);
        if [form.get("state"), form.get("nonce")]
            .into_iter()
            .flatten()
            .any(|text| text.len() > LONGEST_OPAQUE)
        {
            return Err(OAuthError::invalid_request(format!(
                "state and nonce must have at most {LONGEST_OPAQUE} bytes"
            )));
        }
        let max_age = form
            .get("max_age")
            .map(|text| text.parse::<u32>().map(u64::from))
            .transpose();
        Ok(Self {
            target,
            scopes: requested_scopes(form, client)?,
            audience: requested_audience(form, client)?,
            challenge: challenge(form)?,
            nonce,
            prompt: Prompt::parse(form.get("prompt")).ok_or_else(|| {
                OAuthError::invalid_request(
                    "prompt must be none, or a list of login, consent and select_account",
                )
            })?,
            max_age: max_age
                .map_err(|_| OAuthError::invalid_request("max_age must be a number of seconds"))?,
            id_token_hint: form.get("id_token_hint").map(str::to_owned),
            hints: Hints {
                acr_values: words("acr_values"),
                ui_locales: words("ui_locales"),
                display: form.get("display").unwrap_or_default().to_owned(),
                login_hint: form.get("login_hint").unwrap_or_default().to_owned(),
            },
        })
    }

    /// Whether the request allows that earlier consent counts.
    pub(crate) fn may_skip_consent(&self, client: &OAuthClient) -> bool {
        !self.prompt.consent && (!client.is_public() || proves_identity(&self.target.redirect_uri))
    }
}

fn refuse_unsupported(form: &Parameters) -> Result<(), OAuthError> {
    for (parameter, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        if form.get(parameter).is_some() {
            return Err(OAuthError::new(error, format!("{parameter} is not supported")));
        }
    }
    match form.get("response_type") {
        Some("code") => {}
        None => return Err(OAuthError::invalid_request("response_type is missing")),
        Some(_) => {
            return Err(OAuthError::new(
                "unsupported_response_type",
                "response_type must be code",
            ));
        }
    }
    match form.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("response_mode must be query")),
    }
}

/// The scopes that a request for a token or a code names, if the client may have them.
pub(crate) fn requested_scopes(form: &Parameters, client: &OAuthClient) -> Result<Vec<String>, OAuthError> {
    let error = |text: &str| OAuthError::new("invalid_scope", text);
    let requested = scopes::parse(form.get("scope").unwrap_or_default());
    let requested = requested.ok_or_else(|| error("scope has a character that no scope may have"))?;
    match scopes::are_among(&requested, &client.scopes) {
        true => Ok(requested),
        false => Err(error("the client may not request one of the scopes")),
    }
}

/// The audiences that a request for a token or a code names (`audience`, separated by spaces or repeated, as in Hydra), if the
/// client may have them.
pub(crate) fn requested_audience(form: &Parameters, client: &OAuthClient) -> Result<Vec<String>, OAuthError> {
    let mut requested: Vec<String> = Vec::new();
    for audience in form
        .all("audience")
        .flat_map(|audiences| audiences.split(' '))
        .filter(|audience| !audience.is_empty())
    {
        if !requested.iter().any(|known| known == audience) {
            requested.push(audience.to_owned());
        }
    }
    match scopes::are_among(&requested, &client.audience) {
        true => Ok(requested),
        false => Err(OAuthError::invalid_request(
            "the client may not request one of the audiences",
        )),
    }
}

/// RFC 7636, section 4.4.1. Confidential clients need it, too (RFC 9700, section 2.1.1): it stops an injected code.
fn challenge(form: &Parameters) -> Result<Challenge, OAuthError> {
    let error = OAuthError::invalid_request;
    let challenge = form
        .get("code_challenge")
        .ok_or_else(|| error("code_challenge is missing: use PKCE"))?;
    if form.get("code_challenge_method") != Some("S256") {
        return Err(error("code_challenge_method must be S256"));
    }
    Challenge::parse(challenge).ok_or_else(|| error("code_challenge is not the base64url of a SHA-256"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::domain::tests::client;

    const GOOD: &str = "response_type=code&client_id=shop&redirect_uri=https%3A%2F%2Fshop.example%2Fcb&scope=openid&state=s\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn parse(query: &str) -> Result<AuthorizationRequest, OAuthError> {
        let form = Parameters::parse(query).expect("parameters");
        let client = client();
        let target = RedirectTarget::parse(&form, &client)?;
        AuthorizationRequest::parse(&form, &client, target)
    }

    fn name(query: &str) -> String {
        parse(query).map_or_else(|error| error.name, |_| "none".into())
    }

    #[test]
    fn complete_request_is_read() {
        let query = format!(
            "{GOOD}&nonce=n&prompt=login+consent&max_age=60&ui_locales=ja+en&login_hint=h&audience=akinai&audience=batch+akinai"
        );
        let request = parse(&query).unwrap();
        assert_eq!(request.target.redirect_uri, "https://shop.example/cb");
        assert_eq!(request.target.state.as_deref(), Some("s"));
        assert_eq!((request.nonce.as_deref(), request.max_age), (Some("n"), Some(60)));
        assert_eq!(
            (request.scopes, request.audience),
            (
                vec!["openid".to_owned()],
                vec!["akinai".to_owned(), "batch".to_owned()]
            )
        );
        assert!(request.prompt.login && request.prompt.consent && !request.prompt.none);
        assert_eq!(request.hints.ui_locales, ["ja", "en"]);
    }

    #[test]
    fn each_invalid_parameter_has_its_error() {
        let without = |name: &str| Parameters::parse(GOOD).unwrap().without(&[name]).to_query();
        let with = |rest: &str| format!("{GOOD}&{rest}");
        let instead = |name: &str, value: &str| format!("{}&{name}={value}", without(name));
        assert_eq!(name(GOOD), "none");
        let cases = [
            (without("redirect_uri"), "invalid_request"),
            (
                instead("redirect_uri", "https://shop.example/cc"),
                "invalid_request",
            ),
            (without("response_type"), "invalid_request"),
            (instead("response_type", "token"), "unsupported_response_type"),
            (
                instead("response_type", "code+id_token"),
                "unsupported_response_type",
            ),
            (with("response_mode=fragment"), "invalid_request"),
            (without("code_challenge"), "invalid_request"),
            (without("code_challenge_method"), "invalid_request"),
            (instead("code_challenge_method", "plain"), "invalid_request"),
            (instead("code_challenge", "short"), "invalid_request"),
            (instead("scope", "openid+root"), "invalid_scope"),
            (instead("scope", "a%22"), "invalid_scope"),
            (with("audience=other"), "invalid_request"),
            (with("prompt=none+login"), "invalid_request"),
            (with("prompt=create"), "invalid_request"),
            (with("max_age=-1"), "invalid_request"),
            (with("max_age=99999999999"), "invalid_request"),
            (with("request=e30"), "request_not_supported"),
            (with("request_uri=https://a"), "request_uri_not_supported"),
            (with("registration=x"), "registration_not_supported"),
            (instead("state", &"s".repeat(3000)), "invalid_request"),
            (with(&format!("nonce={}", "n".repeat(3000))), "invalid_request"),
        ];
        for (query, expected) in cases {
            assert_eq!(name(&query), expected, "{query:.300}");
        }
    }

    #[test]
    fn client_without_the_grant_type_gets_no_code() {
        let form = Parameters::parse(GOOD).unwrap();
        let mut client = client();
        client.grant_types = vec![GrantType::ClientCredentials];
        let target = RedirectTarget::parse(&form, &client).unwrap();
        let error = AuthorizationRequest::parse(&form, &client, target).unwrap_err();
        assert_eq!(error.name, "unauthorized_client");
    }

    #[test]
    fn consent_is_required_again_if_any_app_could_make_the_request() {
        let mut public = client();
        public.redirect_uris.push("com.example.app:/cb".into());
        let own_scheme = GOOD.replace("https%3A%2F%2Fshop.example%2Fcb", "com.example.app:/cb");
        let parse = |query: &str, client: &OAuthClient| {
            let form = Parameters::parse(query).unwrap();
            let target = RedirectTarget::parse(&form, client).unwrap();
            AuthorizationRequest::parse(&form, client, target)
                .unwrap()
                .may_skip_consent(client)
        };
        assert!(parse(GOOD, &public));
        assert!(!parse(&format!("{GOOD}&prompt=consent"), &public));
        assert!(!parse(&own_scheme, &public), "an app's own scheme proves nothing");
        public.auth_method = crate::clients::domain::AuthMethod::Basic;
        assert!(parse(&own_scheme, &public), "its secret will");
    }
}
