//! Whether a user may still refresh: a question for whoever knows users, asked as Hydra asks it (`oauth2.refresh_token_hook`).

use std::rc::Rc;

use bytes::Bytes;
use connect::{Body, Transport as _};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use resilience::ComponentTransport;
use serde_json::{Value, json};

use super::client_auth::Denied;
use crate::domain::request::OAuthError;
use crate::exchange::Failure;
use crate::settings;
use crate::store::Grant;
use crate::wire::Session;

/// The component that is asked.
const ASKED: &str = "user";

/// The variable with the path that it is asked at; without one nobody is asked.
const PATH: &str = "refresh_hook_path";

/// The variable with what shows that it is us who ask.
const KEY: &str = "refresh_hook_key";

/// Where to ask, and with what key.
pub(crate) struct Hook {
    path: Rc<str>,
    bearer: HeaderValue,
}

impl Hook {
    /// None if nobody is to be asked.
    pub(crate) async fn read() -> Result<Option<Self>, Failure> {
        let path = settings::get(PATH).await.map_err(Failure::Broken)?;
        if path.is_empty() {
            return Ok(None);
        }
        let key = settings::get(KEY).await.map_err(Failure::Broken)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {key}")).map_err(broken)?;
        bearer.set_sensitive(true);
        Ok(Some(Self { path, bearer }))
    }

    /// What goes into the new tokens instead of what consent said, if the answer says so.
    pub(crate) async fn session(self, grant: &Grant) -> Result<Option<Session>, Denied> {
        let request = Request::post(&*self.path)
            .header(header::CONTENT_TYPE, "application/json; charset=UTF-8")
            .header(header::AUTHORIZATION, self.bearer)
            .body(Body::from(Bytes::from(question(grant).to_string())))
            .map_err(broken)?;
        let response = ComponentTransport::to(ASKED).send(request).await;
        let response = response.map_err(|error| Failure::Broken(format!("the refresh hook: {error:?}")))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::FORBIDDEN => {
                Err(OAuthError::access_denied("the user may not use this any more").into())
            }
            StatusCode::OK => {
                let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
                let answer: Value = serde_json::from_slice(&body).map_err(broken)?;
                let session = answer.get("session").cloned().unwrap_or_default();
                Ok(Some(serde_json::from_value(session).map_err(broken)?))
            }
            status => Err(broken(format!("it answered {status}")).into()),
        }
    }
}

fn broken(cause: impl std::fmt::Display) -> Failure {
    Failure::Broken(format!("the refresh hook: {cause}"))
}

fn question(grant: &Grant) -> Value {
    json!({
        "subject": grant.subject,
        "client_id": grant.client_id,
        "granted_scopes": grant.scopes,
        "granted_audience": grant.audience,
        "session": {
            "client_id": grant.client_id,
            "extra": grant.consent.session.access_token,
            "id_token": {
                "subject": grant.subject,
                "id_token_claims": { "sub": grant.subject, "sid": grant.session_id, "ext": grant.consent.session.id_token },
            },
        },
        "requester": {
            "client_id": grant.client_id,
            "granted_scopes": grant.scopes,
            "granted_audience": grant.audience,
            "grant_types": ["refresh_token"],
        },
    })
}
