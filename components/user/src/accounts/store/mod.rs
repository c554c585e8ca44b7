//! Accounts in Postgres: a function for each statement.

mod sql;

use kernel::{AccessScope, Email, PageToken, SessionId, StoreError, UserId};
use spin_adapters::postgres::{
    Database, Error as DatabaseError, FromRow, Parameter, Row, all, first, only,
    parameter::{in_scope, number, optional, text, texts, uuid},
};
pub(crate) use sql::{SESSION_LIFETIME, USER_COLUMNS};

use super::domain::{
    AccountChange, Credentials, EventIds, EventLimit, NewUser, PasswordHash, RevocationState, Roles, User,
    UserEvent, UserName,
};
use super::service::{AccountStore, WriteAccountError};

/// The unique index on the e-mail addresses of living accounts.
const EMAIL_UNIQUE: &str = "users_email_unique";

/// Accounts in a database.
pub(crate) struct PostgresAccounts(pub(crate) Database);

impl PostgresAccounts {
    async fn read_one<T: FromRow>(
        &self,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<Option<T>, StoreError> {
        Ok(first(self.0.read(statement, parameters).await?)?)
    }

    /// Whether the statement has returned a row.
    async fn write_found(&self, statement: &str, parameters: &[Parameter]) -> Result<bool, StoreError> {
        Ok(!self.0.write(statement, parameters).await?.is_empty())
    }
}

impl AccountStore for PostgresAccounts {
    async fn insert(&self, user: NewUser) -> Result<User, WriteAccountError> {
        let parameters = [
            uuid(user.id),
            text(user.email.as_str()),
            text(user.email.key()),
            text(user.password_hash.0),
            text(user.name.as_str()),
        ];
        let rows = self.0.write(&sql::INSERT, &parameters).await?;
        Ok(User::from_row(&mut only(rows)?)?)
    }

    async fn find(&self, scope: AccessScope, id: UserId) -> Result<Option<User>, StoreError> {
        self.read_one(&sql::FIND, &target(scope, id)).await
    }

    async fn list(
        &self,
        scope: AccessScope,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        // The nil UUID is not a user's id, and every id is greater. So the first page can use the same statement.
        let above = after.map(PageToken::key).unwrap_or_default();
        let [is_all, own] = in_scope(scope);
        let parameters = [is_all, own, uuid(above), number(limit.into())];
        Ok(all(self.0.read(&sql::LIST, &parameters).await?)?)
    }

    async fn update(
        &self,
        scope: AccessScope,
        id: UserId,
        change: AccountChange,
    ) -> Result<Option<User>, WriteAccountError> {
        let [is_all, own, id] = target(scope, id);
        let email = change.email.as_ref();
        let parameters = [
            is_all,
            own,
            id,
            optional(email.map(Email::as_str)),
            optional(email.map(Email::key)),
            optional(change.name.as_ref().map(UserName::as_str)),
        ];
        let mut row = only(self.0.write(&sql::UPDATE, &parameters).await?)?;
        if row.get("is_taken")? {
            return Err(WriteAccountError::EmailTaken);
        }
        let is_changed: bool = row.get("is_changed")?;
        Ok(is_changed.then(|| User::from_row(&mut row)).transpose()?)
    }

    async fn delete(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError> {
        self.write_found(&sql::DELETE, &target(scope, id)).await
    }

    async fn find_password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.read_one(sql::FIND_PASSWORD_HASH, &[uuid(id)]).await
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let parameters = [uuid(id), text(old.0), text(new.0)];
        self.write_found(&sql::REPLACE_PASSWORD, &parameters).await
    }

    async fn raise_epoch(&self, scope: AccessScope, id: UserId) -> Result<bool, StoreError> {
        self.write_found(&sql::RAISE_EPOCH, &target(scope, id)).await
    }

    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let rows = self
            .0
            .write(&sql::END_SESSION, &[uuid(id), text(session)])
            .await?;
        let ended = rows.into_iter().map(|mut row| row.parse("session_id"));
        Ok(ended.collect::<Result<_, _>>()?)
    }

    async fn set_roles(
        &self,
        scope: AccessScope,
        id: UserId,
        roles: &Roles,
    ) -> Result<Option<User>, StoreError> {
        let [is_all, own, id] = target(scope, id);
        let parameters = [is_all, own, id, texts(roles.names())];
        Ok(first(self.0.write(&sql::SET_ROLES, &parameters).await?)?)
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        self.read_one(sql::FIND_CREDENTIALS, &[text(email.key())]).await
    }

    async fn revocation_state(
        &self,
        id: UserId,
        session: Option<&SessionId>,
    ) -> Result<Option<RevocationState>, StoreError> {
        let parameters = [uuid(id), optional(session)];
        self.read_one(sql::REVOCATION_STATE, &parameters).await
    }

    async fn pending_events(&self, limit: EventLimit) -> Result<Vec<UserEvent>, StoreError> {
        let limit = number(limit.get() as u64);
        Ok(all(self.0.read(sql::PENDING_EVENTS, &[limit]).await?)?)
    }

    async fn acknowledge_events(&self, ids: &EventIds) -> Result<(), StoreError> {
        self.0
            .write(sql::ACKNOWLEDGE_EVENTS, &[texts(ids.iter())])
            .await?;
        Ok(())
    }
}

/// The parameters of `IN_SCOPE`, and the id of the account.
fn target(scope: AccessScope, id: UserId) -> [Parameter; 3] {
    let [is_all, own] = in_scope(scope);
    [is_all, own, uuid(id)]
}

impl FromRow for User {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.parse("id")?,
            email: Email::kept(row.get("email")?),
            name: UserName::kept(row.get("name")?),
            roles: row.get("roles")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for PasswordHash {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        row.get("password_hash").map(Self)
    }
}

impl FromRow for Credentials {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            user: row.parse("id")?,
            password_hash: PasswordHash::from_row(row)?,
            epoch: row.get("epoch")?,
        })
    }
}

impl FromRow for RevocationState {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            is_deleted: row.get("is_deleted")?,
            epoch: row.get("epoch")?,
            epoch_changed_at: row.get("epoch_changed_at")?,
            roles: row.get("roles")?,
            session_ended: row.get("session_ended")?,
        })
    }
}

impl FromRow for UserEvent {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.parse("id")?,
            kind: row.parse("kind")?,
            user: row.parse("user_id")?,
            occurred_at: row.get("occurred_at")?,
        })
    }
}

impl From<DatabaseError> for WriteAccountError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unique { constraint } if constraint == EMAIL_UNIQUE => Self::EmailTaken,
            other => Self::Store(other.into()),
        }
    }
}
