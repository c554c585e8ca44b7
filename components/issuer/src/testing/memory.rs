//! A store in memory. Tests move its clock.

mod authorization;
mod clients;
mod grants;
mod keys;
mod sessions;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::authorization::domain::Flow;
use crate::clients::domain::RegisteredClient;
use crate::domain::secret::Hash;
use crate::keys::service::PublishedKey;
use crate::sessions::domain::{LoginSession, Logout};
use crate::tokens::domain::UserGrant;

/// A store in memory, to test the rules of the use cases. The real store is tested against Postgres.
#[derive(Clone)]
pub(crate) struct Memory {
    tables: Rc<RefCell<Tables>>,
    /// In seconds since 1970.
    now: Rc<Cell<i64>>,
}

#[derive(Default)]
pub(crate) struct Tables {
    clients: BTreeMap<String, RegisteredClient>,
    flows: Vec<FlowRow>,
    sessions: Vec<SessionRow>,
    logouts: Vec<LogoutRow>,
    grants: Vec<GrantRow>,
    codes: Vec<CodeRow>,
    refresh_tokens: Vec<RefreshTokenRow>,
    /// The `jti` of access tokens that clients got for themselves.
    revoked_tokens: Vec<String>,
    consents: Vec<ConsentRow>,
    keys: Vec<KeyRow>,
}

struct FlowRow {
    flow: Flow,
    login_challenge: Hash,
    consent_challenge: Option<Hash>,
    verifier: Option<Hash>,
    authenticated_at: i64,
    expires_at: i64,
}

struct SessionRow {
    session: LoginSession,
    cookie: Hash,
    expires_at: i64,
}

struct LogoutRow {
    logout: Logout,
    challenge: Hash,
    verifier: Option<Hash>,
    expires_at: i64,
}

struct GrantRow {
    grant: UserGrant,
    is_revoked: bool,
}

struct CodeRow {
    hash: Hash,
    grant: String,
    redirect_uri: String,
    code_challenge: String,
    expires_at: i64,
    is_used: bool,
}

struct RefreshTokenRow {
    hash: Hash,
    grant: String,
    /// The token that this one replaced.
    predecessor: Option<Hash>,
    used_at: Option<i64>,
    /// Whether a token that replaced this one was used.
    successor_used: bool,
}

struct ConsentRow {
    subject: String,
    client_id: String,
    scopes: Vec<String>,
    audience: Vec<String>,
    /// `None`: never.
    expires_at: Option<i64>,
}

struct KeyRow {
    sealed: String,
    public: PublishedKey,
    retired_at: Option<i64>,
}

impl Memory {
    pub(crate) fn new(now: i64) -> Self {
        Self {
            tables: Rc::default(),
            now: Rc::new(Cell::new(now)),
        }
    }

    /// Moves the clock by this time.
    pub(crate) fn pass(&self, seconds: i64) {
        self.now.set(self.now() + seconds);
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.get()
    }

    fn tables(&self) -> RefMut<'_, Tables> {
        self.tables.borrow_mut()
    }
}

impl Tables {
    /// The grant with this id, if it was not revoked.
    fn grant(&mut self, id: &str) -> Option<&mut GrantRow> {
        let mut rows = self.grants.iter_mut();
        rows.find(|row| row.grant.id == id && !row.is_revoked)
    }

    /// Revokes all grants that match.
    fn revoke(&mut self, is_meant: impl Fn(&UserGrant) -> bool) {
        for row in self.grants.iter_mut().filter(|row| is_meant(&row.grant)) {
            row.is_revoked = true;
        }
    }
}
