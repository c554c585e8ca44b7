//! Consent requests: `/admin/oauth2/auth/requests/consent`.

use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::login::CommonRequest;
use super::{Refusal, Result, challenge, is, ok, redirect_to, request_body};
use crate::authorization::document::{ConsentDocument, RejectionDocument};
use crate::authorization::service::{Authorization, AuthorizationStore};
use crate::clients::service::ClientStore;
use crate::domain::parameters::Parameters;
use crate::json::value;
use crate::request::HttpRequest;
use crate::tokens::service::TokenKeys;

/// `oAuth2ConsentRequest`.
#[derive(Serialize)]
struct ConsentRequestDocument<'a> {
    challenge: &'a str,
    consent_request_id: Option<&'a str>,
    skip: bool,
    /// Always null: Hydra has the login's challenge here, but the issuer stores only its hash.
    login_challenge: (),
    login_session_id: &'a str,
    acr: &'a str,
    amr: &'a [String],
    context: Value,
    #[serde(flatten)]
    common: CommonRequest<'a>,
}

pub(super) async fn answer<S, K>(
    authorization: &Authorization<'_, S, K>,
    request: &HttpRequest,
    query: &Parameters,
    rest: &[&str],
) -> Result
where
    S: AuthorizationStore + ClientStore,
    K: TokenKeys,
{
    let challenge = challenge(query, "consent_challenge")?;
    match rest {
        [] if is(request, &Method::GET) => {
            let (consent, login) = authorization.consent_request(challenge).await?;
            ok(&ConsentRequestDocument {
                challenge,
                consent_request_id: consent.flow.consent_request_id.as_deref(),
                skip: consent.flow.consent_skip,
                login_challenge: (),
                login_session_id: &consent.flow.session_id,
                acr: &login.acr,
                amr: &login.amr,
                context: value(&login.context),
                common: CommonRequest::new(&consent),
            })
        }
        ["accept"] if is(request, &Method::PUT) => {
            let consent: ConsentDocument = request_body::object(request)?;
            redirect_to(&authorization.accept_consent(challenge, consent.into()).await?)
        }
        ["reject"] if is(request, &Method::PUT) => {
            let rejection: RejectionDocument = request_body::object(request)?;
            redirect_to(&authorization.reject_consent(challenge, rejection.into()).await?)
        }
        [] => Err(Refusal::Method("GET, HEAD")),
        ["accept" | "reject"] => Err(Refusal::Method("PUT")),
        _ => Err(Refusal::NotFound),
    }
}
