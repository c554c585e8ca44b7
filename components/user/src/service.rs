//! The use cases of accounts: authorize, validate, decide.

use kernel::{Caller, UserId, Violations};

use crate::domain::{NewUser, Password, PasswordHash, Reach, User};

/// Where accounts are kept.
pub(crate) trait Store {
    /// Adds an account, in one statement.
    async fn add(&self, user: NewUser) -> Result<User, AddError>;

    /// The living account with this id, if it is within reach.
    async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError>;
}

/// What turns a password into what is kept of it.
pub(crate) trait PasswordHasher {
    /// Hashes with a new salt; the text of an error is for the log.
    fn hash(&self, password: &Password) -> Result<PasswordHash, String>;
}

/// Why the store has no answer. The texts are for the log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not reachable, or too slow: later may be better.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours: a statement that is wrong, a row that should not be.
    #[error("the database refused: {0}")]
    Failed(String),
}

/// Why an account was not added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    /// A living account has this e-mail address.
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

/// Accounts over a store.
pub(crate) struct Accounts<S, H> {
    store: S,
    hasher: H,
}

impl<S: Store, H: PasswordHasher> Accounts<S, H> {
    pub(crate) fn new(store: S, hasher: H) -> Self {
        Self { store, hasher }
    }

    /// Opens an account, for anyone.
    pub(crate) async fn create_user(&self, _: &Caller, request: CreateUser<'_>) -> Result<User, Error> {
        let user = self.parse(request)?;
        self.store.add(user).await.map_err(|error| match error {
            AddError::Taken => Error::AlreadyExists,
            AddError::Store(error) => Error::Store(error),
        })
    }

    /// An account, for its owner and for admins. Another's is denied before it is looked for: whether it exists is
    /// nobody's business.
    pub(crate) async fn get_user(&self, caller: &Caller, id: &str) -> Result<User, Error> {
        let reach = Reach::of(caller).ok_or(Error::Unauthenticated)?;
        let id = id
            .parse()
            .map_err(|error| Error::Invalid(Violations::one("id", error)))?;
        if !reach.covers(id) {
            return Err(Error::PermissionDenied);
        }
        self.store.find(reach, id).await?.ok_or(Error::NotFound)
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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use kernel::{Scope, Timestamp, UserCaller};

    use super::*;

    /// A store in memory, for the rules above alone. The real one is tested against Postgres.
    #[derive(Default)]
    struct Memory(RefCell<Vec<User>>);

    impl Store for &Memory {
        async fn add(&self, new: NewUser) -> Result<User, AddError> {
            let mut users = self.0.borrow_mut();
            if users.iter().any(|user| user.email.key() == new.email.key()) {
                return Err(AddError::Taken);
            }
            let now = Timestamp::from_unix_micros(0);
            let NewUser { id, email, name, .. } = new;
            users.push(User {
                id,
                email,
                name,
                roles: vec![],
                created_at: now,
                updated_at: now,
            });
            Ok(users[users.len() - 1].clone())
        }

        async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError> {
            Ok(self
                .0
                .borrow()
                .iter()
                .find(|user| user.id == id && reach.covers(id))
                .cloned())
        }
    }

    /// Counts instead of hashing: what a hash is made of is tested where it is made.
    #[derive(Default)]
    struct Counter(Cell<usize>);

    impl PasswordHasher for &Counter {
        fn hash(&self, _: &Password) -> Result<PasswordHash, String> {
            self.0.set(self.0.get() + 1);
            Ok(PasswordHash("hash".into()))
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        futures::executor::block_on(future)
    }

    fn request(email: &str) -> CreateUser<'_> {
        CreateUser {
            email,
            password: "correct horse",
            name: "Mina",
        }
    }

    fn user(id: UserId, scopes: Vec<Scope>) -> Caller {
        Caller::User(UserCaller { id, scopes })
    }

    #[test]
    fn an_email_address_opens_one_account() {
        let (memory, counter) = (Memory::default(), Counter::default());
        let accounts = Accounts::new(&memory, &counter);
        let made = run(accounts.create_user(&Caller::Anonymous, request("mina@example.com"))).unwrap();
        assert_eq!(
            (made.email.as_str(), made.name.as_str()),
            ("mina@example.com", "Mina")
        );

        let again = run(accounts.create_user(&Caller::Anonymous, request("MINA@example.com")));
        assert!(matches!(again, Err(Error::AlreadyExists)), "got {again:?}");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_nothing_is_hashed() {
        let (memory, counter) = (Memory::default(), Counter::default());
        let long = "x".repeat(101);
        let request = CreateUser {
            email: "mina",
            password: "short",
            name: &long,
        };
        let result = run(Accounts::new(&memory, &counter).create_user(&Caller::Anonymous, request));
        let Err(Error::Invalid(violations)) = result else {
            panic!("three faults make a request invalid")
        };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["email", "password", "name"]);
        assert_eq!(counter.0.get(), 0, "a request that is refused costs no hash");
    }

    #[test]
    fn an_account_is_seen_by_its_owner_and_by_admins() {
        let (memory, counter) = (Memory::default(), Counter::default());
        let accounts = Accounts::new(&memory, &counter);
        let id = run(accounts.create_user(&Caller::Anonymous, request("mina@example.com")))
            .unwrap()
            .id;
        let other = UserId::generate();
        let get = |caller, id: UserId| run(accounts.get_user(&caller, &id.to_string()));

        assert!(get(user(id, vec![]), id).is_ok(), "the owner sees it");
        assert!(
            get(user(other, vec![Scope::Admin]), id).is_ok(),
            "an admin sees it"
        );
        let cases = [
            (Caller::Anonymous, id, "unauthenticated"),
            (user(other, vec![]), id, "denied"),
            (user(id, vec![]), other, "denied"),
            (user(other, vec![]), other, "not found"),
            (user(id, vec![Scope::Admin]), other, "not found"),
        ];
        for (caller, id, expected) in cases {
            let got = match get(caller.clone(), id) {
                Err(Error::Unauthenticated) => "unauthenticated",
                Err(Error::PermissionDenied) => "denied",
                Err(Error::NotFound) => "not found",
                _ => "another answer",
            };
            assert_eq!(got, expected, "{caller:?} asking for {id}");
        }
    }
}
