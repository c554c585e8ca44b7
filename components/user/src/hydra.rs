//! Hydra's admin API (v2), as far as the pages need it: <https://www.ory.sh/docs/hydra/reference/api>. Ory Hydra answers it, or
//! the issuer of this repository (docs/ISSUER.md); the variable `hydra_admin_url` says where.
//!
//! What browsers are told to do comes from here and from nowhere else: an address that they are sent to is one that the admin
//! API gave.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use kernel::SessionId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use spin_adapters::{clock::within, http::exchange, variables};

/// The variable with the address of the admin API, without a path.
const ADMIN: &str = "hydra_admin_url";

/// How long an answer may take. A person waits for it.
const LIMIT: Duration = Duration::from_secs(3);

/// The largest answer that is read, in bytes.
const MOST: usize = 1024 * 1024;

/// Why the admin API did not do what it was asked. The texts are for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// 404: there is no such challenge, or none any more.
    #[error("Hydra: unknown")]
    Unknown,
    /// 410: it was answered before. The browser goes on there, if Hydra says where.
    #[error("Hydra: answered before")]
    Gone(Option<Url>),
    /// It cannot be reached, or is too slow, or says itself that it does not work.
    #[error("Hydra is unavailable: {0}")]
    Unavailable(String),
    /// It said something that it should not say.
    #[error("Hydra: {0}")]
    Failed(String),
}

/// An address for a browser, as the admin API gave it: absolute, by HTTP, and fit to stand in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(String);

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let is_http = text.starts_with("https://") || text.starts_with("http://");
        (is_http && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// `oAuth2Client`: the application that wants something.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// An admin has decided that this application's users are not asked.
    pub(crate) skip_consent: bool,
}

impl Client {
    /// What to call it: its name, or its id if it has none.
    pub(crate) fn name(&self) -> &str {
        match self.client_name.trim() {
            "" => &self.client_id,
            name => name,
        }
    }

    /// Where the user comes back to after this authorization request, which the issuer has looked at: at the address that it
    /// names, or, as it may leave that out (and Hydra leaves out what came in a body), at one that is registered.
    fn ways_back(&self, request_url: &str) -> Vec<String> {
        let (_, query) = request_url.split_once('?').unwrap_or_default();
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        match parameters.find(|(name, _)| name == "redirect_uri") {
            Some((_, address)) => vec![address.into_owned()],
            None => self.redirect_uris.clone(),
        }
    }
}

/// `oAuth2ConsentRequestOpenIDConnectContext`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OidcContext {
    /// Who the application thinks will sign in.
    pub(crate) login_hint: String,
}

/// `oAuth2LoginRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoginRequest {
    /// The browser is remembered as the subject.
    pub(crate) skip: bool,
    pub(crate) subject: String,
    pub(crate) client: Client,
    pub(crate) oidc_context: OidcContext,
    /// The authorization request that began this.
    request_url: String,
    /// The `sid` of what comes of it.
    pub(crate) session_id: String,
}

impl LoginRequest {
    /// Where this begins anew.
    pub(crate) fn beginning(&self) -> Option<Url> {
        Url::parse(&self.request_url)
    }

    /// Where the application wants its user back.
    pub(crate) fn ways_back(&self) -> Vec<String> {
        self.client.ways_back(&self.request_url)
    }
}

/// `oAuth2ConsentRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConsentRequest {
    /// All that is requested was granted before.
    pub(crate) skip: bool,
    pub(crate) subject: String,
    pub(crate) client: Client,
    pub(crate) requested_scope: Vec<String>,
    pub(crate) requested_access_token_audience: Vec<String>,
    /// The authorization request that began this.
    request_url: String,
    pub(crate) login_session_id: String,
    /// What the login page left for this one.
    pub(crate) context: LoginContext,
}

impl ConsentRequest {
    /// Where the application wants its user back.
    pub(crate) fn ways_back(&self) -> Vec<String> {
        self.client.ways_back(&self.request_url)
    }
}

/// `oAuth2LogoutRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogoutRequest {
    pub(crate) subject: String,
    pub(crate) sid: String,
    pub(crate) client: Client,
}

/// What the login page leaves for the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct LoginContext {
    /// The epoch that the user has signed in to. None if some other page than ours left this.
    pub(crate) epoch: Option<i64>,
}

/// `acceptOAuth2LoginRequest`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AcceptLogin {
    pub(crate) subject: String,
    pub(crate) remember: bool,
    /// In seconds.
    pub(crate) remember_for: u32,
    pub(crate) acr: &'static str,
    pub(crate) amr: [&'static str; 1],
    pub(crate) context: LoginContext,
}

/// `acceptOAuth2ConsentRequest`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AcceptConsent {
    pub(crate) grant_scope: Vec<String>,
    pub(crate) grant_access_token_audience: Vec<String>,
    pub(crate) remember: bool,
    /// In seconds; 0: for ever.
    pub(crate) remember_for: u32,
    pub(crate) session: Session,
}

/// `acceptOAuth2ConsentRequestSession`, and what the refresh hook answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Session {
    pub(crate) access_token: AccessClaims,
    pub(crate) id_token: IdClaims,
}

/// What the edge looks at (`SessionService.CheckSession`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) epoch: i64,
    pub(crate) sid: String,
}

/// What the application is told of the user.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdClaims {
    pub(crate) name: String,
    pub(crate) email: String,
    /// Nobody has looked whether mail arrives there.
    pub(crate) email_verified: bool,
}

/// `rejectOAuth2Request`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reject {
    pub(crate) error: &'static str,
    pub(crate) error_description: &'static str,
}

impl Reject {
    /// The user does not want to.
    pub(crate) const DENIED: Self = Self {
        error: "access_denied",
        error_description: "The user has refused",
    };

    /// Who was signed in is so no longer.
    pub(crate) const LOGIN_REQUIRED: Self = Self {
        error: "login_required",
        error_description: "The user has to sign in again",
    };
}

/// `oAuth2RedirectTo`.
#[derive(Deserialize)]
struct RedirectTo {
    redirect_to: String,
}

/// What is asked of the user: each has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Login,
    Consent,
    Logout,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Consent => "consent",
            Self::Logout => "logout",
        }
    }

    /// The parameter that names the request.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Login => "login_challenge",
            Self::Consent => "consent_challenge",
            Self::Logout => "logout_challenge",
        }
    }
}

/// What a challenge can be, at most, in bytes. Hydra's carry the whole request, encrypted.
const LONGEST_CHALLENGE: usize = 16 * 1024;

/// The name of a request of the issuer's: whoever has it may answer the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    kind: Kind,
    text: String,
}

impl Challenge {
    /// Reads a challenge. None if it can be none.
    pub(crate) fn parse(kind: Kind, text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_CHALLENGE).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self {
            kind,
            text: text.into(),
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// As the query of an address.
    pub(crate) fn query(&self) -> String {
        query(&[(self.kind.parameter(), &self.text)])
    }

    fn path(&self, action: &str) -> String {
        let (name, query) = (self.kind.name(), self.query());
        format!("/admin/oauth2/auth/requests/{name}{action}?{query}")
    }
}

fn query(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// The admin API.
pub(crate) struct Hydra {
    address: Rc<str>,
}

impl Hydra {
    /// The one that `spin.toml` names.
    pub(crate) async fn from_variable() -> Result<Self, Error> {
        let address = variables::get(ADMIN).await;
        let address = address.map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Self { address })
    }

    /// What is requested.
    pub(crate) async fn request<T: DeserializeOwned>(&self, challenge: &Challenge) -> Result<T, Error> {
        let answer = self.send(Method::GET, &challenge.path(""), Bytes::new()).await?;
        parsed(&answer)
    }

    /// Says yes, and where the browser goes next.
    pub(crate) async fn accept(
        &self,
        challenge: &Challenge,
        answer: Option<&impl Serialize>,
    ) -> Result<Url, Error> {
        let body = answer.map(body).transpose()?.unwrap_or_default();
        let answer = self.send(Method::PUT, &challenge.path("/accept"), body).await?;
        redirect_to(&answer)
    }

    /// Says no, and where the browser goes next.
    pub(crate) async fn reject(&self, challenge: &Challenge, reason: Reject) -> Result<Url, Error> {
        let path = challenge.path("/reject");
        let answer = self.send(Method::PUT, &path, body(&reason)?).await?;
        redirect_to(&answer)
    }

    /// Says no to signing out. The browser stays where it is.
    pub(crate) async fn reject_logout(&self, challenge: &Challenge) -> Result<(), Error> {
        let path = challenge.path("/reject");
        self.send(Method::PUT, &path, Bytes::new()).await.map(drop)
    }

    /// Ends a session: its browser is remembered no longer.
    pub(crate) async fn end_session(&self, session: &SessionId) -> Result<(), Error> {
        self.delete("login", &[("sid", session.as_str())]).await
    }

    /// Ends all sessions of a subject.
    pub(crate) async fn end_logins(&self, subject: &str) -> Result<(), Error> {
        self.delete("login", &[("subject", subject)]).await
    }

    /// Ends all that a subject has granted, and the tokens that came of it.
    pub(crate) async fn end_consents(&self, subject: &str) -> Result<(), Error> {
        self.delete("consent", &[("subject", subject), ("all", "true")])
            .await
    }

    async fn delete(&self, what: &str, parameters: &[(&str, &str)]) -> Result<(), Error> {
        let path = format!("/admin/oauth2/auth/sessions/{what}?{}", query(parameters));
        match self.send(Method::DELETE, &path, Bytes::new()).await {
            // There is nothing to end: that is what was wanted.
            Ok(_) | Err(Error::Unknown) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let address = self.address.trim_end_matches('/');
        let request = Request::builder()
            .method(method)
            .uri(format!("{address}{path}"))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Error::Failed(error.to_string()))?;
        let answered = within(LIMIT, exchange(request, None, MOST)).await;
        let answered = answered.map_err(|elapsed| Error::Unavailable(elapsed.to_string()))?;
        let answered = answered.map_err(|error| Error::Unavailable(error.to_string()))?;
        let (head, body) = answered.into_parts();
        read(head.status, body)
    }
}

/// What an answer says, by its status. What is in it that is unexpected is not for the log: it may name people.
fn read(status: StatusCode, body: Bytes) -> Result<Bytes, Error> {
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(body),
        StatusCode::NOT_FOUND => Err(Error::Unknown),
        StatusCode::GONE => Err(Error::Gone(redirect_to(&body).ok())),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Unavailable(format!("it answered {status}"))),
        status if status.is_server_error() => Err(Error::Unavailable(format!("it answered {status}"))),
        status => Err(Error::Failed(format!("it answered {status}"))),
    }
}

fn body(value: &impl Serialize) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(value).map_err(|error| Error::Failed(error.to_string()))?;
    Ok(text.into())
}

/// An object. What is wrong with another answer is not said: serde would repeat some of it.
fn parsed<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    let wrong = |_| Error::Failed("an answer of another form than expected".into());
    let members: Map<String, Value> = serde_json::from_slice(answer).map_err(wrong)?;
    serde_json::from_value(without_nulls(members).into()).map_err(wrong)
}

/// Go's JSON spells an empty list or object as `null` at times: to us that is one that is not there.
fn without_nulls(members: Map<String, Value>) -> Map<String, Value> {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let inner = |(name, value)| match value {
        Value::Object(members) => (name, without_nulls(members).into()),
        other => (name, other),
    };
    members.map(inner).collect()
}

fn redirect_to(answer: &[u8]) -> Result<Url, Error> {
    let RedirectTo { redirect_to } = parsed(answer)?;
    Url::parse(&redirect_to).ok_or_else(|| Error::Failed("redirect_to is no address".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As Ory's API reference has them, `null`s and unknown members included.
    #[test]
    fn requests_are_read_as_hydra_sends_them() {
        let login = json!({
            "challenge": "c", "requested_scope": ["openid"], "requested_access_token_audience": null, "skip": false,
            "subject": "", "oidc_context": {}, "session_id": "s", "request_url": "http://hydra.test/oauth2/auth?a=b",
            "client": {
                "client_id": "shop", "client_name": "", "redirect_uris": null, "grant_types": null, "contacts": null,
                "jwks": {}, "metadata": {}, "created_at": "2026-11-22T00:00:00Z", "skip_consent": false,
            },
        });
        let login: LoginRequest = parsed(login.to_string().as_bytes()).unwrap();
        assert!(!login.skip);
        assert_eq!((login.client.name(), login.session_id.as_str()), ("shop", "s"));
        assert!(login.ways_back().is_empty(), "none is named or registered");
        assert_eq!(
            login.beginning().unwrap().as_str(),
            "http://hydra.test/oauth2/auth?a=b"
        );

        let consent = json!({
            "challenge": "c", "requested_scope": null, "skip": true, "subject": "u", "context": null, "client": null,
            "login_challenge": "l", "login_session_id": "s", "acr": "1", "amr": ["pwd"], "oidc_context": null,
        });
        let consent: ConsentRequest = parsed(consent.to_string().as_bytes()).unwrap();
        assert!(consent.skip && consent.requested_scope.is_empty());
        assert_eq!(consent.context, LoginContext { epoch: None });

        for wrong in ["", "null", "[]", "{\"skip\": \"yes\"}"] {
            let read: Result<LoginRequest, _> = parsed(wrong.as_bytes());
            assert!(matches!(read, Err(Error::Failed(_))), "{wrong:?}");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let gone = |body: &'static str| read(StatusCode::GONE, Bytes::from_static(body.as_bytes()));
        let url = Url("https://hydra.test/oauth2/auth?x=1".into());
        assert_eq!(
            gone(r#"{"redirect_to": "https://hydra.test/oauth2/auth?x=1"}"#),
            Err(Error::Gone(Some(url)))
        );
        for nowhere in [
            "",
            "{}",
            r#"{"redirect_to": ""}"#,
            r#"{"redirect_to": "javascript:alert(1)"}"#,
        ] {
            assert_eq!(gone(nowhere), Err(Error::Gone(None)), "{nowhere}");
        }
        assert_eq!(read(StatusCode::NOT_FOUND, Bytes::new()), Err(Error::Unknown));
        for away in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR] {
            assert!(matches!(read(away, Bytes::new()), Err(Error::Unavailable(_))));
        }
        for wrong in [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::FOUND,
        ] {
            assert!(matches!(read(wrong, Bytes::new()), Err(Error::Failed(_))));
        }
    }

    #[test]
    fn no_address_breaks_out_of_a_header() {
        for wrong in [
            "https://a.test/\r\nset-cookie: a=b",
            "https://a.test/ b",
            "//a.test",
            "/relative",
            "javascript:alert(1)",
            "https://a.test/\u{e9}",
            "",
        ] {
            assert_eq!(Url::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_challenge_is_one_parameter_whatever_it_contains() {
        let challenge = Challenge::parse(Kind::Login, "a&subject=b#c/../d").unwrap();
        assert_eq!(
            challenge.path("/accept"),
            "/admin/oauth2/auth/requests/login/accept?login_challenge=a%26subject%3Db%23c%2F..%2Fd"
        );
        let long = "x".repeat(LONGEST_CHALLENGE + 1);
        for wrong in ["", "a b", "a\0", "a\n", "挑戦", &long] {
            assert_eq!(Challenge::parse(Kind::Login, wrong), None, "{:.10}", wrong);
        }
    }
}
