//! Clients as JSON (`oAuth2Client`): as Hydra's admin API (v2) receives and shows them, and as the database stores them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::domain::{
    AuthMethod, ClientProfile, GrantType, LONGEST_ACCESS_TOKEN, OAuthClient, Registration, scopes,
};
use crate::json::{members, unread};

/// The member of `metadata` with the lifetimes of access tokens: an object of audiences and seconds.
const LIFESPANS: &str = "access_token_lifespans";

/// Members that the issuer sets. Those of a request are ignored.
const SET_BY_ISSUER: [&str; 5] = [
    "client_secret_expires_at",
    "created_at",
    "updated_at",
    "registration_access_token",
    "registration_client_uri",
];

/// A text of at most 4096 bytes without control characters. `null` stands for the empty text.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(try_from = "Option<String>")]
struct ShortText(String);

impl TryFrom<Option<String>> for ShortText {
    type Error = &'static str;

    fn try_from(text: Option<String>) -> Result<Self, Self::Error> {
        let text = text.unwrap_or_default();
        match text.len() <= 4096 && !text.contains(char::is_control) {
            true => Ok(Self(text)),
            false => Err("a text must have at most 4096 bytes and no control character"),
        }
    }
}

impl ShortText {
    fn given(self) -> Option<String> {
        Some(self.0).filter(|text| !text.is_empty())
    }
}

/// A list of at most 100 texts without control characters. `null` stands for the empty list.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(try_from = "Option<Vec<String>>")]
struct ShortList(Vec<String>);

impl TryFrom<Option<Vec<String>>> for ShortList {
    type Error = &'static str;

    fn try_from(list: Option<Vec<String>>) -> Result<Self, Self::Error> {
        let list = list.unwrap_or_default();
        let is_short = list.len() <= 100 && !list.iter().any(|text| text.contains(char::is_control));
        match is_short {
            true => Ok(Self(list)),
            false => Err("a list must have at most 100 texts without control characters"),
        }
    }
}

/// A client as JSON.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct ClientDocument {
    #[serde(skip_serializing)]
    client_id: ShortText,
    #[serde(skip_serializing)]
    client_secret: ShortText,
    client_name: ShortText,
    owner: ShortText,
    policy_uri: ShortText,
    tos_uri: ShortText,
    client_uri: ShortText,
    logo_uri: ShortText,
    scope: ShortText,
    redirect_uris: ShortList,
    post_logout_redirect_uris: ShortList,
    audience: ShortList,
    allowed_cors_origins: ShortList,
    contacts: ShortList,
    grant_types: ShortList,
    response_types: ShortList,
    token_endpoint_auth_method: ShortText,
    subject_type: ShortText,
    userinfo_signed_response_alg: ShortText,
    access_token_strategy: ShortText,
    #[serde(skip_serializing)]
    token_endpoint_auth_signing_alg: ShortText,
    skip_consent: Option<bool>,
    skip_logout_consent: Option<bool>,
    metadata: Option<Map<String, Value>>,
    #[serde(flatten, skip_serializing)]
    others: Map<String, Value>,
}

impl From<(&OAuthClient, &ClientProfile)> for ClientDocument {
    fn from((client, profile): (&OAuthClient, &ClientProfile)) -> Self {
        let text = |text: &str| ShortText(text.to_owned());
        let names = client.grant_types.iter().map(|grant| grant.name().to_owned());
        Self {
            client_name: text(&profile.name),
            owner: text(&profile.owner),
            policy_uri: text(&profile.policy_uri),
            tos_uri: text(&profile.tos_uri),
            client_uri: text(&profile.client_uri),
            logo_uri: text(&profile.logo_uri),
            scope: text(&profile.scope),
            redirect_uris: ShortList(client.redirect_uris.clone()),
            post_logout_redirect_uris: ShortList(client.post_logout_redirect_uris.clone()),
            audience: ShortList(client.audience.clone()),
            allowed_cors_origins: ShortList(profile.cors_origins.clone()),
            contacts: ShortList(profile.contacts.clone()),
            grant_types: ShortList(names.collect()),
            response_types: ShortList(vec!["code".to_owned()]),
            token_endpoint_auth_method: text(client.auth_method.name()),
            subject_type: text("public"),
            userinfo_signed_response_alg: text("none"),
            access_token_strategy: text("jwt"),
            skip_consent: Some(profile.skip_consent),
            skip_logout_consent: profile.skip_logout_consent,
            metadata: Some(members(&profile.metadata)),
            ..Self::default()
        }
    }
}

impl ClientDocument {
    /// Reads the registration in a request.
    ///
    /// # Errors
    /// The first member with a value that the issuer does not support.
    pub(crate) fn registration(self) -> Result<Registration, String> {
        self.refuse_unsupported()?;
        let lifespans = self.lifespans()?;
        let scopes = scopes::parse(&self.scope.0).ok_or("scope has a character that no scope may have")?;
        let grant_types = self.grant_types.0.iter().map(|name| GrantType::named(name));
        let grant_types: Option<Vec<_>> = grant_types.collect();
        let grant_types = grant_types.ok_or(
            "grant_types: only authorization_code, refresh_token and client_credentials are supported",
        )?;
        let auth_method = match self.token_endpoint_auth_method.clone().given() {
            None => AuthMethod::Basic,
            Some(name) => AuthMethod::named(&name).ok_or(
                "token_endpoint_auth_method: only client_secret_basic, client_secret_post and none are supported",
            )?,
        };
        Ok(Registration {
            client: OAuthClient {
                id: String::new(),
                secret: None,
                auth_method,
                grant_types: match grant_types.is_empty() {
                    true => vec![GrantType::AuthorizationCode],
                    false => grant_types,
                },
                redirect_uris: self.redirect_uris.0,
                post_logout_redirect_uris: self.post_logout_redirect_uris.0,
                scopes,
                audience: self.audience.0,
                lifespans,
            },
            profile: ClientProfile {
                name: self.client_name.0,
                owner: self.owner.0,
                policy_uri: self.policy_uri.0,
                tos_uri: self.tos_uri.0,
                client_uri: self.client_uri.0,
                logo_uri: self.logo_uri.0,
                scope: self.scope.0,
                contacts: self.contacts.0,
                cors_origins: self.allowed_cors_origins.0,
                skip_consent: self.skip_consent.unwrap_or(false),
                skip_logout_consent: self.skip_logout_consent,
                metadata: unread(&self.metadata.unwrap_or_default().into()),
            },
            id: self.client_id.given(),
            secret: self.client_secret.given(),
        })
    }

    /// A member that would be ignored is refused, so that it does not seem to have an effect. An empty one is accepted.
    fn refuse_unsupported(&self) -> Result<(), String> {
        for (name, value, only) in [
            ("subject_type", &self.subject_type, "public"),
            (
                "userinfo_signed_response_alg",
                &self.userinfo_signed_response_alg,
                "none",
            ),
            ("access_token_strategy", &self.access_token_strategy, "jwt"),
            (
                "token_endpoint_auth_signing_alg",
                &self.token_endpoint_auth_signing_alg,
                "",
            ),
        ] {
            if !value.0.is_empty() && value.0 != only {
                return Err(format!("{name}: only {only:?} is supported"));
            }
        }
        if self.response_types.0.iter().any(|name| name != "code") {
            return Err("response_types: only code is supported".into());
        }
        let unknown = self
            .others
            .iter()
            .find(|(name, value)| !SET_BY_ISSUER.contains(&name.as_str()) && !is_empty(value));
        unknown.map_or(Ok(()), |(name, _)| Err(format!("{name:.100} is not supported")))
    }

    fn lifespans(&self) -> Result<BTreeMap<String, u64>, String> {
        let lifespans = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get(LIFESPANS));
        let lifespans = lifespans.map(|lifespans| {
            let lifespans: Option<BTreeMap<String, u64>> = serde_json::from_value(lifespans.clone()).ok();
            lifespans.filter(|lifespans| {
                lifespans
                    .values()
                    .all(|seconds| (1..=LONGEST_ACCESS_TOKEN).contains(seconds))
            })
        });
        lifespans.unwrap_or_else(|| Some(BTreeMap::new())).ok_or_else(|| {
            format!("metadata.{LIFESPANS} must be an object of audiences and seconds from 1 to {LONGEST_ACCESS_TOKEN}")
        })
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Registration, String> {
        let document: ClientDocument = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let registration = document.registration()?;
        registration.check().map(|()| registration)
    }

    fn shown(registration: &Registration) -> Value {
        serde_json::to_value(ClientDocument::from((
            &registration.client,
            &registration.profile,
        )))
        .unwrap()
    }

    #[test]
    fn registration_in_an_answer_can_be_sent_back() {
        let registration = parse(json!({
            "client_id": "shop", "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"], "scope": "openid offline_access",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "audience": ["akinai"],
            "token_endpoint_auth_method": "none", "skip_logout_consent": true, "jwks": {}, "request_uris": null,
            "metadata": {"access_token_lifespans": {"batch": 86400}, "note": "ours"},
        }))
        .unwrap();
        assert!(registration.client.is_public() && registration.id.as_deref() == Some("shop"));
        let first = shown(&registration);
        let mut sent_back = first.clone();
        sent_back["created_at"] = "2026-01-01T00:00:00Z".into();
        sent_back["client_secret_expires_at"] = 0.into();
        let again = parse(sent_back).unwrap();
        assert_eq!(shown(&again), first);
        assert_eq!(first["skip_logout_consent"], true);
        let client = again.client;
        assert!(client.is_public() && client.may(GrantType::RefreshToken));
        assert_eq!(
            (client.lifespan(&["batch".into()]), client.lifespan(&[])),
            (86400, 900)
        );
    }

    #[test]
    fn defaults_are_hydra_s() {
        let registration = parse(json!({})).unwrap();
        let shown = shown(&registration);
        assert_eq!(shown["grant_types"], json!(["authorization_code"]));
        assert_eq!(shown["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(
            (&shown["subject_type"], &shown["skip_logout_consent"]),
            (&json!("public"), &Value::Null)
        );
    }

    #[test]
    fn registrations_that_would_not_work_are_refused() {
        for wrong in [
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            json!({"redirect_uris": "https://a/cb"}),
            json!({"redirect_uris": [7]}),
            json!({"redirect_uris": vec!["https://a/cb"; 101]}),
            json!({"post_logout_redirect_uris": ["http://a/"]}),
            json!({"allowed_cors_origins": ["*"]}),
            json!({"grant_types": ["implicit"]}),
            json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}),
            json!({"response_types": ["token"]}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"subject_type": "pairwise"}),
            json!({"jwks_uri": "https://a/jwks"}),
            json!({"backchannel_logout_uri": "https://a/out"}),
            json!({"authorization_code_grant_access_token_lifespan": "24h"}),
            json!({"scope": "a\"b"}),
            json!({"audience": ["a b"]}),
            json!({"client_id": "a/b"}),
            json!({"client_id": "a".repeat(256)}),
            json!({"client_secret": "short"}),
            json!({"client_name": "a\nb"}),
            json!({"metadata": "x"}),
            json!({"metadata": {"access_token_lifespans": {"a": 90000}}}),
            json!({"metadata": {"access_token_lifespans": {"a": "24h"}}}),
            json!({"metadata": {"access_token_lifespans": []}}),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong:.200}");
        }
    }
}
