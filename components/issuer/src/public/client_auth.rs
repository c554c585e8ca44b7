//! Authentication of clients (RFC 6749, section 2.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect::Body;
use http::{Response, StatusCode, header};

use crate::clients::domain::{AuthMethod, ClientAuthentication};
use crate::domain::failure::Denied;
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;
use crate::request::HttpRequest;
use crate::response::{oauth_error, report, set};

/// The challenge of every 401 (RFC 9110, section 15.5.2): how a confidential client authenticates (RFC 7617, section 2).
const CHALLENGE: &str = "Basic realm=\"issuer\", charset=\"UTF-8\"";

/// Parameters by which clients authenticate. None of them may be in the address, because logs keep addresses (RFC 6749,
/// section 2.3.1).
const SECRETS: [&str; 2] = ["client_secret", "client_assertion"];

/// The response to a refused request (RFC 6749, section 5.2). It does not reveal whether the id or the secret is wrong.
pub(super) fn refusal(denied: &Denied, request: &HttpRequest) -> Response<Body> {
    match denied {
        Denied::Client => {
            let error = OAuthError::new(
                "invalid_client",
                "the client is unknown, or has not shown its secret in the way that it is registered for",
            );
            let mut response = oauth_error(StatusCode::UNAUTHORIZED, &error);
            set(&mut response, header::WWW_AUTHENTICATE, CHALLENGE);
            response
        }
        Denied::Error(error) => {
            let status = match error.name.as_str() {
                "access_denied" => StatusCode::FORBIDDEN,
                _ => StatusCode::BAD_REQUEST,
            };
            oauth_error(status, error)
        }
        Denied::Failed(failure) => oauth_error(report(failure, request), &OAuthError::server_error()),
    }
}

/// The credentials of a request, which may use only one way of authentication.
pub(super) fn credentials(request: &HttpRequest, form: &Parameters) -> Result<ClientAuthentication, Denied> {
    if SECRETS.into_iter().any(|name| request.query_names(name)) {
        let error = "send the client's secret in the header or the body, not in the address";
        return Err(OAuthError::invalid_request(error).into());
    }
    parse(request.authorization()?, form)
}

fn parse(authorization: Option<&str>, form: &Parameters) -> Result<ClientAuthentication, Denied> {
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
        let id = id.ok_or_else(|| OAuthError::missing("client_id"))?;
        return Ok(ClientAuthentication {
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
    Ok(ClientAuthentication {
        id: basic_id,
        secret: Some(basic_secret),
        method: AuthMethod::Basic,
    })
}

fn two_ways() -> Denied {
    OAuthError::invalid_request("authenticate the client in one way, not in two").into()
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

/// One form-encoded value. `&` and `=` in it are plain characters, because some clients do not encode them. `None` for
/// a value with a character that no client's id or secret may have (RFC 6749, appendices A.1 and A.2).
fn decoded(text: &str) -> Option<String> {
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let (name, _) = form_urlencoded::parse(escaped.as_bytes()).next()?;
    let is_in_form = name.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    is_in_form.then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pair: Option<&str>, form: &str) -> Result<ClientAuthentication, Denied> {
        let header = pair.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
        parse(header.as_deref(), &Parameters::parse(form).unwrap())
    }

    #[test]
    fn client_authenticates_in_exactly_one_way() {
        let is = |id: &str, secret: Option<&str>, method| ClientAuthentication {
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
            assert!(parse(Some(wrong), &Parameters::default()).is_err(), "{wrong:?}");
        }
    }
}
