//! Whether tokens may be refreshed: asked by the issuer before it does (Hydra's `oauth2.refresh_token_hook`,
//! <https://www.ory.sh/docs/hydra/guides/claims-at-refresh>; docs/ISSUER.md).
//!
//! The edge finds out by itself what was revoked. This has an application know at once, and keeps the issuer from making tokens
//! that count nowhere.

use connect::Body;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::json;
use spin_adapters::{http::Incoming, log, variables};
use web::{
    bearer,
    request_id::RequestIds,
    response::{self, method_not_allowed, text},
};

use crate::domain::{Login, User};
use crate::hydra::AccessClaims;
use crate::pages::{ADMIN, session};

/// Where it is.
pub(crate) const PATH: &str = "/oauth2/hooks/refresh";

/// The variable with the bearer key that the issuer shows.
const KEY: &str = "refresh_hook_key";

/// The fewest characters of a key: what fewer could hold can be guessed.
const LEAST_KEY: usize = 32;

/// The largest question that is read, in bytes.
const MOST_BODY: usize = 64 * 1024;

/// What Hydra sends, as far as it matters.
#[derive(Debug, Deserialize)]
struct Question {
    subject: String,
    #[serde(default)]
    granted_scopes: Option<Vec<String>>,
    session: QuestionSession,
}

#[derive(Debug, Deserialize)]
struct QuestionSession {
    /// What consent put into the access token.
    extra: Option<AccessClaims>,
}

impl Question {
    /// The login that the tokens came of. None if it is none of ours.
    fn login(&self) -> Option<Login> {
        let AccessClaims { epoch, sid } = self.session.extra.as_ref()?;
        Some(Login {
            user: self.subject.parse().ok()?,
            session: sid.parse().ok()?,
            epoch: *epoch,
        })
    }

    /// Whether this user may have what was granted.
    fn is_due_to(&self, user: &User) -> bool {
        let mut scopes = self.granted_scopes.iter().flatten();
        user.is_admin() || !scopes.any(|scope| scope == ADMIN)
    }
}

/// 200 with what goes into the new tokens, or 403.
pub(crate) async fn answer(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return method_not_allowed("POST");
    }
    match is_known(&head).await {
        Ok(true) => {}
        Ok(false) => return text(StatusCode::UNAUTHORIZED, "this is for the issuer"),
        Err(cause) => {
            log::error(RequestIds::of(&head.headers), cause);
            return text(StatusCode::SERVICE_UNAVAILABLE, "the hook is not set up");
        }
    }
    let body = match Limited::new(body, MOST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large, or broke off",
            );
        }
    };
    match serde_json::from_slice::<Question>(&body) {
        Ok(question) => decide(&head, &question).await,
        // Of a grant that our consent page never saw.
        Err(_) => forbidden(),
    }
}

async fn is_known(head: &Parts) -> Result<bool, String> {
    let key = variables::get(KEY).await.map_err(|error| error.to_string())?;
    if key.len() < LEAST_KEY {
        return Err(format!(
            "variable {KEY}: it must have {LEAST_KEY} characters or more"
        ));
    }
    Ok(bearer::is_secret(&head.headers, &key))
}

async fn decide(head: &Parts, question: &Question) -> Response<Body> {
    let Some(login) = question.login() else {
        return forbidden();
    };
    let user = async { crate::accounts().await?.whose(&login).await };
    match user.await {
        Ok(Some(user)) if question.is_due_to(&user) => {
            response::json(StatusCode::OK, &json!({ "session": session(&login, &user) }))
        }
        Ok(_) => forbidden(),
        Err(error) => {
            log::error(RequestIds::of(&head.headers), error);
            text(StatusCode::SERVICE_UNAVAILABLE, "accounts cannot be reached")
        }
    }
}

fn forbidden() -> Response<Body> {
    text(StatusCode::FORBIDDEN, "the user may not use this any more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Option<Login> {
        serde_json::from_str::<Question>(text).ok()?.login()
    }

    /// As Hydra sends it: see `RefreshTokenHookRequest` in its source.
    #[test]
    fn a_question_names_the_login() {
        let asked = r#"{
            "subject": "0190163d-8694-739b-aea5-966c26f8ad91", "client_id": "shop", "granted_scopes": ["openid"],
            "granted_audience": [], "requester": {"client_id": "shop"},
            "session": {"id_token": {"subject": "x"}, "extra": {"epoch": 3, "sid": "s", "more": 1}, "client_id": "shop"}
        }"#;
        let login = question(asked).unwrap();
        assert_eq!((login.epoch, login.session.as_str()), (3, "s"));
        for none in [
            r#"{"subject": "x", "session": {"extra": {"epoch": 3, "sid": "s"}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": {}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": null}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91", "session": {"extra": {"epoch": 3, "sid": ""}}}"#,
            r#"{"subject": "0190163d-8694-739b-aea5-966c26f8ad91"}"#,
            "",
            "[]",
        ] {
            assert!(question(none).is_none(), "{none}");
        }
    }
}
