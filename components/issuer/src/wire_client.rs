//! Clients as Hydra's API spells them (`oAuth2Client`), and as the rules see them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::client::{
    AuthMethod, Client, GrantType, LONGEST_ACCESS_TOKEN, can_redirect_to, is_origin,
};
use crate::domain::scopes;
use crate::store::StoredClient;

/// The shortest secret that a client may be given: 32 characters, as it is kept as a fast hash.
const SHORTEST_SECRET: usize = 32;

/// Where `metadata` has how long the access tokens for an audience live: an object of audiences and seconds.
pub(crate) const LIFESPANS: &str = "access_token_lifespans";

const TEXTS: [&str; 7] = [
    "client_name",
    "owner",
    "policy_uri",
    "tos_uri",
    "client_uri",
    "logo_uri",
    "scope",
];

const LISTS: [&str; 5] = [
    "redirect_uris",
    "post_logout_redirect_uris",
    "audience",
    "allowed_cors_origins",
    "contacts",
];

/// What the server decides, whatever a request says.
const OURS: [&str; 7] = [
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "created_at",
    "updated_at",
    "registration_access_token",
    "registration_client_uri",
];

/// What has one value here.
const FIXED: [(&str, &str); 4] = [
    ("subject_type", "public"),
    ("userinfo_signed_response_alg", "none"),
    ("access_token_strategy", "jwt"),
    ("token_endpoint_auth_signing_alg", ""),
];

/// A client that somebody wants to be registered.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) id: Option<String>,
    pub(crate) secret: Option<String>,
    /// With every default filled in.
    pub(crate) metadata: Map<String, Value>,
    pub(crate) is_public: bool,
}

/// Reads a client, or says what is wrong with it.
pub(crate) fn parse(body: &Map<String, Value>) -> Result<Wanted, String> {
    let mut metadata = Map::new();
    for name in TEXTS {
        metadata.insert(name.into(), text(body, name)?.unwrap_or_default().into());
    }
    for name in LISTS {
        metadata.insert(name.into(), json!(list(body, name)?.unwrap_or_default()));
    }
    for (name, only) in FIXED {
        match text(body, name)? {
            Some(value) if !value.is_empty() && value != only => {
                return Err(format!("{name} is not supported but as {only:?}"));
            }
            _ if only.is_empty() => {}
            _ => drop(metadata.insert(name.into(), only.into())),
        }
    }
    let grant_types = list(body, "grant_types")?.filter(|list| !list.is_empty());
    metadata.insert(
        "grant_types".into(),
        json!(grant_types.unwrap_or_else(|| vec!["authorization_code".into()])),
    );
    let response_types = list(body, "response_types")?.filter(|list| !list.is_empty());
    metadata.insert(
        "response_types".into(),
        json!(response_types.unwrap_or_else(|| vec!["code".into()])),
    );
    let method = text(body, "token_endpoint_auth_method")?.filter(|method| !method.is_empty());
    let method = method.unwrap_or_else(|| AuthMethod::Basic.name().into());
    let is_public = method == AuthMethod::None.name();
    metadata.insert("token_endpoint_auth_method".into(), method.into());
    metadata.insert(
        "skip_consent".into(),
        flag(body, "skip_consent")?.unwrap_or(false).into(),
    );
    metadata.insert(
        "skip_logout_consent".into(),
        json!(flag(body, "skip_logout_consent")?),
    );
    metadata.insert("metadata".into(), own_metadata(body)?);
    refuse_what_is_not_supported(body, &metadata)?;
    check(&metadata)?;
    Ok(Wanted {
        id: text(body, "client_id")?
            .filter(|id| !id.is_empty())
            .map(checked_id)
            .transpose()?,
        secret: text(body, "client_secret")?
            .filter(|secret| !secret.is_empty())
            .map(checked_secret)
            .transpose()?,
        metadata,
        is_public,
    })
}

/// The client, as the rules see it. What cannot be read counts as not there: only a person at a database's prompt can have
/// written it.
pub(crate) fn client(stored: &StoredClient) -> Client {
    let metadata = &stored.metadata;
    let list = |name: &str| list(metadata, name).ok().flatten().unwrap_or_default();
    let method = metadata.get("token_endpoint_auth_method").and_then(Value::as_str);
    Client {
        id: stored.id.clone(),
        secret: stored.secret.clone(),
        auth_method: method.and_then(AuthMethod::named).unwrap_or(AuthMethod::Basic),
        grant_types: list("grant_types")
            .iter()
            .filter_map(|name| GrantType::named(name))
            .collect(),
        redirect_uris: list("redirect_uris"),
        post_logout_redirect_uris: list("post_logout_redirect_uris"),
        scopes: metadata
            .get("scope")
            .and_then(Value::as_str)
            .and_then(scopes::parse)
            .unwrap_or_default(),
        audience: list("audience"),
        lifespans: metadata
            .get("metadata")
            .and_then(|own| lifespans(own).ok())
            .unwrap_or_default(),
    }
}

/// The client, as the API shows it; `secret` is shown once, when it is new.
pub(crate) fn show(stored: &StoredClient, secret: Option<&str>) -> Value {
    let mut shown = stored.metadata.clone();
    shown.insert("client_id".into(), stored.id.as_str().into());
    shown.insert("client_secret_expires_at".into(), 0.into());
    shown.insert("created_at".into(), stored.created_at.as_str().into());
    shown.insert("updated_at".into(), stored.updated_at.as_str().into());
    if let Some(secret) = secret {
        shown.insert("client_secret".into(), secret.into());
    }
    Value::Object(shown)
}

fn own_metadata(body: &Map<String, Value>) -> Result<Value, String> {
    match body.get("metadata") {
        None | Some(Value::Null) => Ok(json!({})),
        Some(own @ Value::Object(_)) => lifespans(own).map(|_| own.clone()),
        Some(_) => Err("metadata is no object".into()),
    }
}

fn lifespans(own: &Value) -> Result<BTreeMap<String, u64>, String> {
    let Some(lifespans) = own.get(LIFESPANS) else {
        return Ok(BTreeMap::new());
    };
    let read = |(audience, seconds): (&String, &Value)| {
        let seconds = seconds
            .as_u64()
            .filter(|seconds| (1..=LONGEST_ACCESS_TOKEN).contains(seconds));
        seconds.map(|seconds| (audience.clone(), seconds))
    };
    let lifespans = lifespans
        .as_object()
        .and_then(|lifespans| lifespans.iter().map(read).collect());
    lifespans.ok_or_else(|| {
        format!("metadata.{LIFESPANS} is no object of audiences and seconds from 1 to {LONGEST_ACCESS_TOKEN}")
    })
}

/// What would be ignored must not be believed to work. What is empty asks for nothing.
fn refuse_what_is_not_supported(body: &Map<String, Value>, known: &Map<String, Value>) -> Result<(), String> {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    let unknown = body.iter().find(|(name, value)| {
        !known.contains_key(*name) && !OURS.contains(&name.as_str()) && !is_empty(value)
    });
    unknown.map_or(Ok(()), |(name, _)| Err(format!("{name:.100} is not supported")))
}

fn check(metadata: &Map<String, Value>) -> Result<(), String> {
    let list = |name: &str| list(metadata, name).map(Option::unwrap_or_default);
    let all = |name: &str, test: fn(&str) -> bool, rule: &str| match list(name)?.iter().all(|item| test(item))
    {
        true => Ok(()),
        false => Err(format!("{name}: {rule}")),
    };
    const ADDRESS: &str = "each is an absolute URI without a fragment: https, or http on this machine, or an app's own scheme with a dot";
    all("redirect_uris", can_redirect_to, ADDRESS)?;
    all("post_logout_redirect_uris", can_redirect_to, ADDRESS)?;
    all(
        "allowed_cors_origins",
        is_origin,
        "each is an origin as browsers spell it, without a path",
    )?;
    all(
        "grant_types",
        |name| GrantType::named(name).is_some(),
        "authorization_code, refresh_token and client_credentials are supported",
    )?;
    all("response_types", |name| name == "code", "code is supported")?;
    all(
        "audience",
        |audience| !audience.is_empty() && !audience.contains(char::is_whitespace),
        "none is empty or has spaces",
    )?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    if scopes::parse(text("scope")).is_none() {
        return Err("scope has a character that no scope may have".into());
    }
    let Some(method) = AuthMethod::named(text("token_endpoint_auth_method")) else {
        return Err(
            "token_endpoint_auth_method: client_secret_basic, client_secret_post and none are supported"
                .into(),
        );
    };
    let is_machine = list("grant_types")?
        .iter()
        .any(|name| name == GrantType::ClientCredentials.name());
    match method == AuthMethod::None && is_machine {
        true => {
            Err("grant_types: client_credentials is for clients with a secret (RFC 6749, section 4.4)".into())
        }
        false => Ok(()),
    }
}

fn checked_id(id: String) -> Result<String, String> {
    let is_valid = id.len() <= 255
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && !id.contains(['/', '?', '#', '%', '\\']);
    is_valid
        .then_some(id)
        .ok_or_else(|| "client_id has up to 255 visible ASCII characters, and none of / ? # % \\".into())
}

fn checked_secret(secret: String) -> Result<String, String> {
    let is_valid =
        (SHORTEST_SECRET..=255).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    is_valid
        .then_some(secret)
        .ok_or_else(|| format!("client_secret has {SHORTEST_SECRET} to 255 visible ASCII characters: random ones, or leave it out to get one"))
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= 4096 && !text.contains(char::is_control) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(format!("{name} is no text of at most 4096 bytes")),
    }
}

fn list(body: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, String> {
    let texts = |list: &Vec<Value>| -> Option<Vec<String>> {
        let read = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.contains(char::is_control))
                .map(str::to_owned)
        };
        list.iter().map(read).collect()
    };
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) if list.len() <= 100 => texts(list)
            .map(Some)
            .ok_or_else(|| format!("{name} is no list of texts")),
        Some(_) => Err(format!("{name} is no list of at most 100 texts")),
    }
}

fn flag(body: &Map<String, Value>, name: &str) -> Result<Option<bool>, String> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(format!("{name} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_value(value: Value) -> Result<Wanted, String> {
        parse(value.as_object().expect("an object"))
    }

    fn stored(wanted: Wanted) -> StoredClient {
        StoredClient {
            id: "shop".into(),
            secret: None,
            metadata: wanted.metadata,
            created_at: "2026-01-01T00:00:00Z".into(),
            updated_at: "2026-01-01T00:00:00Z".into(),
        }
    }

    #[test]
    fn what_is_shown_can_be_sent_back() {
        let wanted = parse_value(json!({
            "client_id": "shop", "client_name": "Shop", "redirect_uris": ["https://shop.example/cb"], "scope": "openid offline_access",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "audience": ["akinai"],
            "token_endpoint_auth_method": "none", "skip_logout_consent": true, "jwks": {}, "request_uris": null,
            "metadata": {"access_token_lifespans": {"batch": 86400}, "note": "ours"},
        }))
        .unwrap();
        assert!(wanted.is_public && wanted.id.as_deref() == Some("shop"));
        let shown = show(&stored(wanted), None);
        let again = parse_value(shown.clone()).unwrap();
        assert_eq!(show(&stored(again), None), shown);
        assert_eq!(shown["skip_logout_consent"], true);
        let client = client(&stored(parse_value(shown).unwrap()));
        assert!(client.is_public() && client.may(GrantType::RefreshToken));
        assert_eq!(
            (client.lifespan(&["batch".into()]), client.lifespan(&[])),
            (86400, 900)
        );
    }

    #[test]
    fn defaults_are_hydra_s() {
        let shown = show(&stored(parse_value(json!({})).unwrap()), Some("s"));
        assert_eq!(shown["grant_types"], json!(["authorization_code"]));
        assert_eq!(shown["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(
            (&shown["subject_type"], &shown["skip_logout_consent"]),
            (&json!("public"), &Value::Null)
        );
        assert_eq!(
            (&shown["client_secret"], &shown["client_secret_expires_at"]),
            (&json!("s"), &json!(0))
        );
    }

    #[test]
    fn what_would_not_work_is_refused() {
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
            assert!(parse_value(wrong.clone()).is_err(), "{wrong:.200}");
        }
    }
}
