//! The refresh hook over HTTP, called like Hydra's (`oauth2.refresh_token_hook`).

use std::rc::Rc;

use bytes::Bytes;
use connect::{Body, Transport as _};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use resilience::ComponentTransport;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spin_adapters::variables;

use super::domain::UserGrant;
use super::service::{HookAnswer, RefreshHook};
use crate::authorization::document::SessionDocument;
use crate::domain::failure::InternalFailure;
use crate::json::members;

/// The component with the hook.
const COMPONENT: &str = "user";

/// The variable with the hook's path. If it is empty, there is no hook.
const PATH: &str = "refresh_hook_path";

/// The variable with the key that the issuer sends.
const KEY: &str = "refresh_hook_key";

/// The user component, called over HTTP.
#[derive(Debug)]
pub(crate) struct UserComponentHook;

impl RefreshHook for UserComponentHook {
    async fn is_configured(&self) -> Result<bool, InternalFailure> {
        Ok(!variable(PATH).await?.is_empty())
    }

    async fn ask(&self, grant: &UserGrant) -> Result<HookAnswer, InternalFailure> {
        let (path, key) = (variable(PATH).await?, variable(KEY).await?);
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}")).map_err(broken)?;
        bearer.set_sensitive(true);
        let question = serde_json::to_vec(&Question::about(grant)).map_err(broken)?;
        let request = Request::post(&*path)
            .header(header::CONTENT_TYPE, "application/json; charset=UTF-8")
            .header(header::AUTHORIZATION, bearer)
            .body(Body::from(Bytes::from(question)))
            .map_err(broken)?;
        let response = ComponentTransport::to(COMPONENT).send(request).await;
        let response = response.map_err(|error| broken(format!("{error:?}")))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(HookAnswer::Unchanged),
            StatusCode::FORBIDDEN => Ok(HookAnswer::Refused),
            StatusCode::OK => {
                let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
                let answer: HookResponse = serde_json::from_slice(&body).map_err(broken)?;
                Ok(HookAnswer::Replaced(answer.session.unwrap_or_default().into()))
            }
            status => Err(broken(format!("it answered {status}"))),
        }
    }
}

async fn variable(name: &'static str) -> Result<Rc<str>, InternalFailure> {
    let value = variables::get(name).await;
    value.map_err(|error| InternalFailure::Broken(error.to_string()))
}

fn broken(cause: impl std::fmt::Display) -> InternalFailure {
    InternalFailure::Broken(format!("the refresh hook failed: {cause}"))
}

#[derive(Deserialize)]
struct HookResponse {
    session: Option<SessionDocument>,
}

/// `TokenHookRequest`.
#[derive(Serialize)]
struct Question<'a> {
    subject: &'a str,
    client_id: &'a str,
    granted_scopes: &'a [String],
    granted_audience: &'a [String],
    session: QuestionSession<'a>,
    requester: Requester<'a>,
}

#[derive(Serialize)]
struct QuestionSession<'a> {
    client_id: &'a str,
    extra: Map<String, Value>,
    id_token: QuestionIdToken<'a>,
}

#[derive(Serialize)]
struct QuestionIdToken<'a> {
    subject: &'a str,
    id_token_claims: QuestionClaims<'a>,
}

#[derive(Serialize)]
struct QuestionClaims<'a> {
    sub: &'a str,
    sid: &'a str,
    ext: Map<String, Value>,
}

#[derive(Serialize)]
struct Requester<'a> {
    client_id: &'a str,
    granted_scopes: &'a [String],
    granted_audience: &'a [String],
    grant_types: [&'static str; 1],
}

impl<'a> Question<'a> {
    fn about(grant: &'a UserGrant) -> Self {
        Self {
            subject: &grant.subject,
            client_id: &grant.client_id,
            granted_scopes: &grant.scopes,
            granted_audience: &grant.audience,
            session: QuestionSession {
                client_id: &grant.client_id,
                extra: members(&grant.consent.contents.access_token),
                id_token: QuestionIdToken {
                    subject: &grant.subject,
                    id_token_claims: QuestionClaims {
                        sub: &grant.subject,
                        sid: &grant.session_id,
                        ext: members(&grant.consent.contents.id_token),
                    },
                },
            },
            requester: Requester {
                client_id: &grant.client_id,
                granted_scopes: &grant.scopes,
                granted_audience: &grant.audience,
                grant_types: ["refresh_token"],
            },
        }
    }
}
