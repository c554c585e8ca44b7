//! The use cases of sessions: signing out (OpenID Connect RP-Initiated Logout) with the logout page, and ending
//! remembered logins.

#[cfg(test)]
mod tests;

use kernel::StoreError;

use super::domain::{LoginSession, Logout, NewLogout};
use crate::authorization::service::{BrowserCookies, ChallengeError};
use crate::clients::domain::{OAuthClient, RegisteredClient};
use crate::clients::service::ClientStore;
use crate::domain::addresses::{Addresses, LOGOUT};
use crate::domain::failure::{Denied, InternalFailure};
use crate::domain::oauth_error::OAuthError;
use crate::domain::parameters::{Parameters, with_query};
use crate::domain::secret::{Hash, Token};
use crate::tokens::domain::IdTokenHint;
use crate::tokens::service::{GrantStore, TokenKeys};

/// Remembered logins and sign-outs.
pub(crate) trait SessionStore {
    /// The login of the browser with this cookie.
    async fn session_of_cookie(&self, cookie: &Hash) -> Result<Option<LoginSession>, StoreError>;

    async fn session(&self, id: &str) -> Result<Option<LoginSession>, StoreError>;

    /// Forgets one login.
    async fn end_session(&self, id: &str) -> Result<(), StoreError>;

    /// Forgets all logins of a user, in all browsers.
    async fn end_sessions_of(&self, subject: &str) -> Result<(), StoreError>;

    async fn insert_logout(&self, logout: NewLogout<'_>) -> Result<(), StoreError>;

    /// The sign-out with this challenge.
    async fn logout(&self, challenge: &Hash) -> Result<Option<Logout>, StoreError>;

    /// Stores that the user signs out. False if the page has answered before.
    async fn accept_logout(&self, challenge: &Hash, verifier: &Hash) -> Result<bool, StoreError>;

    /// Stores that the user stays signed in. False if the page has answered before.
    async fn reject_logout(&self, challenge: &Hash) -> Result<bool, StoreError>;

    /// Ends the session and revokes all grants made in it, once. `cookie` is the session cookie of the browser.
    async fn finish_logout(
        &self,
        verifier: &Hash,
        cookie: Option<&Hash>,
    ) -> Result<Option<Logout>, StoreError>;
}

/// The use cases of sessions.
pub(crate) struct Sessions<'a, S, K> {
    pub(crate) store: &'a S,
    pub(crate) keys: &'a K,
    pub(crate) addresses: &'a Addresses,
}

/// The next address of a browser that signs out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignOut {
    pub(crate) redirect_to: String,
    /// Whether the browser's session cookie is removed.
    pub(crate) removes_cookie: bool,
}

/// A login that can be signed out of.
struct CurrentLogin {
    subject: String,
    session_id: String,
}

impl From<LoginSession> for CurrentLogin {
    fn from(session: LoginSession) -> Self {
        Self {
            subject: session.subject,
            session_id: session.id,
        }
    }
}

impl<S, K> Sessions<'_, S, K>
where
    S: SessionStore + ClientStore + GrantStore,
    K: TokenKeys,
{
    /// Performs the next step of a sign-out with these parameters.
    pub(crate) async fn sign_out(
        &self,
        form: &Parameters,
        browser: &BrowserCookies,
    ) -> Result<SignOut, Denied> {
        match (form.get("logout_verifier"), form.get("id_token_hint")) {
            (Some(verifier), _) => self.finish(&Hash::of(verifier), browser).await,
            (None, Some(token)) => self.begin_for_client(form, token, browser).await,
            (None, None) => self.begin_for_user(form, browser).await,
        }
    }

    /// Only the browser's cookie identifies the user, so the last page can only be our own.
    async fn begin_for_user(&self, form: &Parameters, browser: &BrowserCookies) -> Result<SignOut, Denied> {
        if form.get("state").is_some() || form.get("post_logout_redirect_uri").is_some() {
            let error = "state and post_logout_redirect_uri need an id_token_hint";
            return Err(OAuthError::invalid_request(error).into());
        }
        let signed_out = &self.addresses.signed_out;
        match self.current_login(browser).await? {
            None => Ok(go(signed_out)),
            Some(login) => self.ask(form, &login, None, signed_out).await,
        }
    }

    /// The login of this browser ends, even if the ID token belongs to another login or user. The user is asked first.
    /// Only then the browser is sent to the client's address (RP-Initiated Logout, section 2).
    async fn begin_for_client(
        &self,
        form: &Parameters,
        token: &str,
        browser: &BrowserCookies,
    ) -> Result<SignOut, Denied> {
        let hint =
            self.keys.read_id_token(token).await?.ok_or_else(|| {
                OAuthError::invalid_request("id_token_hint is not an ID token of this issuer")
            })?;
        let client = self
            .store
            .client(&hint.client_id)
            .await?
            .ok_or_else(|| OAuthError::invalid_request("the client of id_token_hint no longer exists"))?
            .client;
        if form.get("client_id").is_some_and(|id| id != client.id) {
            return Err(OAuthError::invalid_request(
                "id_token_hint was issued to another client than client_id names",
            )
            .into());
        }
        let redirect_to = self.address_after(form, &client)?;
        let login = match self.current_login(browser).await? {
            Some(login) => Some(login),
            None => self.hinted_login(hint).await?,
        };
        match login {
            None => Ok(go(&redirect_to)),
            Some(login) => self.ask(form, &login, Some(&client.id), &redirect_to).await,
        }
    }

    /// The address of the browser after a sign-out that a client has requested.
    fn address_after(&self, form: &Parameters, client: &OAuthClient) -> Result<String, OAuthError> {
        match form.get("post_logout_redirect_uri") {
            None => Ok(self.addresses.signed_out.to_string()),
            Some(uri)
                if client
                    .post_logout_redirect_uris
                    .iter()
                    .any(|registered| registered == uri) =>
            {
                Ok(with_query(uri, form.get("state").map(|state| ("state", state))))
            }
            Some(_) => Err(OAuthError::invalid_request(
                "the client has not registered this post_logout_redirect_uri",
            )),
        }
    }

    /// The remembered login of the browser.
    async fn current_login(&self, browser: &BrowserCookies) -> Result<Option<CurrentLogin>, InternalFailure> {
        let Some(cookie) = browser.session_hash() else {
            return Ok(None);
        };
        let session = self.store.session_of_cookie(&cookie).await?;
        Ok(session.map(CurrentLogin::from))
    }

    /// The login of an ID token, while a browser is remembered for it or a grant from it is valid.
    async fn hinted_login(&self, hint: IdTokenHint) -> Result<Option<CurrentLogin>, InternalFailure> {
        let session = self.store.session(&hint.session_id).await?;
        let is_remembered = session.is_some_and(|session| session.subject == hint.subject);
        let exists = is_remembered || self.store.has_grant(&hint.subject, &hint.session_id).await?;
        Ok(exists.then_some(CurrentLogin {
            subject: hint.subject,
            session_id: hint.session_id,
        }))
    }

    /// Stores the sign-out and sends the browser to the logout page.
    async fn ask(
        &self,
        form: &Parameters,
        login: &CurrentLogin,
        client_id: Option<&str>,
        redirect_to: &str,
    ) -> Result<SignOut, Denied> {
        let challenge = Token::new()?;
        // Without the token, because the page may log the address.
        let query = form.without(&["id_token_hint"]).to_query();
        let request_url = match query.is_empty() {
            true => LOGOUT.to_owned(),
            false => format!("{LOGOUT}?{query}"),
        };
        self.store
            .insert_logout(NewLogout {
                challenge: &challenge.hash(),
                subject: &login.subject,
                session_id: &login.session_id,
                client_id,
                request_url: &request_url,
                redirect_to,
            })
            .await?;
        let parameters = [("logout_challenge", challenge.reveal())];
        Ok(go(&with_query(&self.addresses.logout, parameters)))
    }

    /// The user has agreed on the logout page: the session ends.
    async fn finish(&self, verifier: &Hash, browser: &BrowserCookies) -> Result<SignOut, Denied> {
        let cookie = browser.session_hash();
        let logout = self.store.finish_logout(verifier, cookie.as_ref()).await?;
        let logout = logout.ok_or_else(|| {
            OAuthError::invalid_request("this sign-out is over or has taken too long: begin again")
        })?;
        // A user who has signed in again in this browser meanwhile stays signed in.
        let is_signed_in = self.current_login(browser).await?.is_some();
        Ok(SignOut {
            redirect_to: logout.redirect_to,
            removes_cookie: !is_signed_in,
        })
    }

    /// The sign-out with this challenge, and the client that has requested it.
    pub(crate) async fn logout_request(
        &self,
        challenge: &str,
    ) -> Result<(Logout, Option<RegisteredClient>), ChallengeError> {
        let logout = self.open(challenge).await?;
        let client = match &logout.client_id {
            Some(id) => self.store.client(id).await?,
            None => None,
        };
        Ok((logout, client))
    }

    /// The user signs out. Returns the browser's next address.
    pub(crate) async fn accept_logout(&self, challenge: &str) -> Result<String, ChallengeError> {
        let logout = self.open(challenge).await?;
        let verifier = Token::new()?;
        let challenge = Hash::of(challenge);
        match self.store.accept_logout(&challenge, &verifier.hash()).await? {
            true => Ok(with_query(
                &self.addresses.at(LOGOUT),
                [("logout_verifier", verifier.reveal())],
            )),
            false => Err(ChallengeError::Answered(logout.redirect_to)),
        }
    }

    /// The user stays signed in.
    pub(crate) async fn reject_logout(&self, challenge: &str) -> Result<(), ChallengeError> {
        let logout = self.open(challenge).await?;
        match self.store.reject_logout(&Hash::of(challenge)).await? {
            true => Ok(()),
            false => Err(ChallengeError::Answered(logout.redirect_to)),
        }
    }

    async fn open(&self, challenge: &str) -> Result<Logout, ChallengeError> {
        let logout = self.store.logout(&Hash::of(challenge)).await?;
        let logout = logout.ok_or(ChallengeError::NotFound)?;
        match logout.is_answered {
            true => Err(ChallengeError::Answered(logout.redirect_to)),
            false => Ok(logout),
        }
    }

    /// Forgets one remembered login. Its tokens stay valid.
    pub(crate) async fn end(&self, session_id: &str) -> Result<(), InternalFailure> {
        Ok(self.store.end_session(session_id).await?)
    }

    /// Forgets all remembered logins of a user. Their tokens stay valid.
    pub(crate) async fn end_all(&self, subject: &str) -> Result<(), InternalFailure> {
        Ok(self.store.end_sessions_of(subject).await?)
    }
}

fn go(url: &str) -> SignOut {
    SignOut {
        redirect_to: url.to_owned(),
        removes_cookie: false,
    }
}
