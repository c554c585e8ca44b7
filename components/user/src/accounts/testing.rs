//! The use cases of accounts over ports in memory, for tests.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use kernel::{
    AccessScope, Caller, Email, EventId, PageToken, Scope, SessionId, StoreError, Timestamp, UserCaller,
    UserId,
};

use super::domain::{
    AccountChange, Credentials, EventIds, EventLimit, NewUser, Password, PasswordHash, RevocationState,
    Roles, TypedPassword, User, UserEvent, UserEventKind,
};
use super::service::{
    AccountStore, Accounts, CheckSession, CreateUser, EndedSessions, Error, PasswordHasher, Ports,
    RevocationListener, WriteAccountError,
};
use crate::login::domain::{BrowserId, Login};

/// The ports in memory.
pub(crate) struct InMemory<'a>(PhantomData<&'a ()>);

impl<'a> Ports for InMemory<'a> {
    type Store = &'a Memory;
    type Hasher = &'a CountingHasher;
    type Revocations = &'a Recorder;
}

/// An account in memory.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) hash: PasswordHash,
    pub(crate) epoch: i64,
    pub(crate) is_deleted: bool,
    pub(crate) ended: Vec<SessionId>,
    pub(crate) begun: Vec<(Login, BrowserId)>,
}

impl Account {
    pub(crate) fn is_valid(&self, login: &Login) -> bool {
        self.epoch == login.epoch && !self.ended.contains(&login.session)
    }
}

/// A store in memory, to test the rules of the use cases. The real store is tested against Postgres.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) accounts: RefCell<Vec<Account>>,
    /// The events that are not acknowledged.
    outbox: RefCell<Vec<UserEvent>>,
    /// The number of calls.
    pub(crate) calls: Cell<usize>,
}

impl Memory {
    /// Runs `work` on the living account with this id, if it is within the scope.
    pub(crate) fn with<T>(
        &self,
        scope: AccessScope,
        id: UserId,
        work: impl FnOnce(&mut Account) -> T,
    ) -> Option<T> {
        self.calls.set(self.calls.get() + 1);
        let mut accounts = self.accounts.borrow_mut();
        let meant = |account: &&mut Account| account.user.id == id && scope.covers(id) && !account.is_deleted;
        accounts.iter_mut().find(meant).map(work)
    }

    fn is_taken(&self, key: &str, but: UserId) -> bool {
        let accounts = self.accounts.borrow();
        let takes = |account: &Account| account.user.email.key() == key && account.user.id != but;
        accounts
            .iter()
            .any(|account| !account.is_deleted && takes(account))
    }

    pub(crate) fn epoch(&self, id: UserId) -> i64 {
        let accounts = self.accounts.borrow();
        let account = accounts.iter().find(|account| account.user.id == id);
        account.expect("the account was made").epoch
    }
}

impl AccountStore for &Memory {
    async fn insert(&self, new: NewUser) -> Result<User, WriteAccountError> {
        if self.is_taken(new.email.key(), new.id) {
            return Err(WriteAccountError::EmailTaken);
        }
        let now = Timestamp::from_unix_micros(0);
        let user = User {
            id: new.id,
            email: new.email,
            name: new.name,
            roles: vec![],
            created_at: now,
            updated_at: now,
        };
        self.accounts.borrow_mut().push(Account {
            user: user.clone(),
            hash: new.password_hash,
            epoch: 0,
            is_deleted: false,
            ended: vec![],
            begun: vec![],
        });
        Ok(user)
    }

    async fn find(&self, scope: AccessScope, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.with(scope, id, |account| account.user.clone()))
    }

    async fn list(
        &self,
        scope: AccessScope,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        self.calls.set(self.calls.get() + 1);
        let accounts = self.accounts.borrow();
        let users = accounts.iter().filter(|account| !account.is_deleted);
        let users = users.map(|account| account.user.clone());
        Ok(users
            .filter(|user| scope.covers(user.id) && after.is_none_or(|token| user.id.uuid() > token.key()))
            .take(limit as usize)
            .collect())
    }

    async fn update(
        &self,
        scope: AccessScope,
        id: UserId,
        change: AccountChange,
    ) -> Result<Option<User>, WriteAccountError> {
        if let Some(email) = &change.email
            && self.is_taken(email.key(), id)
        {
            return Err(WriteAccountError::EmailTaken);
        }
        Ok(self.with(scope, id, |account| {
            let AccountChange { email, name } = change;
            account.user.email = email.unwrap_or(account.user.email.clone());
            account.user.name = name.unwrap_or(account.user.name.clone());
            account.user.clone()
        }))
    }

    async fn delete(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError> {
        let deleted = self.with(scope, id, |account| {
            account.is_deleted = true;
            account.epoch += 1;
        });
        self.outbox.borrow_mut().extend(deleted.map(|()| UserEvent {
            id: EventId::generate(),
            kind: UserEventKind::Deleted,
            user: id,
            occurred_at: Timestamp::from_unix_micros(0),
        }));
        Ok(deleted.is_some())
    }

    async fn find_password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        Ok(self.with(AccessScope::Own(id), id, |account| account.hash.clone()))
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let replaced = self.with(AccessScope::Own(id), id, |account| {
            let is_current = account.hash == old;
            if is_current {
                account.hash = new;
                account.epoch += 1;
            }
            is_current
        });
        Ok(replaced.unwrap_or(false))
    }

    async fn raise_epoch(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError> {
        Ok(self.with(scope, id, |account| account.epoch += 1).is_some())
    }

    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let ended = self.with(AccessScope::Own(id), id, |account| {
            let mut began = account.begun.iter();
            let browser = began.find(|(login, _)| login.session == *session);
            let browser = browser.map(|(_, browser)| browser.clone());
            let others = account.begun.iter().rev().filter(|(login, began_in)| {
                login.session != *session
                    && Some(began_in) == browser.as_ref()
                    && !account.ended.contains(&login.session)
            });
            let others = others.map(|(login, _)| login.session.clone());
            let ended: Vec<_> = [session.clone()].into_iter().chain(others).collect();
            account.ended.extend(ended.clone());
            ended
        });
        Ok(ended.unwrap_or_default())
    }

    async fn set_roles(
        &self,
        scope: AccessScope,
        id: UserId,
        roles: &Roles,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.with(scope, id, |account| {
            account.user.roles = roles.names().to_vec();
            account.user.clone()
        }))
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let accounts = self.accounts.borrow();
        let mut living = accounts.iter().filter(|account| !account.is_deleted);
        let account = living.find(|account| account.user.email.key() == email.key());
        Ok(account.map(|account| Credentials {
            user: account.user.id,
            password_hash: account.hash.clone(),
            epoch: account.epoch,
        }))
    }

    async fn revocation_state(
        &self,
        id: UserId,
        session: Option<&SessionId>,
    ) -> Result<Option<RevocationState>, StoreError> {
        let accounts = self.accounts.borrow();
        let account = accounts.iter().find(|account| account.user.id == id);
        Ok(account.map(|account| RevocationState {
            is_deleted: account.is_deleted,
            epoch: account.epoch,
            epoch_changed_at: Timestamp::from_unix_micros(0),
            roles: account.user.roles.clone(),
            session_ended: session.is_some_and(|session| account.ended.contains(session)),
        }))
    }

    async fn pending_events(&self, limit: EventLimit) -> Result<Vec<UserEvent>, StoreError> {
        let outbox = self.outbox.borrow();
        Ok(outbox.iter().take(limit.get()).copied().collect())
    }

    async fn acknowledge_events(&self, ids: &EventIds) -> Result<(), StoreError> {
        let is_meant = |event: &UserEvent| ids.iter().any(|id| id == event.id);
        self.outbox.borrow_mut().retain(|event| !is_meant(event));
        Ok(())
    }
}

/// Counts its calls and keeps the password as its own hash. The real hasher is tested in `argon2id.rs`.
#[derive(Default)]
pub(crate) struct CountingHasher(pub(crate) Cell<usize>);

impl PasswordHasher for &CountingHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, String> {
        self.0.set(self.0.get() + 1);
        Ok(PasswordHash(String::from_utf8_lossy(password.as_bytes()).into()))
    }

    fn verify(&self, typed: &TypedPassword, hash: &PasswordHash) -> Result<bool, String> {
        self.0.set(self.0.get() + 1);
        Ok(typed.as_bytes() == hash.0.as_bytes())
    }

    fn verify_without_account(&self, _: &TypedPassword) -> Result<(), String> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

/// Records the users and sessions of revocations.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) users: RefCell<Vec<UserId>>,
    pub(crate) sessions: RefCell<Vec<String>>,
}

impl RevocationListener for &Recorder {
    async fn revoked(&self, user: UserId, sessions: EndedSessions<'_>) {
        self.users.borrow_mut().push(user);
        self.sessions.borrow_mut().push(match sessions {
            EndedSessions::These(sessions) => {
                let names: Vec<_> = sessions.iter().map(SessionId::as_str).collect();
                names.join(" ")
            }
            EndedSessions::All => "all".into(),
        });
    }
}

/// The use cases over memory, and access to the ports behind them.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) hasher: CountingHasher,
    pub(crate) recorder: Recorder,
}

impl World {
    pub(crate) fn accounts(&self) -> Accounts<InMemory<'_>> {
        Accounts::new(&self.memory, &self.hasher, &self.recorder)
    }

    /// Creates an account with the password "correct horse".
    pub(crate) fn create(&self, email: &str) -> UserId {
        let made = run(self.accounts().create_user(&Caller::Anonymous, request(email)));
        made.expect("the address is free").id
    }

    /// The users of the revocations since the last call.
    pub(crate) fn revoked(&self) -> Vec<UserId> {
        self.recorder.users.take()
    }

    /// The number of hashes that were made or verified since the last call.
    pub(crate) fn hashes(&self) -> usize {
        self.hasher.0.take()
    }

    /// Whether a token is valid, and whether it is an admin's.
    pub(crate) fn check(&self, user: UserId, epoch: i64, session: Option<&str>, admin: bool) -> (bool, bool) {
        let id = user.to_string();
        let request = CheckSession {
            user_id: &id,
            epoch: Some(epoch),
            session_id: session,
            issued_at: None,
            admin,
        };
        let status = run(self.accounts().check_session(&Caller::Anonymous, request)).unwrap();
        (status.is_valid, status.is_admin)
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

pub(crate) fn request(email: &str) -> CreateUser<'_> {
    CreateUser {
        email,
        password: "correct horse",
        name: "Mina",
    }
}

pub(crate) fn user(id: UserId) -> Caller {
    signed_in(id, &[], None)
}

pub(crate) fn admin() -> Caller {
    signed_in(UserId::generate(), &[Scope::Admin], None)
}

pub(crate) fn signed_in(id: UserId, scopes: &[Scope], session: Option<&str>) -> Caller {
    Caller::User(UserCaller {
        id,
        scopes: scopes.to_vec(),
        session: session.map(|session| session.parse().unwrap()),
    })
}

/// The result of a use case, in a word.
pub(crate) fn word<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "done".into(),
        Err(Error::Invalid(violations)) => {
            let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
            format!("invalid: {}", fields.join(", "))
        }
        Err(Error::Unauthenticated) => "unauthenticated".into(),
        Err(Error::PermissionDenied) => "not yours".into(),
        Err(Error::AdminOnly) => "admins only".into(),
        Err(Error::WrongPassword) => "wrong password".into(),
        Err(Error::NoSession) => "no session".into(),
        Err(Error::NotFound) => "not found".into(),
        Err(Error::AlreadyExists) => "already exists".into(),
        Err(error) => error.to_string(),
    }
}
