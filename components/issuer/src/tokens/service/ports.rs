//! Ports of the use cases of tokens.

use kernel::StoreError;

use crate::authorization::domain::TokenContents;
use crate::clients::domain::OAuthClient;
use crate::domain::failure::InternalFailure;
use crate::domain::secret::Hash;
use crate::tokens::domain::{
    AccessClaims, CodeExchange, GrantFilter, IdClaims, IdTokenHint, Refresh, RefreshTokenRevocation,
    UserGrant, VerifiedAccessToken,
};

/// A code, and the values to which it is bound.
#[derive(Debug)]
pub(crate) struct CodeUse<'a> {
    pub(crate) code: &'a Hash,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) code_challenge: &'a str,
    /// The first refresh token of the family, if the grant has one of the scopes `offline`.
    pub(crate) refresh_token: &'a Hash,
    pub(crate) offline: &'a [String],
}

/// Grants, codes and refresh tokens.
pub(crate) trait GrantStore {
    /// Uses a code, once.
    async fn use_code(&self, code: CodeUse<'_>) -> Result<CodeExchange, StoreError>;

    /// Replaces a refresh token of this client by `next`, if the grant has these scopes.
    async fn replace_refresh_token(
        &self,
        token: &Hash,
        client: &OAuthClient,
        next: &Hash,
        scopes: &[String],
    ) -> Result<Refresh, StoreError>;

    /// The valid grant of a refresh token. With `unused`, only the grant of a token that was not used yet.
    async fn grant_of_refresh_token(
        &self,
        token: &Hash,
        unused: bool,
    ) -> Result<Option<UserGrant>, StoreError>;

    /// A grant that is not revoked.
    async fn grant(&self, id: &str) -> Result<Option<UserGrant>, StoreError>;

    /// A user's valid grants, by id.
    async fn grants(&self, filter: GrantFilter<'_>) -> Result<Vec<UserGrant>, StoreError>;

    /// Whether the user has a valid grant from this login.
    async fn has_grant(&self, subject: &str, session: &str) -> Result<bool, StoreError>;

    /// Revokes the family of a refresh token, if it is this client's.
    async fn revoke_refresh_token(
        &self,
        token: &Hash,
        client_id: &str,
    ) -> Result<RefreshTokenRevocation, StoreError>;

    /// Revokes a grant. If a client is named, only a grant of that client.
    async fn revoke_grant(&self, id: &str, client_id: Option<&str>) -> Result<(), StoreError>;

    /// Revokes all grants of a user, to one client or to all, and forgets remembered consent.
    async fn revoke_grants_of(&self, subject: &str, client_id: Option<&str>) -> Result<(), StoreError>;

    /// Revokes all grants to a client.
    async fn revoke_grants_of_client(&self, client_id: &str) -> Result<(), StoreError>;

    /// Revokes a client's own access token, by its `jti`, until it expires (in seconds since 1970).
    async fn revoke_machine_token(&self, id: &str, expires_at: i64) -> Result<(), StoreError>;

    /// Whether an access token is not revoked by its `jti`, and the database's time in seconds since 1970.
    async fn machine_token_validity(&self, id: &str) -> Result<(bool, i64), StoreError>;
}

/// Signs tokens with one key, at one time.
pub(crate) trait TokenSigner {
    fn sign_access_token(&self, claims: &AccessClaims<'_>) -> Result<String, InternalFailure>;

    fn sign_id_token(&self, claims: &IdClaims<'_>) -> Result<String, InternalFailure>;
}

/// The parts of the issuer's keys that tokens need.
pub(crate) trait TokenKeys {
    type Signer: TokenSigner;

    /// The current signing key.
    ///
    /// # Errors
    /// [`InternalFailure::NoKey`] if the issuer has no key.
    async fn signer(&self) -> Result<Self::Signer, InternalFailure>;

    /// Reads an ID token of this issuer. `None` for any other text.
    async fn read_id_token(&self, token: &str) -> Result<Option<IdTokenHint>, InternalFailure>;

    /// Reads an access token of this issuer. Its times are not checked. `None` for any other text.
    async fn read_access_token(&self, token: &str) -> Result<Option<VerifiedAccessToken>, InternalFailure>;
}

/// The answer of the user component about a user who refreshes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HookAnswer {
    /// The new tokens keep their contents.
    Unchanged,
    /// The new tokens have these contents.
    Replaced(TokenContents),
    /// The user may no longer refresh.
    Refused,
}

/// Checks with the user component whether a user may still refresh.
pub(crate) trait RefreshHook {
    /// Whether there is a component to call.
    async fn is_configured(&self) -> Result<bool, InternalFailure>;

    /// Calls the component for the user of this grant.
    async fn ask(&self, grant: &UserGrant) -> Result<HookAnswer, InternalFailure>;
}
