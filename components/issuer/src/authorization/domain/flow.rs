//! The state of an authorization request while its browser visits the pages.

use super::{AcceptedConsent, AcceptedLogin, Decision};
use crate::clients::domain::OAuthClient;
use crate::domain::secret::Hash;

/// How long a grant can be refreshed, in seconds. The time runs from the sign-in, not from the last refresh, so that a
/// list of ended sessions can drop a session after that time.
const GRANT_LIFETIME: i64 = 30 * 24 * 3600;

/// How long a code is valid, in seconds.
const CODE_LIFETIME: i64 = 60;

/// The next step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowStep {
    Login,
    LoginAnswered,
    Consent,
    ConsentAnswered,
    Over,
}

impl std::str::FromStr for FlowStep {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "login" => Self::Login,
            "login_answered" => Self::LoginAnswered,
            "consent" => Self::Consent,
            "consent_answered" => Self::ConsentAnswered,
            "over" => Self::Over,
            _ => return Err("it is no step of a flow"),
        })
    }
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) step: FlowStep,
    /// The hash of the flow cookie of the browser that the request began in.
    pub(crate) cookie: Hash,
    pub(crate) client_id: String,
    /// The request's parameters, as a query.
    pub(crate) request: String,
    pub(crate) session_id: String,
    /// Whether the browser is remembered. Then the login page need not ask the user.
    pub(crate) login_skip: bool,
    pub(crate) subject: Option<String>,
    pub(crate) login: Option<Decision<AcceptedLogin>>,
    pub(crate) consent: Option<Decision<AcceptedConsent>>,
    pub(crate) consent_request_id: Option<String>,
    /// Whether the user has granted the same before. Then the consent page need not ask the user.
    pub(crate) consent_skip: bool,
}

/// A request that begins.
#[derive(Debug)]
pub(crate) struct NewFlow<'a> {
    pub(crate) challenge: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) client_id: &'a str,
    pub(crate) request: &'a str,
    pub(crate) session_id: &'a str,
    /// The remembered user and the time of the login, in seconds since 1970: then the login can be skipped.
    pub(crate) remembered: Option<(&'a str, i64)>,
}

/// The step from login to consent.
#[derive(Debug)]
pub(crate) struct ConsentStep<'a> {
    pub(crate) verifier: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) consent_challenge: &'a Hash,
    pub(crate) consent_request_id: &'a str,
    pub(crate) consent_skip: bool,
    pub(crate) login: &'a AcceptedLogin,
    /// The session cookie that the browser has sent.
    pub(crate) old_session_cookie: Option<&'a Hash>,
    /// Whether the login of that cookie is forgotten.
    pub(crate) forget_old: bool,
    /// The session cookie that the browser gets for the new login.
    pub(crate) new_session_cookie: Option<&'a Hash>,
    /// How long the browser is remembered from now on, in seconds.
    pub(crate) remember_for: u32,
    /// Whether that time also applies to a login that was skipped.
    pub(crate) prolong: bool,
}

/// The user's grant at the end of a request.
#[derive(Debug)]
pub(crate) struct NewGrant<'a> {
    pub(crate) verifier: &'a Hash,
    pub(crate) cookie: &'a Hash,
    pub(crate) code: &'a Hash,
    pub(crate) redirect_uri: &'a str,
    pub(crate) code_challenge: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) login: &'a AcceptedLogin,
    pub(crate) consent: &'a AcceptedConsent,
    /// How long the grant or its last token lives, in seconds.
    pub(crate) lifetime: i64,
}

/// How long a grant lives, in seconds: as long as it can be refreshed, or until its only access token has expired.
pub(crate) fn grant_lifetime(client: &OAuthClient, consent: &AcceptedConsent) -> i64 {
    match client.refreshes(&consent.scopes) {
        true => GRANT_LIFETIME,
        false => {
            let token = client.lifespan(&consent.audience);
            CODE_LIFETIME + i64::try_from(token).unwrap_or(GRANT_LIFETIME)
        }
    }
}
