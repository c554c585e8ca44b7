//! The claims of an access token, one function each, named after the RFC that defines it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::Object;
use crate::text::is_visible;
use crate::token_error::TokenError;
use kernel::SessionId;

/// The scope of an admin.
pub const ADMIN: &str = "admin";

/// The last second of the year 9999. A later time is a mistake.
const LAST: u64 = 253_402_300_799;

/// The longest subject or client id, in bytes: what OpenID Connect Core (section 2) allows a subject.
const LONGEST_NAME: usize = 255;

/// The scopes of a token, as a set of OAuth 2.0 scopes (RFC 6749, section 3.3). Upper and lower case differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Whether exactly this scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// The scopes, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// All of them but one.
    pub(crate) fn without(mut self, scope: &str) -> Self {
        self.0.remove(scope);
        self
    }
}

/// RFC 7519, section 4.1.1: compared byte by byte, so `https://issuer` and `https://issuer/` are two issuers.
pub(crate) fn issuer(claims: &Object) -> Result<&str, TokenError> {
    text("iss", required("iss", claims)?)
}

/// RFC 7519, section 4.1.3: one audience, or a list of them.
pub(crate) fn is_for(audience: &str, claims: &Object) -> Result<bool, TokenError> {
    match required("aud", claims)? {
        Value::Array(list) => list.iter().try_fold(false, |found, value| {
            text("aud", value).map(|text| found || text == audience)
        }),
        value => text("aud", value).map(|text| text == audience),
    }
}

/// A subject or a client (RFC 9068, section 2.2): 1 to 255 bytes. Control characters would only confuse logs.
pub(crate) fn name(claim: &'static str, claims: &Object) -> Result<String, TokenError> {
    let name = text(claim, required(claim, claims)?)?;
    let sane = (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    sane.then(|| name.to_owned()).ok_or(TokenError::Malformed(claim))
}

/// A required time; see [`date`].
pub(crate) fn required_date(claim: &'static str, claims: &Object) -> Result<u64, TokenError> {
    date(claim, claims)?.ok_or(TokenError::Missing(claim))
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction: it is dropped, so that a token ends early rather than
/// late. A time before 1970 or after the year 9999 is malformed.
pub(crate) fn date(claim: &'static str, claims: &Object) -> Result<Option<u64>, TokenError> {
    let Some(value) = claims.get(claim) else {
        return Ok(None);
    };
    let seconds = value.as_u64().or_else(|| {
        let seconds = value.as_f64()?;
        (0.0..=LAST as f64).contains(&seconds).then_some(seconds as u64)
    });
    match seconds {
        Some(seconds) if seconds <= LAST => Ok(Some(seconds)),
        _ => Err(TokenError::Malformed(claim)),
    }
}

/// `scope` (RFC 9068, section 2.2.3) or `scp` (Ory Hydra's name for it), each a list, or a text in which spaces separate
/// them. Where both are present, they must say the same.
pub(crate) fn scopes(claims: &Object) -> Result<Scopes, TokenError> {
    let read = |claim| {
        claims
            .get(claim)
            .map(|value| scope_list(claim, value))
            .transpose()
    };
    agreed("scope", read("scope")?, read("scp")?).map(Option::unwrap_or_default)
}

fn scope_list(claim: &'static str, value: &Value) -> Result<Scopes, TokenError> {
    let scopes: Option<Vec<&str>> = match value {
        Value::String(text) => Some(text.split(' ').filter(|scope| !scope.is_empty()).collect()),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    };
    scopes
        .filter(|scopes| scopes.iter().all(|scope| is_visible(scope, usize::MAX)))
        .map(|scopes| Scopes(scopes.into_iter().map(str::to_owned).collect()))
        .ok_or(TokenError::Malformed(claim))
}

/// Our own claim `epoch`: a counter of the user's that each "sign out everywhere" raises.
pub(crate) fn epoch(claims: &Object) -> Result<Option<u64>, TokenError> {
    own("epoch", claims, Value::as_u64)
}

/// Our own claim `sid`: the login session that the token belongs to.
pub(crate) fn session(claims: &Object) -> Result<Option<SessionId>, TokenError> {
    own("sid", claims, |value| value.as_str()?.parse().ok())
}

/// A claim that consent puts into the token. Ory Hydra has those in an object `ext`, and beside it where it is configured
/// to (`mirror_top_level_claims`).
fn own<T: PartialEq>(
    claim: &'static str,
    claims: &Object,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, TokenError> {
    let extra = match claims.get("ext") {
        // Go's JSON for a map that nothing was put into.
        None | Some(Value::Null) => None,
        Some(Value::Object(extra)) => extra.get(claim),
        Some(_) => return Err(TokenError::Malformed("ext")),
    };
    let read = |value| read(value).ok_or(TokenError::Malformed(claim));
    agreed(
        claim,
        claims.get(claim).map(read).transpose()?,
        extra.map(read).transpose()?,
    )
}

/// A claim that may be in two places, if it has the same value in both. Guessing which value the issuer means would be unsafe.
fn agreed<T: PartialEq>(
    claim: &'static str,
    one: Option<T>,
    other: Option<T>,
) -> Result<Option<T>, TokenError> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(TokenError::Contradiction(claim)),
        (one, other) => Ok(one.or(other)),
    }
}

fn required<'a>(claim: &'static str, claims: &'a Object) -> Result<&'a Value, TokenError> {
    claims.get(claim).ok_or(TokenError::Missing(claim))
}

fn text<'a>(claim: &'static str, value: &'a Value) -> Result<&'a str, TokenError> {
    value.as_str().ok_or(TokenError::Malformed(claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Object {
        match value {
            Value::Object(claims) => claims,
            other => panic!("claims are an object, not {other}"),
        }
    }

    #[test]
    fn a_time_is_a_number_from_1970_to_9999() {
        let cases = [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("1300819380", Some(1_300_819_380)),
            ("1300819380.999", Some(1_300_819_380)),
            ("1.30081938e9", Some(1_300_819_380)),
            ("253402300799", Some(LAST)),
            ("253402300800", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("1e308", None),
            ("-1", None),
            ("-0.5", None),
            ("\"1300819380\"", None),
            ("null", None),
            ("true", None),
            ("[1300819380]", None),
        ];
        for (text, expected) in cases {
            let claims = claims(json!({"exp": serde_json::from_str::<Value>(text).unwrap()}));
            let expected = expected.ok_or(TokenError::Malformed("exp"));
            assert_eq!(required_date("exp", &claims), expected, "{text} as a time");
        }
        assert_eq!(date("exp", &Object::new()), Ok(None));
    }

    #[test]
    fn scopes_are_a_list_or_a_text() {
        let cases = [
            (json!({}), Ok(vec![])),
            (json!({"scope": ""}), Ok(vec![])),
            (json!({"scope": "admin openid"}), Ok(vec!["admin", "openid"])),
            (json!({"scope": " openid  admin "}), Ok(vec!["admin", "openid"])),
            (json!({"scp": ["openid", "admin"]}), Ok(vec!["admin", "openid"])),
            (json!({"scp": "admin"}), Ok(vec!["admin"])),
            (json!({"scope": ["admin"]}), Ok(vec!["admin"])),
            (json!({"scope": "b a", "scp": ["a", "b"]}), Ok(vec!["a", "b"])),
            (
                json!({"scope": "a", "scp": ["a", "admin"]}),
                Err(TokenError::Contradiction("scope")),
            ),
            (
                json!({"scope": "", "scp": ["admin"]}),
                Err(TokenError::Contradiction("scope")),
            ),
            (json!({"scope": "a\tadmin"}), Err(TokenError::Malformed("scope"))),
            (json!({"scope": "a\nadmin"}), Err(TokenError::Malformed("scope"))),
            (json!({"scope": null}), Err(TokenError::Malformed("scope"))),
            (
                json!({"scope": {"admin": true}}),
                Err(TokenError::Malformed("scope")),
            ),
            (json!({"scp": ["a admin"]}), Err(TokenError::Malformed("scp"))),
            (json!({"scp": [""]}), Err(TokenError::Malformed("scp"))),
            (json!({"scp": ["a", 1]}), Err(TokenError::Malformed("scp"))),
            (json!({"scp": [["admin"]]}), Err(TokenError::Malformed("scp"))),
        ];
        for (value, expected) in cases {
            let scopes = scopes(&claims(value.clone()));
            let scopes = scopes
                .as_ref()
                .map(|scopes| scopes.iter().collect())
                .map_err(|error| *error);
            assert_eq!(scopes, expected, "{value}");
        }
    }

    #[test]
    fn own_claims_are_at_the_top_or_in_ext() {
        let cases = [
            (json!({}), Ok(None)),
            (json!({"ext": null}), Ok(None)),
            (json!({"ext": {}}), Ok(None)),
            (json!({"epoch": 0}), Ok(Some(0))),
            (json!({"ext": {"epoch": 7}}), Ok(Some(7))),
            (json!({"epoch": 7, "ext": {"epoch": 7}}), Ok(Some(7))),
            (
                json!({"epoch": 8, "ext": {"epoch": 7}}),
                Err(TokenError::Contradiction("epoch")),
            ),
            (json!({"epoch": -1}), Err(TokenError::Malformed("epoch"))),
            (json!({"epoch": 1.0}), Err(TokenError::Malformed("epoch"))),
            (json!({"epoch": "1"}), Err(TokenError::Malformed("epoch"))),
            (json!({"epoch": null}), Err(TokenError::Malformed("epoch"))),
            (
                json!({"epoch": 7, "ext": {"epoch": null}}),
                Err(TokenError::Malformed("epoch")),
            ),
            (json!({"ext": "epoch"}), Err(TokenError::Malformed("ext"))),
            (json!({"epoch": 7, "ext": [7]}), Err(TokenError::Malformed("ext"))),
        ];
        for (value, expected) in cases {
            assert_eq!(epoch(&claims(value.clone())), expected, "{value}");
        }
        let session = |value| session(&claims(value)).map(|id| id.map(|id| id.to_string()));
        assert_eq!(
            session(json!({"ext": {"sid": "s-1"}})),
            Ok(Some("s-1".to_owned()))
        );
        assert_eq!(
            session(json!({"sid": "s-1", "ext": {"sid": "s-2"}})),
            Err(TokenError::Contradiction("sid"))
        );
        for wrong in [
            json!(""),
            json!("a b"),
            json!("s".repeat(256)),
            json!(1),
            json!({}),
        ] {
            assert_eq!(
                session(json!({"sid": wrong})),
                Err(TokenError::Malformed("sid")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_name_has_1_to_255_bytes() {
        for good in ["u", "auth0|507f1f77", "お茶", &"u".repeat(255)] {
            assert_eq!(name("sub", &claims(json!({"sub": good}))), Ok(good.to_owned()));
        }
        for wrong in [
            json!(""),
            json!("u".repeat(256)),
            json!("a\nb"),
            json!("a\0"),
            json!(7),
            json!(["u"]),
        ] {
            let name = name("sub", &claims(json!({"sub": wrong})));
            assert_eq!(name, Err(TokenError::Malformed("sub")), "{wrong}");
        }
        assert_eq!(name("sub", &Object::new()), Err(TokenError::Missing("sub")));
    }

    #[test]
    fn an_audience_is_one_text_or_one_of_a_list() {
        let cases = [
            (json!("api"), Ok(true)),
            (json!(["other", "api"]), Ok(true)),
            (json!("other"), Ok(false)),
            (json!("api "), Ok(false)),
            (json!("API"), Ok(false)),
            (json!("my-api-too"), Ok(false)),
            (json!(["ap", "apis", ""]), Ok(false)),
            (json!([]), Ok(false)),
            (json!(""), Ok(false)),
            (json!([["api"]]), Err(TokenError::Malformed("aud"))),
            (json!(["api", 1]), Err(TokenError::Malformed("aud"))),
            (json!({"api": "api"}), Err(TokenError::Malformed("aud"))),
            (json!(null), Err(TokenError::Malformed("aud"))),
        ];
        for (audience, expected) in cases {
            assert_eq!(
                is_for("api", &claims(json!({"aud": audience}))),
                expected,
                "{audience}"
            );
        }
        assert_eq!(is_for("api", &Object::new()), Err(TokenError::Missing("aud")));
    }
}
