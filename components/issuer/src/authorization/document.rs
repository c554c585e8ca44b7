//! The decisions of the pages as JSON: as Hydra's admin API (v2) receives them, and as the database stores them.
//!
//! Members that the issuer does not use are ignored.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::domain::{AcceptedConsent, AcceptedLogin, Decision, PageRejection, TokenContents};
use crate::json::{members, unread, value};

/// Clients written in Go send `null` for an empty list or object at times.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `acceptOAuth2LoginRequest`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct LoginDocument {
    #[serde(deserialize_with = "or_default")]
    subject: String,
    #[serde(deserialize_with = "or_default")]
    remember: bool,
    #[serde(deserialize_with = "or_default")]
    remember_for: i64,
    #[serde(deserialize_with = "or_default")]
    extend_session_lifespan: bool,
    #[serde(deserialize_with = "or_default")]
    acr: String,
    #[serde(deserialize_with = "or_default")]
    amr: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    identity_provider_session_id: String,
    context: Value,
}

/// `acceptOAuth2ConsentRequest`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ConsentDocument {
    #[serde(deserialize_with = "or_default")]
    grant_scope: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    grant_access_token_audience: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    remember: bool,
    #[serde(deserialize_with = "or_default")]
    remember_for: i64,
    #[serde(deserialize_with = "or_default")]
    session: SessionDocument,
    context: Value,
}

/// `acceptOAuth2ConsentRequestSession`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct SessionDocument {
    #[serde(deserialize_with = "or_default")]
    access_token: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    id_token: Map<String, Value>,
}

/// `rejectOAuth2Request`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct RejectionDocument {
    #[serde(deserialize_with = "or_default")]
    error: String,
    #[serde(deserialize_with = "or_default")]
    error_description: String,
}

/// A decision as the database stores it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionDocument<T> {
    Accepted(T),
    Rejected(RejectionDocument),
}

impl From<LoginDocument> for AcceptedLogin {
    fn from(document: LoginDocument) -> Self {
        Self {
            subject: document.subject,
            remember: document.remember,
            remember_for: document.remember_for,
            extend_session_lifespan: document.extend_session_lifespan,
            acr: document.acr,
            amr: document.amr,
            identity_provider_session_id: document.identity_provider_session_id,
            context: unread(&document.context),
        }
    }
}

impl From<&AcceptedLogin> for LoginDocument {
    fn from(login: &AcceptedLogin) -> Self {
        let login = login.clone();
        Self {
            subject: login.subject,
            remember: login.remember,
            remember_for: login.remember_for,
            extend_session_lifespan: login.extend_session_lifespan,
            acr: login.acr,
            amr: login.amr,
            identity_provider_session_id: login.identity_provider_session_id,
            context: value(&login.context),
        }
    }
}

impl From<ConsentDocument> for AcceptedConsent {
    fn from(document: ConsentDocument) -> Self {
        Self {
            scopes: document.grant_scope,
            audience: document.grant_access_token_audience,
            remember: document.remember,
            remember_for: document.remember_for,
            contents: document.session.into(),
            context: unread(&document.context),
        }
    }
}

impl From<&AcceptedConsent> for ConsentDocument {
    fn from(consent: &AcceptedConsent) -> Self {
        Self {
            grant_scope: consent.scopes.clone(),
            grant_access_token_audience: consent.audience.clone(),
            remember: consent.remember,
            remember_for: consent.remember_for,
            session: (&consent.contents).into(),
            context: value(&consent.context),
        }
    }
}

impl From<SessionDocument> for TokenContents {
    fn from(document: SessionDocument) -> Self {
        Self {
            access_token: unread(&document.access_token.into()),
            id_token: unread(&document.id_token.into()),
        }
    }
}

impl From<&TokenContents> for SessionDocument {
    fn from(contents: &TokenContents) -> Self {
        Self {
            access_token: members(&contents.access_token),
            id_token: members(&contents.id_token),
        }
    }
}

impl From<RejectionDocument> for PageRejection {
    fn from(document: RejectionDocument) -> Self {
        Self {
            error: document.error,
            error_description: document.error_description,
        }
    }
}

impl<T, D: Into<T>> From<DecisionDocument<D>> for Decision<T> {
    fn from(document: DecisionDocument<D>) -> Self {
        match document {
            DecisionDocument::Accepted(accepted) => Self::Accepted(accepted.into()),
            DecisionDocument::Rejected(rejected) => Self::Rejected(rejected.into()),
        }
    }
}

impl<'a, T, D: From<&'a T>> From<&'a Decision<T>> for DecisionDocument<D> {
    fn from(decision: &'a Decision<T>) -> Self {
        match decision {
            Decision::Accepted(accepted) => Self::Accepted(accepted.into()),
            Decision::Rejected(rejection) => Self::Rejected(RejectionDocument {
                error: rejection.error.clone(),
                error_description: rejection.error_description.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::json::Json;

    #[test]
    fn decisions_are_read_in_the_form_of_hydra_s_clients() {
        let login: LoginDocument = serde_json::from_value(json!({
            "subject": "u", "remember": true, "remember_for": 3600, "acr": "0", "amr": null, "force_subject_identifier": "x"
        }))
        .unwrap();
        assert_eq!(
            (login.subject.as_str(), login.remember, login.remember_for),
            ("u", true, 3600)
        );
        assert!(login.amr.is_empty());
        let consent: ConsentDocument = serde_json::from_value(json!({
            "grant_scope": ["openid"], "grant_access_token_audience": null, "session": null, "handled_at": "2026-01-01T00:00:00Z"
        }))
        .unwrap();
        let consent = AcceptedConsent::from(consent);
        assert_eq!(consent.scopes, ["openid"]);
        assert_eq!(consent.contents, TokenContents::default());
        for wrong in [
            json!({"subject": 7}),
            json!({"amr": "pwd"}),
            json!({"remember_for": "1h"}),
        ] {
            assert!(
                serde_json::from_value::<LoginDocument>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn decision_is_read_from_the_database_unchanged() {
        let login = AcceptedLogin {
            subject: "u".into(),
            context: Json::new(r#"{"a":1}"#.into()),
            ..AcceptedLogin::default()
        };
        let decision = Decision::Accepted(login);
        let text = serde_json::to_string(&DecisionDocument::<LoginDocument>::from(&decision)).unwrap();
        assert!(text.starts_with(r#"{"accepted":{"subject":"u""#), "{text}");
        let read: DecisionDocument<LoginDocument> = serde_json::from_str(&text).unwrap();
        assert_eq!(Decision::<AcceptedLogin>::from(read), decision);
    }
}
