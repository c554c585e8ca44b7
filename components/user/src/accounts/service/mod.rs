//! The use cases of accounts: they authorize the caller, validate the request and decide.

mod error;
mod ports;
mod requests;
#[cfg(test)]
mod tests;

pub(crate) use error::Error;
use kernel::{AccessScope, Caller, Email, ListScope, Page, PageRequest, SessionId, UserId, Violations};
pub(crate) use ports::{
    AccountStore, EndedSessions, PasswordHasher, Ports, RevocationListener, WriteAccountError,
};
use requests::parse_id;
pub(crate) use requests::{ChangePassword, CheckSession, CreateUser, UpdateUser};

use super::domain::{
    EventIds, EventLimit, NewUser, Password, Roles, TokenStatus, TypedPassword, User, UserEvent,
};

/// The use cases of accounts.
pub(crate) struct Accounts<P: Ports> {
    store: P::Store,
    hasher: P::Hasher,
    revocations: P::Revocations,
}

impl<P: Ports> Accounts<P> {
    pub(crate) fn new(store: P::Store, hasher: P::Hasher, revocations: P::Revocations) -> Self {
        Self {
            store,
            hasher,
            revocations,
        }
    }

    /// Creates an account, for any caller.
    pub(crate) async fn create_user(&self, _: &Caller, request: CreateUser<'_>) -> Result<User, Error> {
        let user = self.parse(request)?;
        Ok(self.store.insert(user).await?)
    }

    /// An account, for its owner and for admins.
    pub(crate) async fn get_user(&self, caller: &Caller, id: &str) -> Result<User, Error> {
        let (scope, id) = owner_or_admin(caller, id)?;
        self.store.find(scope, id).await?.ok_or(Error::NotFound)
    }

    /// Changes an account, for its owner and for admins.
    pub(crate) async fn update_user(&self, caller: &Caller, request: UpdateUser<'_>) -> Result<User, Error> {
        let (scope, id) = owner_or_admin(caller, request.id)?;
        let change = request.parse()?;
        self.store.update(scope, id, change).await?.ok_or(Error::NotFound)
    }

    /// Deletes an account, for its owner and for admins. Its tokens are revoked, its e-mail address is free again, and
    /// an event informs the services that keep data of the user.
    pub(crate) async fn delete_user(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let (scope, id) = owner_or_admin(caller, id)?;
        found(self.store.delete(scope, id).await?)?;
        self.revocations.revoked(id, EndedSessions::All).await;
        Ok(())
    }

    /// Replaces the caller's own password, for users, and revokes all tokens.
    ///
    /// The new password is hashed only after the current one was verified, so a wrong one costs one hash and a right one two.
    /// The statement replaces exactly the hash that was verified. If two changes happen at once, the second fails.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        request: ChangePassword<'_>,
    ) -> Result<(), Error> {
        let Caller::User(user) = caller else {
            return Err(Error::Unauthenticated);
        };
        let (current, new) = request.parse()?;
        let old = self.store.find_password_hash(user.id).await?;
        let old = old.ok_or(Error::NotFound)?;
        let is_right = self.hasher.verify(&current, &old).map_err(Error::Hash)?;
        if !is_right {
            return Err(Error::WrongPassword);
        }
        let new = self.hasher.hash(&new).map_err(Error::Hash)?;
        if !self.store.replace_password(user.id, old, new).await? {
            return Err(Error::WrongPassword);
        }
        self.revocations.revoked(user.id, EndedSessions::All).await;
        Ok(())
    }

    /// Ends the session of the caller's token and the caller's other sessions in the same browser, or all of the caller's
    /// sessions, for users.
    ///
    /// A token without a session can only be revoked together with all others, and the request must state that: a user
    /// who signs out on one device does not expect to be signed out on the others.
    pub(crate) async fn sign_out(&self, caller: &Caller, everywhere: bool) -> Result<(), Error> {
        let Caller::User(user) = caller else {
            return Err(Error::Unauthenticated);
        };
        if everywhere {
            return self.revoke(AccessScope::Own(user.id), user.id).await;
        }
        let session = user.session.as_ref().ok_or(Error::NoSession)?;
        let ended = self.store.end_session(user.id, session).await?;
        found(!ended.is_empty())?;
        let ended = EndedSessions::These(&ended);
        self.revocations.revoked(user.id, ended).await;
        Ok(())
    }

    /// A page of the living accounts, oldest first, for admins.
    pub(crate) async fn list_users(
        &self,
        caller: &Caller,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<User>, Error> {
        let access = admin(caller)?;
        // All admins have the same list.
        let list = ListScope::of("users", []);
        let page = PageRequest::parse(page_size, page_token, list)?;
        // One more than requested, to find out whether there is a next page.
        let users = self.store.list(access, page.token, page.size.get() + 1);
        Ok(Page::cut(users.await?, &page, |user| user.id.uuid()))
    }

    /// Revokes all tokens and ends all sessions of a user, for admins. The account stays.
    pub(crate) async fn revoke_user(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let scope = admin(caller)?;
        self.revoke(scope, parse_id("id", id)?).await
    }

    /// Replaces the roles of a user, for admins. Tokens that claim a removed role stay valid without that role.
    pub(crate) async fn set_roles(&self, caller: &Caller, id: &str, roles: &[String]) -> Result<User, Error> {
        let scope = admin(caller)?;
        let mut violations = Violations::default();
        let id = violations.take("id", id.parse());
        let roles = violations.take("roles", Roles::parse(roles));
        let (Some(id), Some(roles)) = (id, roles) else {
            return Err(Error::Invalid(violations));
        };
        let user = self.store.set_roles(scope, id, &roles).await?;
        let user = user.ok_or(Error::NotFound)?;
        self.revocations.revoked(id, EndedSessions::These(&[])).await;
        Ok(user)
    }

    /// The status of a token, for the edge. The edge calls this before the user is authenticated, so the caller is ignored.
    /// Service tokens ensure that only the edge calls this.
    pub(crate) async fn check_session(
        &self,
        _: &Caller,
        request: CheckSession<'_>,
    ) -> Result<TokenStatus, Error> {
        let claims = request.parse()?;
        let state = self.store.revocation_state(claims.user, claims.session.as_ref());
        Ok(TokenStatus::of(&claims, state.await?.as_ref()))
    }

    /// The events that are not acknowledged, for the order component. It calls this on behalf of no user, so the caller is
    /// ignored. Service tokens ensure that only this component calls this.
    pub(crate) async fn list_user_events(&self, _: &Caller, limit: i32) -> Result<Vec<UserEvent>, Error> {
        let limit = EventLimit::try_from(limit).map_err(|error| Violations::one("limit", error))?;
        Ok(self.store.pending_events(limit).await?)
    }

    /// Acknowledges events that the order component has handled: they are not listed again.
    pub(crate) async fn acknowledge_user_events(&self, _: &Caller, ids: &[String]) -> Result<(), Error> {
        let ids = EventIds::parse(ids)?;
        Ok(self.store.acknowledge_events(&ids).await?)
    }

    /// The user with this e-mail address and password, and the epoch of the account. `None` if there is no such account or the
    /// password is wrong.
    ///
    /// One hash is verified in each case, so the time of the call does not reveal whether there is such an account.
    pub(crate) async fn authenticate(
        &self,
        email: &Email,
        typed: &TypedPassword,
    ) -> Result<Option<(UserId, i64)>, Error> {
        let Some(credentials) = self.store.find_credentials(email).await? else {
            self.hasher.verify_without_account(typed).map_err(Error::Hash)?;
            return Ok(None);
        };
        let is_right = self.hasher.verify(typed, &credentials.password_hash);
        let is_right = is_right.map_err(Error::Hash)?;
        Ok(is_right.then_some((credentials.user, credentials.epoch)))
    }

    /// Ends a session and the user's other sessions in the same browser. The caller is the issuer. It ends this session
    /// itself, and the revocation sends it the others. A deleted account has no sessions: then there is nothing to do.
    pub(crate) async fn end_session(&self, id: UserId, session: &SessionId) -> Result<(), Error> {
        let ended = self.store.end_session(id, session).await?;
        if let [_, others @ ..] = ended.as_slice() {
            self.revocations.revoked(id, EndedSessions::These(others)).await;
        }
        Ok(())
    }

    async fn revoke(&self, scope: AccessScope, id: UserId) -> Result<(), Error> {
        found(self.store.raise_epoch(scope, id).await?)?;
        self.revocations.revoked(id, EndedSessions::All).await;
        Ok(())
    }

    /// Reads a new account. The password is hashed only when all fields are valid: hashing is the most expensive work that an
    /// anonymous client can cause.
    fn parse(&self, request: CreateUser<'_>) -> Result<NewUser, Error> {
        let mut violations = Violations::default();
        let email = violations.take("email", request.email.parse());
        let password = violations.take("password", request.password.parse::<Password>());
        let name = violations.take("name", request.name.parse());
        let (Some(email), Some(password), Some(name)) = (email, password, name) else {
            return Err(Error::Invalid(violations));
        };
        let password_hash = self.hasher.hash(&password).map_err(Error::Hash)?;
        Ok(NewUser {
            id: UserId::generate(),
            email,
            password_hash,
            name,
        })
    }
}

/// The caller's access scope and the account that the request names, if it is within the scope. Access to another
/// user's account is denied before the account is read, so the answer does not reveal whether it exists.
fn owner_or_admin(caller: &Caller, id: &str) -> Result<(AccessScope, UserId), Error> {
    let scope = AccessScope::of(caller).ok_or(Error::Unauthenticated)?;
    let id = parse_id("id", id)?;
    let covered = scope.covers(id).then_some((scope, id));
    covered.ok_or(Error::PermissionDenied)
}

/// The access scope of an admin. Other callers are refused before their request is validated.
fn admin(caller: &Caller) -> Result<AccessScope, Error> {
    match AccessScope::of(caller) {
        Some(AccessScope::All) => Ok(AccessScope::All),
        Some(AccessScope::Own(_)) => Err(Error::AdminOnly),
        None => Err(Error::Unauthenticated),
    }
}

fn found(found: bool) -> Result<(), Error> {
    found.then_some(()).ok_or(Error::NotFound)
}
