//! Logout requests: `/admin/oauth2/auth/requests/logout`.

use http::Method;
use serde::Serialize;

use super::clients::ShownClient;
use super::{Refusal, Result, challenge, is, no_content, ok, redirect_to};
use crate::clients::service::ClientStore;
use crate::domain::parameters::Parameters;
use crate::request::HttpRequest;
use crate::sessions::service::{SessionStore, Sessions};
use crate::tokens::service::{GrantStore, TokenKeys};

/// `oAuth2LogoutRequest`.
#[derive(Serialize)]
struct LogoutRequestDocument<'a> {
    challenge: &'a str,
    subject: &'a str,
    sid: &'a str,
    request_url: &'a str,
    rp_initiated: bool,
    requested_at: &'a str,
    expires_at: &'a str,
    client: Option<ShownClient<'a>>,
}

pub(super) async fn answer<S, K>(
    sessions: &Sessions<'_, S, K>,
    request: &HttpRequest,
    query: &Parameters,
    rest: &[&str],
) -> Result
where
    S: SessionStore + ClientStore + GrantStore,
    K: TokenKeys,
{
    let challenge = challenge(query, "logout_challenge")?;
    match rest {
        [] if is(request, &Method::GET) => {
            let (logout, client) = sessions.logout_request(challenge).await?;
            ok(&LogoutRequestDocument {
                challenge,
                subject: &logout.subject,
                sid: &logout.session_id,
                request_url: &logout.request_url,
                rp_initiated: logout.client_id.is_some(),
                requested_at: &logout.requested_at,
                expires_at: &logout.expires_at,
                client: client.as_ref().map(|client| ShownClient::new(client, None)),
            })
        }
        ["accept"] if is(request, &Method::PUT) => redirect_to(&sessions.accept_logout(challenge).await?),
        ["reject"] if is(request, &Method::PUT) => {
            sessions.reject_logout(challenge).await?;
            no_content()
        }
        [] => Err(Refusal::Method("GET, HEAD")),
        ["accept" | "reject"] => Err(Refusal::Method("PUT")),
        _ => Err(Refusal::NotFound),
    }
}
