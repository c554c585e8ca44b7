//! Revocation (RFC 7009): `/oauth2/revoke`.

use connect::Body;
use http::{Response, StatusCode};

use super::client_auth::{credentials, refusal};
use crate::clients::service::ClientStore;
use crate::domain::failure::Denied;
use crate::request::HttpRequest;
use crate::response::empty;
use crate::tokens::service::{GrantStore, RefreshHook, TokenKeys, Tokens};

pub(super) async fn answer<S, K, H>(tokens: &Tokens<'_, S, K, H>, request: &HttpRequest) -> Response<Body>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    match revoke(tokens, request).await {
        Ok(()) => empty(StatusCode::OK),
        Err(denied) => refusal(&denied, request),
    }
}

async fn revoke<S, K, H>(tokens: &Tokens<'_, S, K, H>, request: &HttpRequest) -> Result<(), Denied>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    let form = request.form()?;
    let credentials = credentials(request, &form)?;
    tokens.revoke(&form, &credentials).await
}
