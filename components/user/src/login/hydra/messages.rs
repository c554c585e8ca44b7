//! The JSON of Hydra's admin API, named as in its reference. Members that the pages do not need are left out.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Error, RedirectUrl};
use crate::{accounts::domain::User, login::domain::Login};

/// `oAuth2Client`: the application that sent a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OAuth2Client {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// An admin has decided that users of this application are not asked for consent.
    pub(crate) skip_consent: bool,
}

impl OAuth2Client {
    /// The name to show: the client's name, or its id if it has no name.
    pub(crate) fn name(&self) -> &str {
        match self.client_name.trim() {
            "" => &self.client_id,
            name => name,
        }
    }

    /// The addresses to which the user may return after an authorization request. The issuer has validated them. It is
    /// the `redirect_uri` of the request, or otherwise all registered ones. The request may leave it out, and Hydra
    /// leaves out parameters that came in a body.
    fn return_addresses(&self, request_url: &str) -> Vec<String> {
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
    /// The e-mail address of the user that the application expects.
    pub(crate) login_hint: String,
}

/// `oAuth2LoginRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoginRequest {
    /// The issuer remembers the browser, and the subject is its user.
    pub(crate) skip: bool,
    pub(crate) subject: String,
    pub(crate) client: OAuth2Client,
    pub(crate) oidc_context: OidcContext,
    /// The address of the authorization request.
    request_url: String,
    /// The session (`sid`) of the tokens that follow.
    pub(crate) session_id: String,
}

impl LoginRequest {
    /// The address that starts the authorization request again.
    pub(crate) fn restart(&self) -> Option<RedirectUrl> {
        RedirectUrl::parse(&self.request_url)
    }

    /// The addresses to which the application may send its user back.
    pub(crate) fn return_addresses(&self) -> Vec<String> {
        self.client.return_addresses(&self.request_url)
    }
}

/// `oAuth2ConsentRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConsentRequest {
    /// The user has granted everything that is requested before.
    pub(crate) skip: bool,
    pub(crate) subject: String,
    pub(crate) client: OAuth2Client,
    pub(crate) requested_scope: Vec<String>,
    pub(crate) requested_access_token_audience: Vec<String>,
    /// The address of the authorization request.
    request_url: String,
    pub(crate) login_session_id: String,
    /// The data that the login page has passed to the consent page.
    pub(crate) context: LoginContext,
}

impl ConsentRequest {
    /// The addresses to which the application may send its user back.
    pub(crate) fn return_addresses(&self) -> Vec<String> {
        self.client.return_addresses(&self.request_url)
    }
}

/// `oAuth2LogoutRequest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogoutRequest {
    pub(crate) subject: String,
    pub(crate) sid: String,
    pub(crate) client: OAuth2Client,
}

/// The data that the login page passes to the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct LoginContext {
    /// The epoch of the account when the user signed in. `None` if a login page that is not ours has accepted the login.
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
    /// In seconds; 0 means forever.
    pub(crate) remember_for: u32,
    pub(crate) session: TokenSession,
}

/// `acceptOAuth2ConsentRequestSession`: the claims of the tokens. The refresh hook answers with it, too.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenSession {
    pub(crate) access_token: SessionClaims,
    pub(crate) id_token: ProfileClaims,
}

/// The claims that the edge checks (`SessionService.CheckSession`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionClaims {
    pub(crate) epoch: i64,
    pub(crate) sid: String,
}

/// The user's data for the application.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProfileClaims {
    pub(crate) name: String,
    pub(crate) email: String,
    /// Always `false`: we send no mail to verify the address.
    pub(crate) email_verified: bool,
}

/// `rejectOAuth2Request`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct RejectRequest {
    pub(crate) error: &'static str,
    pub(crate) error_description: &'static str,
}

impl RejectRequest {
    /// The user has refused.
    pub(crate) const DENIED: Self = Self {
        error: "access_denied",
        error_description: "The user has refused",
    };

    /// The login of the user is not valid any more.
    pub(crate) const LOGIN_REQUIRED: Self = Self {
        error: "login_required",
        error_description: "The user has to sign in again",
    };
}

impl TokenSession {
    /// The claims of the tokens of a login.
    pub(crate) fn of(login: &Login, user: &User) -> Self {
        Self {
            access_token: SessionClaims {
                epoch: login.epoch,
                sid: login.session.to_string(),
            },
            id_token: ProfileClaims {
                name: user.name.as_str().into(),
                email: user.email.as_str().into(),
                email_verified: false,
            },
        }
    }
}

/// `oAuth2RedirectTo`.
#[derive(Deserialize)]
struct RedirectTo {
    redirect_to: String,
}

/// Reads a JSON object. The error does not describe the fault, because serde would quote a part of the answer.
pub(super) fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Error> {
    let malformed = |_| Error::Failed("the answer is not of the expected form".into());
    let members: Map<String, Value> = serde_json::from_slice(answer).map_err(malformed)?;
    serde_json::from_value(without_nulls(members).into()).map_err(malformed)
}

/// Removes members that are `null`: Go's JSON writes empty lists and objects as `null` in places.
fn without_nulls(members: Map<String, Value>) -> Map<String, Value> {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let inner = |(name, value)| match value {
        Value::Object(members) => (name, without_nulls(members).into()),
        other => (name, other),
    };
    members.map(inner).collect()
}

/// Reads the address that the browser goes to next.
pub(super) fn parse_redirect(answer: &[u8]) -> Result<RedirectUrl, Error> {
    let RedirectTo { redirect_to } = parse(answer)?;
    RedirectUrl::parse(&redirect_to)
        .ok_or_else(|| Error::Failed("redirect_to is no absolute HTTP address".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// In the form of Ory's API reference, including `null`s and unknown members.
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
        let login: LoginRequest = parse(login.to_string().as_bytes()).unwrap();
        assert!(!login.skip);
        assert_eq!((login.client.name(), login.session_id.as_str()), ("shop", "s"));
        assert!(
            login.return_addresses().is_empty(),
            "the request names none and none is registered"
        );
        assert_eq!(
            login.restart().unwrap().as_str(),
            "http://hydra.test/oauth2/auth?a=b"
        );

        let consent = json!({
            "challenge": "c", "requested_scope": null, "skip": true, "subject": "u", "context": null, "client": null,
            "login_challenge": "l", "login_session_id": "s", "acr": "1", "amr": ["pwd"], "oidc_context": null,
        });
        let consent: ConsentRequest = parse(consent.to_string().as_bytes()).unwrap();
        assert!(consent.skip && consent.requested_scope.is_empty());
        assert_eq!(consent.context, LoginContext { epoch: None });

        for wrong in ["", "null", "[]", "{\"skip\": \"yes\"}"] {
            let read: Result<LoginRequest, _> = parse(wrong.as_bytes());
            assert!(matches!(read, Err(Error::Failed(_))), "{wrong:?}");
        }
    }
}
