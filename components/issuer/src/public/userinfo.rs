//! Who the user is (OpenID Connect Core, section 5.3).

use connect::Body;
use http::{Method, Response, StatusCode, header};
use serde_json::Value;

use super::hint;
use crate::Issuer;
use crate::domain::scopes;
use crate::exchange::{Call, Failure, empty, json_answer, set};
use crate::store::Grant;
use crate::tokens::public_claims;

pub(crate) async fn answer(issuer: &Issuer, call: &Call) -> Response<Body> {
    let in_form = || call.form().ok().filter(|_| call.method() == Method::POST);
    let token = match (call.bearer(), in_form()) {
        (Some(token), _) => Some(token.to_owned()),
        // RFC 6750, section 2.2.
        (None, Some(form)) => form.get("access_token").map(str::to_owned),
        (None, None) => None,
    };
    let Some(token) = token else {
        return refused(StatusCode::UNAUTHORIZED, "Bearer");
    };
    match hint::access_token(issuer, &token).await {
        Ok(Some(active)) => match active.grant.filter(|grant| scopes::is_openid(&grant.scopes)) {
            Some(grant) => json_answer(StatusCode::OK, &claims(&grant)),
            None => refused(
                StatusCode::FORBIDDEN,
                "Bearer error=\"insufficient_scope\", error_description=\"the token is not one of a user who has granted openid\", \
                 scope=\"openid\"",
            ),
        },
        Ok(None) => refused(
            StatusCode::UNAUTHORIZED,
            "Bearer error=\"invalid_token\", error_description=\"the token is unknown, expired or revoked\"",
        ),
        Err(error) => empty(Failure::from(error).report(call)),
    }
}

fn claims(grant: &Grant) -> Value {
    let mut claims = public_claims(&grant.consent.session.id_token);
    claims.insert("sub".into(), grant.subject.as_str().into());
    Value::Object(claims)
}

/// RFC 6750, section 3.
fn refused(status: StatusCode, challenge: &str) -> Response<Body> {
    let mut response = empty(status);
    set(&mut response, header::WWW_AUTHENTICATE, challenge);
    response
}
