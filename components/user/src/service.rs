//! The use cases of accounts: authorize, validate, decide.

pub(crate) use kernel::StoreError;
use kernel::{
    Caller, Email, ListScope, Page, PageRequest, PageToken, SessionId, Timestamp, UserId, Violations,
};

use crate::domain::{
    BrowserId, Change, Claims, Credentials, Event, EventIds, EventLimit, Guess, Issued, Login, NewUser,
    Password, PasswordHash, Reach, Roles, Standing, User, Verdict,
};

/// Where accounts are kept. Each function is one statement; those that answer `bool` say whether there was such a living
/// account within reach.
pub(crate) trait Store {
    /// Adds an account.
    async fn add(&self, user: NewUser) -> Result<User, TakenError>;

    /// The living account with this id, if it is within reach.
    async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError>;

    /// Living accounts within reach, oldest first, after the one that the token names and at most `limit` of them.
    async fn list(&self, reach: Reach, after: Option<PageToken>, limit: u32)
    -> Result<Vec<User>, StoreError>;

    /// Changes an account; one that is as wanted already is left alone.
    async fn update(&self, reach: Reach, id: UserId, change: Change) -> Result<Option<User>, TakenError>;

    /// Deletes an account, and with it all its tokens, and leaves an event.
    async fn delete(&self, reach: Reach, id: UserId) -> Result<bool, StoreError>;

    /// What is kept of the password of a living account.
    async fn password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Replaces a password and ends all tokens, unless the password is another one by now: then it answers `false`.
    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Ends all tokens of an account by raising its epoch.
    async fn raise_epoch(&self, reach: Reach, id: UserId) -> Result<bool, StoreError>;

    /// Ends a session of an account, and all others that began in the same browser. Those that it has ended, this one first
    /// and the newest of the others after it; none if there is no such living account. One that has ended already stays so.
    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError>;

    /// Gives an account these roles and no others.
    async fn set_roles(&self, reach: Reach, id: UserId, roles: &Roles) -> Result<Option<User>, StoreError>;

    /// What is kept of the password of the living account with this e-mail address.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;

    /// Remembers a login and the browser that it was made in, unless its session has been ended or its epoch is over: then it
    /// answers `false`.
    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError>;

    /// The login that was made in a session, if nothing has ended it since.
    async fn resume_session(&self, id: UserId, session: &SessionId) -> Result<Option<Login>, StoreError>;

    /// Whose login it is, if nothing has ended it since.
    async fn whose(&self, login: &Login) -> Result<Option<User>, StoreError>;

    /// Where an account and one session of it stand; a deleted account stands somewhere, too.
    async fn standing(&self, id: UserId, session: Option<&SessionId>)
    -> Result<Option<Standing>, StoreError>;

    /// Events that were not acknowledged, oldest first.
    async fn events(&self, limit: EventLimit) -> Result<Vec<Event>, StoreError>;

    /// Notes that these events were acknowledged, as far as there are such events.
    async fn acknowledge(&self, ids: &EventIds) -> Result<(), StoreError>;
}

/// What turns a password into what is kept of it. Both functions are costly on purpose, and the texts of their errors are
/// for the log.
pub(crate) trait PasswordHasher {
    /// Hashes with a new salt.
    fn hash(&self, password: &Password) -> Result<PasswordHash, String>;

    /// Whether the hash is this password's.
    fn verify(&self, guess: &Guess, hash: &PasswordHash) -> Result<bool, String>;

    /// Takes as long as [`PasswordHasher::verify`], for a password of nobody's.
    fn verify_nobodys(&self, guess: &Guess) -> Result<(), String>;
}

/// Who is told that tokens of a user were revoked, so that nobody goes on with what they know of them. Safety does not
/// depend on it: what is known of a token is forgotten within a minute anyway.
pub(crate) trait Revocations {
    /// Tells it, as well as can be done: what fails is logged, and the revocation stands.
    async fn revoked(&self, user: UserId, sessions: Sessions<'_>);
}

/// Which of a user's sessions at the issuer end with a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions<'a> {
    /// These. None where all go on, or the issuer ends the one that is meant by itself.
    These(&'a [SessionId]),
    /// All, and what was granted in them.
    All,
}

/// Why an account did not get its e-mail address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakenError {
    /// Another living account has this e-mail address.
    #[error("the e-mail address is taken")]
    Taken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a use case has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Invalid(Violations),
    #[error("nobody is signed in")]
    Unauthenticated,
    #[error("this account is not the caller's")]
    PermissionDenied,
    #[error("only admins may")]
    AdminOnly,
    #[error("the current password is another one")]
    WrongPassword,
    #[error("the caller's token names no session")]
    NoSession,
    #[error("no such account")]
    NotFound,
    #[error("an account with this e-mail address exists")]
    AlreadyExists,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account to open, as the person typed it.
pub(crate) struct CreateUser<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) name: &'a str,
}

impl From<TakenError> for Error {
    fn from(error: TakenError) -> Self {
        match error {
            TakenError::Taken => Self::AlreadyExists,
            TakenError::Store(error) => Self::Store(error),
        }
    }
}

/// A change of an account, as the person typed it.
#[derive(Clone, Copy)]
pub(crate) struct UpdateUser<'a> {
    pub(crate) id: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// A password and the one that it replaces, as the person typed them.
pub(crate) struct ChangePassword<'a> {
    pub(crate) current: &'a str,
    pub(crate) new: &'a str,
}

/// A token to check, as it speaks of itself.
pub(crate) struct CheckSession<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) epoch: Option<i64>,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) admin: bool,
}

/// Accounts over a store.
pub(crate) struct Accounts<S, H, R> {
    store: S,
    hasher: H,
    revocations: R,
}

impl<S: Store, H: PasswordHasher, R: Revocations> Accounts<S, H, R> {
    pub(crate) fn new(store: S, hasher: H, revocations: R) -> Self {
        Self {
            store,
            hasher,
            revocations,
        }
    }

    /// Opens an account, for anyone.
    pub(crate) async fn create_user(&self, _: &Caller, request: CreateUser<'_>) -> Result<User, Error> {
        let user = self.parse(request)?;
        Ok(self.store.add(user).await?)
    }

    /// An account, for its owner and for admins.
    pub(crate) async fn get_user(&self, caller: &Caller, id: &str) -> Result<User, Error> {
        let (reach, id) = owner_or_admin(caller, id)?;
        self.store.find(reach, id).await?.ok_or(Error::NotFound)
    }

    /// Changes an account, for its owner and for admins.
    pub(crate) async fn update_user(&self, caller: &Caller, request: UpdateUser<'_>) -> Result<User, Error> {
        let (reach, id) = owner_or_admin(caller, request.id)?;
        let change = request.parse().map_err(Error::Invalid)?;
        self.store.update(reach, id, change).await?.ok_or(Error::NotFound)
    }

    /// Deletes an account, for its owner and for admins. Its tokens end with it, its e-mail address is free again, and whoever
    /// keeps something of its user hears of it.
    pub(crate) async fn delete_user(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let (reach, id) = owner_or_admin(caller, id)?;
        found(self.store.delete(reach, id).await?)?;
        self.revocations.revoked(id, Sessions::All).await;
        Ok(())
    }

    /// Replaces the caller's own password, for users, and ends every token issued before.
    ///
    /// The new password is hashed only when the current one is right: a wrong one costs one hash, a right one two. It
    /// replaces the very hash that was verified: of two changes at once, the second meets another password.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        request: ChangePassword<'_>,
    ) -> Result<(), Error> {
        let Caller::User(user) = caller else {
            return Err(Error::Unauthenticated);
        };
        let (current, new) = request.parse().map_err(Error::Invalid)?;
        let old = self.store.password_hash(user.id).await?.ok_or(Error::NotFound)?;
        let is_right = self.hasher.verify(&current, &old).map_err(Error::Hash)?;
        if !is_right {
            return Err(Error::WrongPassword);
        }
        let new = self.hasher.hash(&new).map_err(Error::Hash)?;
        if !self.store.replace_password(user.id, old, new).await? {
            return Err(Error::WrongPassword);
        }
        self.revocations.revoked(user.id, Sessions::All).await;
        Ok(())
    }

    /// Ends the session of the caller's token, with all others that the same browser has of the caller, or all of the caller's
    /// sessions, for users.
    ///
    /// A token that names no session can only be ended with all others. That must be asked for: who signs out of one
    /// device does not expect to be signed out of the rest.
    pub(crate) async fn sign_out(&self, caller: &Caller, everywhere: bool) -> Result<(), Error> {
        let Caller::User(user) = caller else {
            return Err(Error::Unauthenticated);
        };
        if everywhere {
            found(self.store.raise_epoch(Reach::Own(user.id), user.id).await?)?;
            self.revocations.revoked(user.id, Sessions::All).await;
            return Ok(());
        }
        let session = user.session.as_ref().ok_or(Error::NoSession)?;
        let ended = self.store.end_session(user.id, session).await?;
        found(!ended.is_empty())?;
        self.revocations.revoked(user.id, Sessions::These(&ended)).await;
        Ok(())
    }

    /// A page of the living accounts, oldest first, for admins.
    pub(crate) async fn list_users(
        &self,
        caller: &Caller,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<User>, Error> {
        let reach = admin(caller)?;
        // All admins have the same list.
        let scope = ListScope::of("users", []);
        let page = PageRequest::parse(page_size, page_token, scope).map_err(Error::Invalid)?;
        // One more than asked for tells whether there is a next page.
        let users = self.store.list(reach, page.token, page.size.get() + 1).await?;
        Ok(Page::cut(users, &page, |user| user.id.uuid()))
    }

    /// Ends all tokens and sessions of a user, for admins. The account stays.
    pub(crate) async fn revoke_user(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let reach = admin(caller)?;
        let id = parse_id("id", id).map_err(Error::Invalid)?;
        found(self.store.raise_epoch(reach, id).await?)?;
        self.revocations.revoked(id, Sessions::All).await;
        Ok(())
    }

    /// Replaces the roles of a user, for admins. Tokens that claim a role taken away stay the user's, without it.
    pub(crate) async fn set_roles(&self, caller: &Caller, id: &str, roles: &[String]) -> Result<User, Error> {
        let reach = admin(caller)?;
        let mut violations = Violations::default();
        let id = violations.take("id", id.parse());
        let roles = violations.take("roles", Roles::parse(roles));
        let (Some(id), Some(roles)) = (id, roles) else {
            return Err(Error::Invalid(violations));
        };
        let user = self.store.set_roles(reach, id, &roles).await?;
        let user = user.ok_or(Error::NotFound)?;
        self.revocations.revoked(id, Sessions::These(&[])).await;
        Ok(user)
    }

    /// Whether a token still holds, for the edge, which asks before it knows of anybody: that is why the caller does not
    /// matter here. That the edge asks and nobody else is seen to at the door.
    pub(crate) async fn check_session(
        &self,
        _: &Caller,
        request: CheckSession<'_>,
    ) -> Result<Verdict, Error> {
        let claims = request.parse().map_err(Error::Invalid)?;
        let standing = self.store.standing(claims.user, claims.session.as_ref()).await?;
        Ok(Verdict::on(&claims, standing.as_ref()))
    }

    /// What happened to accounts and was not acknowledged yet, for the order component, which asks on nobody's behalf. That it
    /// asks and nobody else is seen to at the door.
    pub(crate) async fn list_user_events(&self, _: &Caller, limit: i32) -> Result<Vec<Event>, Error> {
        let limit = limit.try_into();
        let limit: EventLimit = limit.map_err(|error| Error::Invalid(Violations::one("limit", error)))?;
        Ok(self.store.events(limit).await?)
    }

    /// Takes note of what need not be told again, from the order component.
    pub(crate) async fn acknowledge_user_events(&self, _: &Caller, ids: &[String]) -> Result<(), Error> {
        let ids = EventIds::parse(ids).map_err(|error| Error::Invalid(Violations::one("ids", error)))?;
        Ok(self.store.acknowledge(&ids).await?)
    }

    /// Whose e-mail address and password these are, if anybody's; and in which epoch of theirs.
    ///
    /// One hash is verified whoever is meant: how long it takes tells nobody whether there is such an account.
    pub(crate) async fn authenticate(
        &self,
        email: &Email,
        guess: &Guess,
    ) -> Result<Option<(UserId, i64)>, Error> {
        let Some(credentials) = self.store.credentials(email).await? else {
            self.hasher.verify_nobodys(guess).map_err(Error::Hash)?;
            return Ok(None);
        };
        let is_right = self.hasher.verify(guess, &credentials.password_hash);
        let is_right = is_right.map_err(Error::Hash)?;
        Ok(is_right.then_some((credentials.user, credentials.epoch)))
    }

    /// Begins a session at a login by password. `false` if the session, or the epoch that the password was right in, has
    /// ended: whoever it is has to sign in to a new one.
    pub(crate) async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, Error> {
        Ok(self.store.start_session(login, browser).await?)
    }

    /// The login by which the issuer remembers a browser, if it still holds.
    pub(crate) async fn resume_session(
        &self,
        id: UserId,
        session: &SessionId,
    ) -> Result<Option<Login>, Error> {
        Ok(self.store.resume_session(id, session).await?)
    }

    /// Whose login it is, if it still holds.
    pub(crate) async fn whose(&self, login: &Login) -> Result<Option<User>, Error> {
        Ok(self.store.whose(login).await?)
    }

    /// Ends a session at the user's wish, with all others that the same browser has of the user. The issuer is ending that
    /// one by itself, and is told of the others.
    pub(crate) async fn end_session(&self, id: UserId, session: &SessionId) -> Result<(), Error> {
        let ended = self.store.end_session(id, session).await?;
        // The session of a user who is deleted has ended with them.
        if let [_, others @ ..] = ended.as_slice() {
            self.revocations.revoked(id, Sessions::These(others)).await;
        }
        Ok(())
    }

    /// The password is hashed only when all else is right: it is the costliest thing that a stranger can ask for.
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

/// What a caller reaches, and the account that they name, if it is within that. Another's is denied before it is looked
/// for: whether it exists is nobody's business.
fn owner_or_admin(caller: &Caller, id: &str) -> Result<(Reach, UserId), Error> {
    let reach = Reach::of(caller).ok_or(Error::Unauthenticated)?;
    let id = parse_id("id", id).map_err(Error::Invalid)?;
    let covered = reach.covers(id).then_some((reach, id));
    covered.ok_or(Error::PermissionDenied)
}

/// What an admin reaches. Nobody else gets any further, not even to what their request is worth.
fn admin(caller: &Caller) -> Result<Reach, Error> {
    match Reach::of(caller) {
        Some(Reach::All) => Ok(Reach::All),
        Some(Reach::Own(_)) => Err(Error::AdminOnly),
        None => Err(Error::Unauthenticated),
    }
}

fn parse_id(field: &'static str, id: &str) -> Result<UserId, Violations> {
    id.parse().map_err(|error| Violations::one(field, error))
}

fn found(found: bool) -> Result<(), Error> {
    found.then_some(()).ok_or(Error::NotFound)
}

impl UpdateUser<'_> {
    fn parse(&self) -> Result<Change, Violations> {
        let mut violations = Violations::default();
        let email = violations.take("email", self.email.map(str::parse).transpose());
        let name = violations.take("name", self.name.map(str::parse).transpose());
        email
            .zip(name)
            .map(|(email, name)| Change { email, name })
            .ok_or(violations)
    }
}

impl ChangePassword<'_> {
    fn parse(&self) -> Result<(Guess, Password), Violations> {
        let mut violations = Violations::default();
        let current = violations.take("currentPassword", self.current.parse());
        let new = violations.take("newPassword", self.new.parse());
        current.zip(new).ok_or(violations)
    }
}

impl CheckSession<'_> {
    fn parse(&self) -> Result<Claims, Violations> {
        let mut violations = Violations::default();
        let user = violations.take("userId", self.user_id.parse());
        let session = violations.take("sessionId", self.session_id.map(str::parse).transpose());
        let issued = self.epoch.map(Issued::In).or(self.issued_at.map(Issued::At));
        let issued = violations.take("issuedAt", issued.ok_or("must be there where epoch is not"));
        match (user, session, issued) {
            (Some(user), Some(session), Some(issued)) => Ok(Claims {
                user,
                issued,
                session,
                admin: self.admin,
            }),
            _ => Err(violations),
        }
    }
}

#[cfg(test)]
mod tests;
