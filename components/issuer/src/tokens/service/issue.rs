//! The token endpoint (RFC 6749, section 3.2).

use super::{CodeUse, GrantStore, HookAnswer, RefreshHook, TokenKeys, TokenSigner, Tokens};
use crate::authorization::domain::{Challenge, TokenContents, requested_audience, requested_scopes};
use crate::clients::domain::{
    ClientAuthentication, GrantType, OAuthClient,
    scopes::{self, OFFLINE},
};
use crate::clients::service::{ClientStore, authenticate};
use crate::domain::failure::Denied;
use crate::domain::json::Json;
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::Parameters;
use crate::domain::secret::{Hash, Token, new_id};
use crate::tokens::domain::{AccessClaims, CodeExchange, IdClaims, Refresh, UserGrant, token_id};

/// A request for tokens.
pub(crate) struct TokenRequest<'a> {
    pub(crate) form: &'a Parameters,
    /// The client's credentials, or the reason why they cannot be read. A wrong `grant_type` is the more helpful error,
    /// so it is reported first.
    pub(crate) credentials: Result<ClientAuthentication, Denied>,
}

/// Issued tokens (RFC 6749, section 5.1).
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) access_token: String,
    /// How long the access token lives, in seconds.
    pub(crate) expires_in: i64,
    pub(crate) scopes: Vec<String>,
    pub(crate) id_token: Option<String>,
    pub(crate) refresh_token: Option<Token>,
}

/// The contents of a user's tokens.
struct UserTokens<'a> {
    grant: &'a UserGrant,
    /// The scopes of the access token: those of the grant, or fewer.
    scopes: Vec<String>,
    contents: &'a TokenContents,
    refresh_token: Option<Token>,
}

impl<S, K, H> Tokens<'_, S, K, H>
where
    S: GrantStore + ClientStore,
    K: TokenKeys,
    H: RefreshHook,
{
    /// Issues tokens by one of the three grants.
    ///
    /// # Errors
    /// An error of RFC 6749, section 5.2, or a failure. After a failure, the code or the refresh token can still be
    /// used.
    pub(crate) async fn issue(&self, request: TokenRequest<'_>) -> Result<IssuedTokens, Denied> {
        let form = request.form;
        let name = form
            .get("grant_type")
            .ok_or_else(|| OAuthError::missing("grant_type"))?;
        let grant = GrantType::named(name).ok_or_else(|| {
            OAuthError::new(
                "unsupported_grant_type",
                "grant_type must be authorization_code, refresh_token or client_credentials",
            )
        })?;
        let client = authenticate(self.store, &request.credentials?).await?;
        if !client.may(grant) {
            let error = OAuthError::new("unauthorized_client", "the client may not use this grant type");
            return Err(error.into());
        }
        // This comes before the code or token is used, because without a key no tokens can be issued for it.
        let signer = self.keys.signer().await?;
        match grant {
            GrantType::AuthorizationCode => self.exchange_code(&client, form, &signer).await,
            GrantType::RefreshToken => self.refresh(&client, form, &signer).await,
            GrantType::ClientCredentials => client_credentials(&client, form, &signer),
        }
    }

    /// RFC 6749, section 4.1.3; RFC 7636, section 4.5.
    async fn exchange_code(
        &self,
        client: &OAuthClient,
        form: &Parameters,
        signer: &K::Signer,
    ) -> Result<IssuedTokens, Denied> {
        let required = |name: &str| form.get(name).ok_or_else(|| OAuthError::missing(name));
        let code = required("code")?;
        let redirect_uri = required("redirect_uri")?;
        let verifier = required("code_verifier")?;
        let refused = || {
            OAuthError::invalid_grant(
                "the code is unknown, expired, used, or not for this client, redirect_uri and code_verifier",
            )
        };
        let challenge = Challenge::of(verifier).ok_or_else(refused)?;
        let refresh_token = Token::new()?;
        let offline = match client.may(GrantType::RefreshToken) {
            true => OFFLINE.map(str::to_owned).to_vec(),
            false => Vec::new(),
        };
        let exchange = self
            .store
            .use_code(CodeUse {
                code: &Hash::of(code),
                client_id: &client.id,
                redirect_uri,
                code_challenge: challenge.as_str(),
                refresh_token: &refresh_token.hash(),
                offline: &offline,
            })
            .await?;
        match exchange {
            CodeExchange::Granted(grant) => {
                let tokens = UserTokens {
                    grant: &grant,
                    scopes: grant.scopes.clone(),
                    contents: &grant.consent.contents,
                    refresh_token: client.refreshes(&grant.scopes).then_some(refresh_token),
                };
                user_tokens(client, tokens, signer)
            }
            CodeExchange::Replayed => {
                let error = OAuthError::invalid_grant("the code was used before: its tokens are revoked");
                Err(error.into())
            }
            CodeExchange::Refused => Err(refused().into()),
        }
    }

    /// RFC 6749, section 6.
    async fn refresh(
        &self,
        client: &OAuthClient,
        form: &Parameters,
        signer: &K::Signer,
    ) -> Result<IssuedTokens, Denied> {
        let token = form
            .get("refresh_token")
            .ok_or_else(|| OAuthError::missing("refresh_token"))?;
        let token = Hash::of(token);
        let too_many = || OAuthError::new("invalid_scope", "scope has a scope that was not granted");
        let narrowed = match form.get("scope") {
            Some(text) => Some(scopes::parse(text).ok_or_else(too_many)?),
            None => None,
        };
        // This comes before the token is used, so that the client can try again if the hook fails.
        let replaced = self.replaced_contents(client, &token).await?;
        let next = Token::new()?;
        let wanted = narrowed.as_deref().unwrap_or_default();
        let refresh = self
            .store
            .replace_refresh_token(&token, client, &next.hash(), wanted)
            .await?;
        match refresh {
            Refresh::Granted(grant) => {
                let tokens = UserTokens {
                    grant: &grant,
                    scopes: narrowed.unwrap_or_else(|| grant.scopes.clone()),
                    contents: replaced.as_ref().unwrap_or(&grant.consent.contents),
                    refresh_token: Some(next),
                };
                user_tokens(client, tokens, signer)
            }
            Refresh::TooManyScopes => Err(too_many().into()),
            Refresh::Unregistered => Err(OAuthError::new(
                "invalid_scope",
                "the client may no longer request all that was granted: sign in again",
            )
            .into()),
            Refresh::Reused => Err(OAuthError::invalid_grant(
                "the refresh token was used before: all tokens of its family are revoked",
            )
            .into()),
            Refresh::Refused => Err(OAuthError::invalid_grant(
                "the refresh token is unknown, expired, revoked, or another client's",
            )
            .into()),
        }
    }

    /// The new contents of the tokens, if the hook replaces them. The hook is not called for a token that is not valid.
    async fn replaced_contents(
        &self,
        client: &OAuthClient,
        token: &Hash,
    ) -> Result<Option<TokenContents>, Denied> {
        if !self.hook.is_configured().await? {
            return Ok(None);
        }
        let grant = self.store.grant_of_refresh_token(token, false).await?;
        let Some(grant) = grant.filter(|grant| grant.client_id == client.id) else {
            return Ok(None);
        };
        match self.hook.ask(&grant).await? {
            HookAnswer::Unchanged => Ok(None),
            HookAnswer::Replaced(contents) => Ok(Some(contents)),
            HookAnswer::Refused => {
                Err(OAuthError::access_denied("the user may not use this client any more").into())
            }
        }
    }
}

/// RFC 6749, section 4.4. The subject is the client itself (RFC 9068, section 2.2): a machine, never a user.
fn client_credentials(
    client: &OAuthClient,
    form: &Parameters,
    signer: &impl TokenSigner,
) -> Result<IssuedTokens, Denied> {
    let scopes = requested_scopes(form, client)?;
    if scopes::is_openid(&scopes) || scopes::is_offline(&scopes) {
        let error = OAuthError::new(
            "invalid_scope",
            "openid and offline_access are for users, not for a client's own token",
        );
        return Err(error.into());
    }
    let audience = requested_audience(form, client)?;
    let lifespan = seconds(client.lifespan(&audience));
    let access_token = signer.sign_access_token(&AccessClaims {
        subject: &client.id,
        client_id: &client.id,
        audience: &audience,
        scopes: &scopes,
        id: &token_id(None, &new_id()?),
        lifespan,
        extra: &Json::default(),
    })?;
    Ok(IssuedTokens {
        access_token,
        expires_in: lifespan,
        scopes,
        id_token: None,
        refresh_token: None,
    })
}

fn user_tokens(
    client: &OAuthClient,
    tokens: UserTokens<'_>,
    signer: &impl TokenSigner,
) -> Result<IssuedTokens, Denied> {
    let UserTokens {
        grant,
        scopes,
        contents,
        refresh_token,
    } = tokens;
    let lifespan = seconds(client.lifespan(&grant.audience));
    let access_token = signer.sign_access_token(&AccessClaims {
        subject: &grant.subject,
        client_id: &client.id,
        audience: &grant.audience,
        scopes: &scopes,
        id: &token_id(Some(&grant.id), &new_id()?),
        lifespan,
        extra: &contents.access_token,
    })?;
    let id_token = match scopes::is_openid(&scopes) {
        true => Some(signer.sign_id_token(&IdClaims {
            subject: &grant.subject,
            client_id: &client.id,
            id: &new_id()?,
            session_id: &grant.session_id,
            nonce: grant.nonce.as_deref(),
            acr: &grant.acr,
            amr: &grant.amr,
            authenticated_at: grant.authenticated_at,
            requested_at: grant.created_at,
            access_token: &access_token,
            extra: &contents.id_token,
        })?),
        false => None,
    };
    Ok(IssuedTokens {
        access_token,
        expires_in: lifespan,
        scopes,
        id_token,
        refresh_token,
    })
}

fn seconds(lifespan: u64) -> i64 {
    i64::try_from(lifespan).unwrap_or(i64::MAX)
}
