//! The hook that the issuer calls before it refreshes tokens (Hydra's `oauth2.refresh_token_hook`,
//! <https://www.ory.sh/docs/hydra/guides/claims-at-refresh>; docs/ISSUER.md).
//!
//! The edge refuses revoked tokens without this hook. The hook informs an application at once, and prevents the issuer
//! from issuing tokens that the edge would refuse.

use connect::Body;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use spin_adapters::{http::Incoming, log, variables};
use web::{
    bearer,
    request_id::RequestIds,
    response::{json, method_not_allowed, text},
};

use super::domain::Login;
use super::hydra::{SessionClaims, TokenSession};
use super::service::{LoginPorts, Logins};
use crate::accounts::domain::User;

/// The path of the hook.
pub(crate) const PATH: &str = "/oauth2/hooks/refresh";

/// The variable with the issuer's bearer key.
const KEY: &str = "refresh_hook_key";

/// The smallest length of a key, because a shorter one can be guessed.
const MIN_KEY: usize = 32;

/// The largest request that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The used parts of Hydra's request.
#[derive(Debug, Deserialize)]
struct RefreshTokenHookRequest {
    subject: String,
    #[serde(default)]
    granted_scopes: Option<Vec<String>>,
    session: HookSession,
}

#[derive(Debug, Deserialize)]
struct HookSession {
    /// The claims that consent has put into the access token.
    extra: Option<SessionClaims>,
}

/// Hydra's `RefreshTokenHookResponse`.
#[derive(Serialize)]
struct RefreshTokenHookResponse {
    session: TokenSession,
}

impl RefreshTokenHookRequest {
    /// The login for which the tokens were issued. `None` if our pages have not accepted it.
    fn login(&self) -> Option<Login> {
        let SessionClaims { epoch, sid } = self.session.extra.as_ref()?;
        Some(Login {
            user: self.subject.parse().ok()?,
            session: sid.parse().ok()?,
            epoch: *epoch,
        })
    }

    /// Whether this user may still grant all granted scopes.
    fn is_allowed(&self, user: &User) -> bool {
        let mut scopes = self.granted_scopes.iter().flatten();
        scopes.all(|scope| user.may_grant(scope))
    }
}

/// Answers 200 with the claims of the new tokens, or 403.
pub(crate) async fn answer<P: LoginPorts>(request: Request<Incoming>, logins: &Logins<P>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return method_not_allowed("POST");
    }
    match has_key(&head).await {
        Ok(true) => {}
        Ok(false) => return text(StatusCode::UNAUTHORIZED, "only the issuer may call this hook"),
        Err(cause) => {
            log::error(RequestIds::of(&head.headers), cause);
            return text(StatusCode::SERVICE_UNAVAILABLE, "the hook is not configured");
        }
    }
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let cause = "the body is larger than 64 KiB or incomplete";
        return text(StatusCode::PAYLOAD_TOO_LARGE, cause);
    };
    let request: Result<RefreshTokenHookRequest, _> = serde_json::from_slice(&body.to_bytes());
    // A request with another body belongs to a grant that our consent page has not made.
    let login = request.ok().and_then(|request| Some((request.login()?, request)));
    match login {
        Some((login, request)) => decide(&head, &login, &request, logins).await,
        None => forbidden(),
    }
}

async fn has_key(head: &Parts) -> Result<bool, String> {
    let key = variables::get(KEY).await.map_err(|error| error.to_string())?;
    if key.len() < MIN_KEY {
        return Err(format!(
            "variable {KEY}: it must have {MIN_KEY} characters or more"
        ));
    }
    Ok(bearer::is_secret(&head.headers, &key))
}

async fn decide<P: LoginPorts>(
    head: &Parts,
    login: &Login,
    request: &RefreshTokenHookRequest,
    logins: &Logins<P>,
) -> Response<Body> {
    match logins.user_of(login).await {
        Ok(Some(user)) if request.is_allowed(&user) => {
            let session = TokenSession::of(login, &user);
            json(StatusCode::OK, &RefreshTokenHookResponse { session })
        }
        Ok(_) => forbidden(),
        Err(error) => {
            log::error(RequestIds::of(&head.headers), error);
            text(
                StatusCode::SERVICE_UNAVAILABLE,
                "accounts are unavailable at the moment",
            )
        }
    }
}

fn forbidden() -> Response<Body> {
    text(
        StatusCode::FORBIDDEN,
        "the login has ended, or the user may not grant these scopes any more",
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    fn login(text: &str) -> Option<Login> {
        serde_json::from_str::<RefreshTokenHookRequest>(text)
            .ok()?
            .login()
    }

    /// In the form that Hydra sends: see `RefreshTokenHookRequest` in its source.
    #[test]
    fn request_names_the_login() {
        let request = r#"{
            "subject": "0190163d-8694-739b-aea5-966c26f8ad91", "client_id": "shop", "granted_scopes": ["openid"],
            "granted_audience": [], "requester": {"client_id": "shop"},
            "session": {"id_token": {"subject": "x"}, "extra": {"epoch": 3, "sid": "s", "more": 1}, "client_id": "shop"}
        }"#;
        let login_of_it = login(request).unwrap();
        assert_eq!((login_of_it.epoch, login_of_it.session.as_str()), (3, "s"));
        for none in [
            r#"{"subject": "x", "session": {"extra": {"epoch": 3, "sid": "s"}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": {}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": null}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": {"epoch": 3, "sid": ""}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91"}"#,
            "",
            "[]",
        ] {
            assert!(login(none).is_none(), "{none}");
        }
    }

    #[test]
    fn only_the_exact_key_is_accepted() {
        let is_key = |value: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer::is_secret(&headers, "k")
        };
        assert!(is_key("Bearer k"));
        // The scheme's name is case-insensitive (RFC 9110, section 11.1).
        assert!(is_key("bearer k"));
        for wrong in ["Bearer ", "Bearer kk", "Bearer K", "k", "Basic k", ""] {
            assert!(!is_key(wrong), "{wrong:?}");
        }
    }
}
