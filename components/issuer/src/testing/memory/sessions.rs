use kernel::StoreError;

use super::{LogoutRow, Memory};
use crate::domain::secret::Hash;
use crate::sessions::domain::{LoginSession, Logout, NewLogout};
use crate::sessions::service::SessionStore;

/// How long a sign-out may take, in seconds.
const LOGOUT_LIFETIME: i64 = 30 * 60;

impl Memory {
    fn session_where(&self, is_meant: impl Fn(&LoginSession, &Hash) -> bool) -> Option<LoginSession> {
        let tables = self.tables();
        let mut living = tables.sessions.iter().filter(|row| row.expires_at > self.now());
        let row = living.find(|row| is_meant(&row.session, &row.cookie))?;
        Some(LoginSession {
            age: self.now() - row.session.authenticated_at,
            ..row.session.clone()
        })
    }

    /// Stores the page's answer, once.
    fn answer_logout(&self, challenge: &Hash, verifier: Option<&Hash>) -> bool {
        let mut tables = self.tables();
        let mut rows = tables.logouts.iter_mut();
        let row = rows.find(|row| {
            row.challenge == *challenge && !row.logout.is_answered && row.expires_at > self.now()
        });
        row.map(|row| {
            row.logout.is_answered = true;
            row.verifier = verifier.cloned();
        })
        .is_some()
    }
}

impl SessionStore for Memory {
    async fn session_of_cookie(&self, cookie: &Hash) -> Result<Option<LoginSession>, StoreError> {
        Ok(self.session_where(|_, known| known == cookie))
    }

    async fn session(&self, id: &str) -> Result<Option<LoginSession>, StoreError> {
        Ok(self.session_where(|session, _| session.id == id))
    }

    async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        self.tables().sessions.retain(|row| row.session.id != id);
        Ok(())
    }

    async fn end_sessions_of(&self, subject: &str) -> Result<(), StoreError> {
        self.tables()
            .sessions
            .retain(|row| row.session.subject != subject);
        Ok(())
    }

    async fn insert_logout(&self, logout: NewLogout<'_>) -> Result<(), StoreError> {
        let row = LogoutRow {
            logout: Logout {
                is_answered: false,
                subject: logout.subject.to_owned(),
                session_id: logout.session_id.to_owned(),
                client_id: logout.client_id.map(str::to_owned),
                request_url: logout.request_url.to_owned(),
                redirect_to: logout.redirect_to.to_owned(),
                requested_at: String::new(),
                expires_at: String::new(),
            },
            challenge: logout.challenge.clone(),
            verifier: None,
            expires_at: self.now() + LOGOUT_LIFETIME,
        };
        self.tables().logouts.push(row);
        Ok(())
    }

    async fn logout(&self, challenge: &Hash) -> Result<Option<Logout>, StoreError> {
        let tables = self.tables();
        let mut living = tables.logouts.iter().filter(|row| row.expires_at > self.now());
        let row = living.find(|row| row.challenge == *challenge);
        Ok(row.map(|row| row.logout.clone()))
    }

    async fn accept_logout(&self, challenge: &Hash, verifier: &Hash) -> Result<bool, StoreError> {
        Ok(self.answer_logout(challenge, Some(verifier)))
    }

    async fn reject_logout(&self, challenge: &Hash) -> Result<bool, StoreError> {
        Ok(self.answer_logout(challenge, None))
    }

    async fn finish_logout(
        &self,
        verifier: &Hash,
        cookie: Option<&Hash>,
    ) -> Result<Option<Logout>, StoreError> {
        let mut tables = self.tables();
        let mut rows = tables.logouts.iter_mut();
        let row = rows.find(|row| row.verifier.as_ref() == Some(verifier) && row.expires_at > self.now());
        let Some(row) = row else {
            return Ok(None);
        };
        row.verifier = None;
        let logout = row.logout.clone();
        let is_of_browser = tables
            .sessions
            .iter()
            .any(|row| row.session.id == logout.session_id && Some(&row.cookie) == cookie);
        if logout.client_id.is_some() || is_of_browser {
            tables
                .sessions
                .retain(|row| row.session.id != logout.session_id || row.session.subject != logout.subject);
            tables.revoke(|grant| grant.subject == logout.subject && grant.session_id == logout.session_id);
        }
        Ok(Some(logout))
    }
}
