//! What a token is worth (RFC 7662): `/admin/oauth2/introspect`.

use serde_json::{Value, json};

use super::{Refusal, Result, ok};
use crate::Issuer;
use crate::domain::scopes;
use crate::domain::secret::Hash;
use crate::exchange::Call;
use crate::public::hint::{self, Active};
use crate::store::Grant;

pub(super) async fn answer(issuer: &Issuer, call: &Call) -> Result {
    let form = call.form().map_err(|error| Refusal::Invalid(error.description))?;
    let token = form
        .get("token")
        .ok_or_else(|| Refusal::Invalid("token is missing".into()))?;
    let wanted = scopes::parse(form.get("scope").unwrap_or_default());
    let inactive = json!({ "active": false });
    let Some(wanted) = wanted else {
        return ok(&inactive);
    };
    if let Some(grant) = issuer
        .store
        .grant_of_refresh_token(&Hash::of(token), true)
        .await?
    {
        let enough = scopes::are_among(&wanted, &grant.scopes);
        return ok(&if enough {
            refresh_token(issuer, &grant)
        } else {
            inactive
        });
    }
    match hint::access_token(issuer, token).await? {
        Some(active) if scopes::are_among(&wanted, &active.list("scp")) => ok(&access_token(issuer, &active)),
        _ => ok(&inactive),
    }
}

fn refresh_token(issuer: &Issuer, grant: &Grant) -> Value {
    json!({
        "active": true,
        "scope": grant.scopes.join(" "),
        "client_id": grant.client_id,
        "sub": grant.subject,
        "aud": grant.audience,
        "iss": &*issuer.settings.issuer,
        "iat": grant.created_at,
        "nbf": grant.created_at,
        "exp": grant.ends_at,
        "ext": grant.consent.session.access_token,
        "token_type": "Bearer",
        "token_use": "refresh_token",
    })
}

fn access_token(issuer: &Issuer, active: &Active) -> Value {
    json!({
        "active": true,
        "scope": active.list("scp").join(" "),
        "client_id": active.text("client_id"),
        "sub": active.text("sub"),
        "aud": active.list("aud"),
        "iss": &*issuer.settings.issuer,
        "iat": active.number("iat"),
        "nbf": active.number("nbf"),
        "exp": active.number("exp"),
        "ext": active.claims.get("ext").cloned().unwrap_or_else(|| json!({})),
        "token_type": "Bearer",
        "token_use": "access_token",
    })
}
