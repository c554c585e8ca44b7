//! Ports of the use cases of accounts.

use kernel::{AccessScope, Email, PageToken, SessionId, StoreError, UserId};

use crate::accounts::domain::{
    AccountChange, Credentials, EventIds, EventLimit, NewUser, Password, PasswordHash, RevocationState,
    Roles, TypedPassword, User, UserEvent,
};

/// The implementations of the ports, as one set of types.
pub(crate) trait Ports {
    type Store: AccountStore;
    type Hasher: PasswordHasher;
    type Revocations: RevocationListener;
}

/// The store of accounts. Each function is one statement. Functions that return `bool` return whether they found an
/// living account within the access scope.
pub(crate) trait AccountStore {
    /// Inserts an account.
    async fn insert(&self, user: NewUser) -> Result<User, WriteAccountError>;

    /// The living account with this id.
    async fn find(&self, scope: AccessScope, id: UserId) -> Result<Option<User>, StoreError>;

    /// At most `limit` living accounts, oldest first, after the account that the token names.
    async fn list(
        &self,
        scope: AccessScope,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError>;

    /// Changes an account. If its fields have the new values already, the time of the last change is kept, too.
    async fn update(
        &self,
        scope: AccessScope,
        id: UserId,
        change: AccountChange,
    ) -> Result<Option<User>, WriteAccountError>;

    /// Deletes an account, revokes its tokens and inserts an event.
    async fn delete(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError>;

    /// The password hash of a living account.
    async fn find_password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Replaces a password hash and revokes all tokens. `false` if the stored hash is not `old` any more.
    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Revokes all tokens of an account by raising its epoch.
    async fn raise_epoch(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError>;

    /// Ends a session of an account and its other sessions in the same browser. Returns the sessions that it ended:
    /// this one first, then the others, newest first. Returns none if there is no such living account. Ending a session
    /// again has no effect.
    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError>;

    /// Replaces the roles of an account.
    async fn set_roles(
        &self,
        scope: AccessScope,
        id: UserId,
        roles: &Roles,
    ) -> Result<Option<User>, StoreError>;

    /// The credentials of the living account with this e-mail address.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;

    /// The revocations of an account, which may be deleted, and of one of its sessions.
    async fn revocation_state(
        &self,
        id: UserId,
        session: Option<&SessionId>,
    ) -> Result<Option<RevocationState>, StoreError>;

    /// Events that are not acknowledged, oldest first.
    async fn pending_events(&self, limit: EventLimit) -> Result<Vec<UserEvent>, StoreError>;

    /// Acknowledges these events. Ids of other events have no effect.
    async fn acknowledge_events(&self, ids: &EventIds) -> Result<(), StoreError>;
}

/// Hashes passwords. All functions are slow on purpose. The texts of their errors are for the log.
pub(crate) trait PasswordHasher {
    /// Hashes a password with a new salt.
    fn hash(&self, password: &Password) -> Result<PasswordHash, String>;

    /// Whether the hash is that of this password.
    fn verify(&self, typed: &TypedPassword, hash: &PasswordHash) -> Result<bool, String>;

    /// Takes as long as [`PasswordHasher::verify`]. It is called for an e-mail address without an account.
    fn verify_without_account(&self, typed: &TypedPassword) -> Result<(), String>;
}

/// Receives revocations, to discard cached answers about the tokens. Security does not depend on it, because cached
/// answers expire within a minute.
pub(crate) trait RevocationListener {
    /// Announces a revocation. A failure is logged, and the revocation stays in effect.
    async fn revoked(&self, user: UserId, sessions: EndedSessions<'_>);
}

/// The sessions that the issuer has to end after a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedSessions<'a> {
    /// Only these. The list is empty if all sessions continue, or if the issuer ends the session on its own.
    These(&'a [SessionId]),
    /// All sessions, and all grants made in them.
    All,
}

/// Why an account was not inserted or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteAccountError {
    #[error("another living account has this e-mail address")]
    EmailTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}
