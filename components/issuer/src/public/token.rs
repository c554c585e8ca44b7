//! The token endpoint: `/oauth2/token`.

use connect::Body;
use http::{Response, StatusCode};
use serde::Serialize;

use super::client_auth::{credentials, refusal};
use crate::clients::service::ClientStore;
use crate::domain::failure::Denied;
use crate::request::HttpRequest;
use crate::response::json;
use crate::tokens::service::{GrantStore, IssuedTokens, RefreshHook, TokenKeys, TokenRequest, Tokens};

/// RFC 6749, section 5.1; OpenID Connect Core, section 3.1.3.3.
#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
    token_type: &'static str,
}

pub(super) async fn answer<S, K, H>(tokens: &Tokens<'_, S, K, H>, request: &HttpRequest) -> Response<Body>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    match issue(tokens, request).await {
        Ok(issued) => json(
            StatusCode::OK,
            &TokenResponse {
                access_token: &issued.access_token,
                expires_in: issued.expires_in,
                id_token: issued.id_token.as_deref(),
                refresh_token: issued.refresh_token.as_ref().map(|token| token.reveal()),
                scope: issued.scopes.join(" "),
                token_type: "bearer",
            },
        ),
        Err(denied) => refusal(&denied, request),
    }
}

async fn issue<S, K, H>(tokens: &Tokens<'_, S, K, H>, request: &HttpRequest) -> Result<IssuedTokens, Denied>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    let form = request.form()?;
    tokens
        .issue(TokenRequest {
            form: &form,
            credentials: credentials(request, &form),
        })
        .await
}
