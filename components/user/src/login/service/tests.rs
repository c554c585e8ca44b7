use std::{cell::RefCell, collections::HashMap, ops::Deref, time::Duration};

use kernel::{AccessScope, StoreError};

use super::*;
use crate::accounts::service::Ports;
use crate::accounts::testing::{CountingHasher, Memory, Recorder, World, request, run, signed_in, user};
use crate::login::domain::AttemptCount;

/// The ports in memory.
struct LoginsInMemory<'a>(std::marker::PhantomData<&'a ()>);

impl<'a> Ports for LoginsInMemory<'a> {
    type Store = &'a Memory;
    type Hasher = &'a CountingHasher;
    type Revocations = &'a Recorder;
}

impl<'a> LoginPorts for LoginsInMemory<'a> {
    type Logins = &'a Memory;
    type Attempts = &'a AttemptsInMemory;
}

impl LoginStore for &Memory {
    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError> {
        let started = self.with(AccessScope::All, login.user, |account| {
            let holds = account.is_valid(login);
            if holds {
                account.begun.push((login.clone(), browser.clone()));
            }
            holds
        });
        Ok(started.unwrap_or(false))
    }

    async fn resume_session(&self, id: UserId, session: &SessionId) -> Result<Option<Login>, StoreError> {
        let resumed = self.with(AccessScope::All, id, |account| {
            let mut begun = account.begun.iter().map(|(login, _)| login);
            begun
                .find(|login| login.session == *session && account.is_valid(login))
                .cloned()
        });
        Ok(resumed.flatten())
    }

    async fn find_user(&self, login: &Login) -> Result<Option<User>, StoreError> {
        let found = self.with(AccessScope::All, login.user, |account| {
            account.is_valid(login).then(|| account.user.clone())
        });
        Ok(found.flatten())
    }
}

/// Counts attempts in memory.
#[derive(Default)]
struct AttemptsInMemory(RefCell<HashMap<String, i64>>);

impl AttemptCounter for &AttemptsInMemory {
    async fn count(&self, subject: &AttemptSubject, window: Duration) -> Result<AttemptCount, String> {
        let mut counts = self.0.borrow_mut();
        let attempts = counts.entry(name(subject)).or_default();
        *attempts += 1;
        Ok(AttemptCount {
            attempts: *attempts,
            seconds_left: window.as_secs() as i64,
        })
    }

    async fn reset(&self, subject: &AttemptSubject) {
        self.0.borrow_mut().remove(&name(subject));
    }
}

fn name(subject: &AttemptSubject) -> String {
    match subject {
        AttemptSubject::Account(email) => email.key().to_owned(),
        AttemptSubject::Address(address) => address.to_string(),
    }
}

/// The use cases over memory.
#[derive(Default)]
struct LoginWorld {
    world: World,
    attempts: AttemptsInMemory,
}

impl Deref for LoginWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl LoginWorld {
    fn logins(&self) -> Logins<LoginsInMemory<'_>> {
        let World {
            memory,
            hasher,
            recorder,
        } = &self.world;
        Logins::new(Accounts::new(memory, hasher, recorder), memory, &self.attempts)
    }

    /// Tries a password at the address 203.0.113.7.
    fn try_password(&self, email: &str, password: &str) -> Result<AuthenticatedUser, LoginError> {
        run(self.logins().authenticate(ADDRESS, email, password))
    }
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

#[test]
fn sixth_attempt_on_an_account_is_refused_and_a_right_password_resets_the_count() {
    let world = LoginWorld::default();
    let mina = world.create("mina@example.com");
    world.create("hana@example.com");
    let wrong = |email| world.try_password(email, "wrong horse");
    for attempt in 1..=4 {
        let refused = wrong("mina@example.com");
        assert!(
            matches!(refused, Err(LoginError::WrongCredentials)),
            "attempt {attempt}"
        );
    }
    let signed_in = world.try_password("mina@example.com", "correct horse").unwrap();
    assert_eq!(signed_in, AuthenticatedUser { id: mina, epoch: 0 });
    for attempt in 1..=5 {
        let refused = wrong("mina@example.com");
        assert!(
            matches!(refused, Err(LoginError::WrongCredentials)),
            "attempt {attempt} after the reset"
        );
    }
    for email in ["mina@example.com", "MINA@example.com"] {
        match world.try_password(email, "correct horse") {
            Err(LoginError::AccountLimit(TooManyAttempts { retry_after: 900 })) => {}
            other => panic!("{email}, however it is spelled: {other:?}"),
        }
    }
    let other = wrong("hana@example.com");
    assert!(
        matches!(other, Err(LoginError::WrongCredentials)),
        "another account has its own count"
    );
}

#[test]
fn sixty_first_hash_for_a_client_address_is_refused() {
    let world = LoginWorld::default();
    for attempt in 0..60 {
        let refused = world.try_password(&format!("u{attempt}@example.com"), "wrong horse");
        assert!(
            matches!(refused, Err(LoginError::WrongCredentials)),
            "attempt {attempt}"
        );
    }
    world.hashes();
    let refused = run(world.logins().register(ADDRESS, request("mina@example.com")));
    assert!(matches!(refused, Err(LoginError::AddressLimit(_))), "{refused:?}");
    let refused = world.try_password("mina@example.com", "correct horse");
    assert!(matches!(refused, Err(LoginError::AddressLimit(_))), "{refused:?}");
    assert_eq!(world.hashes(), 0, "a refused attempt costs no hash");
    for (email, password) in [("mina", "correct horse"), ("mina@example.com", "")] {
        let refused = world.try_password(email, password);
        assert!(
            matches!(
                refused,
                Err(LoginError::InvalidEmail | LoginError::InvalidPassword)
            ),
            "a form with mistakes is not counted"
        );
    }
}

fn login(user: UserId, session: &str, epoch: i64) -> Login {
    Login {
        user,
        session: session.parse().unwrap(),
        epoch,
    }
}

fn browser(name: &str) -> BrowserId {
    BrowserId(name.into())
}

#[test]
fn login_is_valid_until_a_revocation_ends_it() {
    type End = fn(&LoginWorld, UserId);
    let ends: [(&str, End); 4] = [
        ("signing out", |world, mina| {
            let caller = signed_in(mina, &[], Some("s"));
            run(world.accounts().sign_out(&caller, false)).unwrap();
        }),
        ("signing out everywhere", |world, mina| {
            run(world.accounts().sign_out(&user(mina), true)).unwrap();
        }),
        ("the issuer's logout page", |world, mina| {
            let session = "s".parse().unwrap();
            run(world.logins().end_session(mina, &session)).unwrap();
        }),
        ("deleting the account", |world, mina| {
            run(world.accounts().delete_user(&user(mina), &mina.to_string())).unwrap();
        }),
    ];
    for (what, end) in ends {
        let world = LoginWorld::default();
        let mina = world.create("mina@example.com");
        let made = login(mina, "s", 0);
        assert_eq!(
            run(world.logins().resume_session(mina, &made.session)).unwrap(),
            None,
            "it has not begun"
        );
        assert!(run(world.logins().start_session(&made, &browser("b"))).unwrap());
        let resumed = run(world.logins().resume_session(mina, &made.session)).unwrap();
        assert_eq!(resumed.as_ref(), Some(&made), "it is valid");
        assert_eq!(run(world.logins().user_of(&made)).unwrap().unwrap().id, mina);

        end(&world, mina);
        assert_eq!(
            run(world.logins().resume_session(mina, &made.session)).unwrap(),
            None,
            "{what}"
        );
        assert_eq!(run(world.logins().user_of(&made)).unwrap(), None, "{what}");
        assert!(
            !run(world.logins().start_session(&made, &browser("b"))).unwrap(),
            "{what}: it does not begin again"
        );
        assert_eq!(world.revoked(), [mina], "{what} is announced");
    }
}

#[test]
fn signing_out_ends_all_logins_of_the_user_in_this_browser() {
    type End = fn(&LoginWorld, UserId);
    let ends: [(&str, End, &str); 2] = [
        (
            "the RPC",
            |world, mina| {
                run(world
                    .accounts()
                    .sign_out(&signed_in(mina, &[], Some("new")), false))
                .unwrap()
            },
            "new old",
        ),
        (
            "the issuer's logout page",
            |world, mina| run(world.logins().end_session(mina, &"new".parse().unwrap())).unwrap(),
            "old",
        ),
    ];
    for (what, end, ended) in ends {
        let world = LoginWorld::default();
        let (mina, noor) = (world.create("mina@example.com"), world.create("noor@example.com"));
        let logins = [
            (mina, "old", "home", false),
            (mina, "phone", "phone", true),
            (noor, "noor", "home", true),
            (mina, "new", "home", false),
        ];
        for (user, session, place, _) in logins {
            run(world
                .logins()
                .start_session(&login(user, session, 0), &browser(place)))
            .unwrap();
        }
        end(&world, mina);
        for (user, session, _, goes_on) in logins {
            let user = run(world.logins().user_of(&login(user, session, 0))).unwrap();
            assert_eq!(user.is_some(), goes_on, "{what}: {session}");
        }
        assert_eq!(
            world.recorder.sessions.take(),
            [ended],
            "{what}: the issuer has to end them"
        );
    }
}
