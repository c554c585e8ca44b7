//! The JSON of Hydra's admin API (v2), as far as pages for login and consent use it. What it has beyond that is ignored when
//! it comes in, and has its empty value when it goes out.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::request::{AuthorizationRequest, Hints};

/// Go's JSON spells an empty list or object as `null` at times, and its clients may send it so.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// `acceptOAuth2LoginRequest`: who has logged in, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct LoginAnswer {
    #[serde(deserialize_with = "or_default")]
    pub(crate) subject: String,
    /// Whether the browser is remembered.
    #[serde(deserialize_with = "or_default")]
    pub(crate) remember: bool,
    /// For how long, in seconds; 0: as long as the issuer allows.
    #[serde(deserialize_with = "or_default")]
    pub(crate) remember_for: i64,
    /// Whether a login that was skipped is remembered for that long from now on.
    #[serde(deserialize_with = "or_default")]
    pub(crate) extend_session_lifespan: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) acr: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) amr: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) identity_provider_session_id: String,
    /// For the consent page, as it is.
    pub(crate) context: Value,
}

/// `acceptOAuth2ConsentRequest`: what is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ConsentAnswer {
    #[serde(deserialize_with = "or_default")]
    pub(crate) grant_scope: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) grant_access_token_audience: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) remember: bool,
    /// For how long, in seconds; 0: for ever.
    #[serde(deserialize_with = "or_default")]
    pub(crate) remember_for: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) session: Session,
    pub(crate) context: Value,
}

/// What goes into the tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Session {
    /// Into the access token, as its claim `ext`.
    #[serde(deserialize_with = "or_default")]
    pub(crate) access_token: Map<String, Value>,
    /// Into the ID token and what the userinfo endpoint says, beside their own claims.
    #[serde(deserialize_with = "or_default")]
    pub(crate) id_token: Map<String, Value>,
}

/// `rejectOAuth2Request`: why not. The client is told the error and its description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Rejection {
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error_description: String,
}

/// `oAuth2RedirectTo`.
pub(crate) fn redirect_to(url: &str) -> Value {
    json!({ "redirect_to": url })
}

/// `oAuth2ConsentRequestOpenIDConnectContext`.
pub(crate) fn oidc_context(request: &AuthorizationRequest, hint: Option<&Map<String, Value>>) -> Value {
    let Hints {
        acr_values,
        ui_locales,
        display,
        login_hint,
    } = &request.hints;
    let mut context = json!({
        "acr_values": acr_values,
        "ui_locales": ui_locales,
        "id_token_hint_claims": hint.cloned().unwrap_or_default(),
    });
    if !display.is_empty() {
        context["display"] = display.as_str().into();
    }
    if !login_hint.is_empty() {
        context["login_hint"] = login_hint.as_str().into();
    }
    context
}

/// An object, where none was given an empty one: Hydra's answer for `context`.
pub(crate) fn or_empty(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_hydra_s_clients_send_them() {
        let login: LoginAnswer = serde_json::from_value(json!({
            "subject": "u", "remember": true, "remember_for": 3600, "acr": "0", "amr": null, "force_subject_identifier": "x"
        }))
        .unwrap();
        assert_eq!(
            (login.subject.as_str(), login.remember, login.remember_for),
            ("u", true, 3600)
        );
        assert!(login.amr.is_empty());
        let consent: ConsentAnswer = serde_json::from_value(json!({
            "grant_scope": ["openid"], "grant_access_token_audience": null, "session": null, "handled_at": "2026-01-01T00:00:00Z"
        }))
        .unwrap();
        assert_eq!(consent.grant_scope, ["openid"]);
        assert_eq!(consent.session, Session::default());
        for wrong in [
            json!({"subject": 7}),
            json!({"amr": "pwd"}),
            json!({"remember_for": "1h"}),
        ] {
            assert!(
                serde_json::from_value::<LoginAnswer>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}
