//! Tokens of ours that come back: ID tokens as hints about who is meant, access tokens to be looked at.

use serde_json::{Map, Value};
use signing::VerifyingKeys;

use crate::Issuer;
use crate::store::{Grant, StoreError};
use crate::tokens::{self, ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE};

/// The claims of an ID token that we have issued, expired or not: a hint gives nobody anything (OpenID Connect Core, section
/// 3.1.2.2; RP-Initiated Logout, section 2). `None` for anything else.
pub(crate) async fn id_token(issuer: &Issuer, token: &str) -> Result<Option<Map<String, Value>>, StoreError> {
    let keys = VerifyingKeys::new(&issuer.store.known_keys().await?);
    Ok(ours(issuer, &keys, token, ID_TOKEN_TYPE))
}

/// An access token that is alive, and what it comes from.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) claims: Map<String, Value>,
    /// None for a client's own.
    pub(crate) grant: Option<Grant>,
}

impl Active {
    pub(crate) fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, claim: &str) -> i64 {
        self.claims.get(claim).and_then(Value::as_i64).unwrap_or_default()
    }

    pub(crate) fn list(&self, claim: &str) -> Vec<String> {
        let list = self.claims.get(claim).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}

/// An access token that we have issued, if it is neither expired nor revoked.
pub(crate) async fn access_token(issuer: &Issuer, token: &str) -> Result<Option<Active>, StoreError> {
    let keys = VerifyingKeys::new(&issuer.store.published_keys().await?);
    let Some(claims) = ours(issuer, &keys, token, ACCESS_TOKEN_TYPE) else {
        return Ok(None);
    };
    let active = Active { claims, grant: None };
    let (holds, now) = issuer.store.machine_token_holds(active.text("jti")).await?;
    if !holds || active.number("exp") <= now {
        return Ok(None);
    }
    match tokens::grant_of(active.text("jti")) {
        None => Ok(Some(active)),
        Some(id) => {
            let grant = issuer.store.grant(id).await?;
            Ok(grant.map(|grant| Active {
                grant: Some(grant),
                ..active
            }))
        }
    }
}

fn ours(issuer: &Issuer, keys: &VerifyingKeys, token: &str, kind: &str) -> Option<Map<String, Value>> {
    let verified = keys.verify(token).filter(|verified| verified.kind == kind)?;
    let is_ours = verified
        .claims
        .get("iss")
        .is_some_and(|name| name == &*issuer.settings.issuer);
    is_ours.then_some(verified.claims)
}
