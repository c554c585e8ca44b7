//! Which client is asking (RFC 6749, section 2.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect::Body;
use http::{Response, StatusCode, header};

use crate::Issuer;
use crate::domain::client::{AuthMethod, Client};
use crate::domain::form::Form;
use crate::domain::request::OAuthError;
use crate::domain::secret::Hash;
use crate::exchange::{Call, Failure, oauth_error, set};
use crate::wire_client;

/// What a client says about itself.
#[derive(Debug, PartialEq, Eq)]
struct Credentials {
    id: String,
    secret: Option<String>,
    method: AuthMethod,
}

/// What every 401 says (RFC 9110, section 15.5.2): how a client that is no app shows who it is (RFC 7617, section 2).
const CHALLENGE: &str = "Basic realm=\"issuer\", charset=\"UTF-8\"";

/// Parameters by which clients show who they are. None of them may stand in the address, where logs keep it (RFC 6749, section
/// 2.3.1).
const SECRETS: [&str; 2] = ["client_secret", "client_assertion"];

/// Why a request goes no further.
#[derive(Debug)]
pub(crate) enum Denied {
    /// 401: not this client, or not that way.
    Client,
    Error(OAuthError),
    Failed(Failure),
}

impl From<OAuthError> for Denied {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}

impl<E: Into<Failure>> From<E> for Denied {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

impl Denied {
    /// RFC 6749, section 5.2. Which of id and secret was wrong is not said.
    pub(crate) fn answer(self, call: &Call) -> Response<Body> {
        match self {
            Self::Client => {
                let error = OAuthError::new(
                    "invalid_client",
                    "the client is unknown, or did not show the right secret in its way",
                );
                let mut response = oauth_error(StatusCode::UNAUTHORIZED, &error);
                set(&mut response, header::WWW_AUTHENTICATE, CHALLENGE);
                response
            }
            Self::Error(error) => {
                let status = match error.name.as_str() {
                    "access_denied" => StatusCode::FORBIDDEN,
                    _ => StatusCode::BAD_REQUEST,
                };
                oauth_error(status, &error)
            }
            Self::Failed(failure) => oauth_error(failure.report(call), &OAuthError::server_error()),
        }
    }
}

/// The client that a request is from.
pub(crate) async fn authenticate(issuer: &Issuer, call: &Call, form: &Form) -> Result<Client, Denied> {
    if SECRETS.into_iter().any(|name| call.query_names(name)) {
        return Err(
            OAuthError::invalid_request("a client's secret has to be in the header or the body").into(),
        );
    }
    let credentials = credentials(call.authorization()?, form)?;
    let stored = issuer.store.client(&credentials.id).await?;
    let client = stored.as_ref().map(wire_client::client);
    match client.filter(|client| holds(&credentials, client)) {
        Some(client) => Ok(client),
        None => Err(Denied::Client),
    }
}

fn holds(credentials: &Credentials, client: &Client) -> bool {
    let is_known = match (&client.secret, &credentials.secret) {
        (Some(known), Some(given)) => known.is(&Hash::of(given)),
        (None, None) => client.is_public(),
        _ => false,
    };
    is_known && credentials.method == client.auth_method
}

fn credentials(authorization: Option<&str>, form: &Form) -> Result<Credentials, Denied> {
    let (id, secret) = (form.get("client_id"), form.get("client_secret"));
    let assertion = form.get("client_assertion").or(form.get("client_assertion_type"));
    // RFC 6749, section 2.3: one way at a time.
    let ways = [authorization.is_some(), secret.is_some(), assertion.is_some()];
    if ways.into_iter().filter(|is_used| *is_used).count() > 1 {
        return Err(two_ways());
    }
    if assertion.is_some() {
        return Err(Denied::Client);
    }
    let Some(authorization) = authorization else {
        let id = id.ok_or_else(|| OAuthError::invalid_request("client_id is missing"))?;
        return Ok(Credentials {
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
            method: if secret.is_some() {
                AuthMethod::Post
            } else {
                AuthMethod::None
            },
        });
    };
    let (basic_id, basic_secret) = basic(authorization).ok_or(Denied::Client)?;
    if id.is_some_and(|id| id != basic_id) {
        return Err(two_ways());
    }
    Ok(Credentials {
        id: basic_id,
        secret: Some(basic_secret),
        method: AuthMethod::Basic,
    })
}

fn two_ways() -> Denied {
    OAuthError::invalid_request("the client is authenticated in two ways").into()
}

/// RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, value) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// A form-encoded value by itself. `&` and `=` in it are what they are: some clients do not encode. None for one with a
/// character that no client's id or secret has (RFC 6749, appendices A.1 and A.2).
fn decoded(text: &str) -> Option<String> {
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let (name, _) = form_urlencoded::parse(escaped.as_bytes()).next()?;
    let is_in_form = name.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    is_in_form.then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pair: Option<&str>, form: &str) -> Result<Credentials, Denied> {
        let header = pair.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
        credentials(header.as_deref(), &Form::parse(form).unwrap())
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        let is = |id: &str, secret: Option<&str>, method| Credentials {
            id: id.into(),
            secret: secret.map(str::to_owned),
            method,
        };
        let post = read(None, "client_id=a&client_secret=s").unwrap();
        assert_eq!(post, is("a", Some("s"), AuthMethod::Post));
        assert_eq!(
            read(None, "client_id=a").unwrap(),
            is("a", None, AuthMethod::None)
        );
        let encoded = read(Some("a%3Ab:s%2Bt+u&v=w"), "client_id=a%3Ab").unwrap();
        assert_eq!(encoded, is("a:b", Some("s+t u&v=w"), AuthMethod::Basic));
        for (pair, form) in [
            (None, ""),
            (Some("a:s"), "client_secret=s"),
            (Some("a:s"), "client_id=b"),
            (Some("no colon"), ""),
            (Some(":s"), ""),
            (Some("a%00:s"), ""),
            (Some("a\0:s"), ""),
            (Some("a:s%00"), ""),
            (Some("a:s%ff"), ""),
            (Some("a:s"), "client_assertion=x"),
            (Some("a:s"), "client_assertion_type=x"),
            (None, "client_id=a&client_secret=s&client_assertion=x"),
            (None, "client_id=a&client_assertion=x"),
        ] {
            assert!(read(pair, form).is_err(), "{pair:?} and {form:?}");
        }
        for wrong in ["Bearer x", "Basic", "Basic !", "Basic /w==", ""] {
            assert!(credentials(Some(wrong), &Form::default()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_the_registered_way_counts() {
        let mut client = crate::domain::client::tests::client();
        let given = |secret: Option<&str>, method| Credentials {
            id: "shop".into(),
            secret: secret.map(str::to_owned),
            method,
        };
        assert!(holds(&given(None, AuthMethod::None), &client));
        assert!(
            !holds(&given(Some("s"), AuthMethod::Post), &client),
            "a public client has no secret"
        );
        client.secret = Some(Hash::of("s"));
        client.auth_method = AuthMethod::Basic;
        assert!(holds(&given(Some("s"), AuthMethod::Basic), &client));
        for (secret, method) in [
            (Some("s"), AuthMethod::Post),
            (Some("S"), AuthMethod::Basic),
            (Some(""), AuthMethod::Basic),
            (None, AuthMethod::None),
            (None, AuthMethod::Basic),
        ] {
            assert!(
                !holds(&given(secret, method), &client),
                "{secret:?} by {method:?}"
            );
        }
    }
}
