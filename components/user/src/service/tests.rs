use std::cell::{Cell, RefCell};

use kernel::{EventId, Scope, UserCaller};

use super::*;
use crate::domain::EventKind;

/// An account in memory.
#[derive(Clone)]
struct Account {
    user: User,
    hash: PasswordHash,
    epoch: i64,
    is_deleted: bool,
    ended: Vec<SessionId>,
    begun: Vec<(Login, BrowserId)>,
}

impl Account {
    fn holds(&self, login: &Login) -> bool {
        self.epoch == login.epoch && !self.ended.contains(&login.session)
    }
}

/// A store in memory, for the rules above alone. The real one is tested against Postgres.
#[derive(Default)]
struct Memory {
    accounts: RefCell<Vec<Account>>,
    /// What happened, and was not acknowledged.
    outbox: RefCell<Vec<Event>>,
    /// How often anything was asked of it.
    visits: Cell<usize>,
}

impl Memory {
    /// Does something to the living account with this id, if it is within reach.
    fn with<T>(&self, reach: Reach, id: UserId, work: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.visits.set(self.visits.get() + 1);
        let mut accounts = self.accounts.borrow_mut();
        let meant = |account: &&mut Account| account.user.id == id && reach.covers(id) && !account.is_deleted;
        accounts.iter_mut().find(meant).map(work)
    }

    fn is_taken(&self, key: &str, but: UserId) -> bool {
        let accounts = self.accounts.borrow();
        let takes = |account: &Account| account.user.email.key() == key && account.user.id != but;
        accounts
            .iter()
            .any(|account| !account.is_deleted && takes(account))
    }

    fn epoch(&self, id: UserId) -> i64 {
        let accounts = self.accounts.borrow();
        let account = accounts.iter().find(|account| account.user.id == id);
        account.expect("the account was made").epoch
    }
}

impl Store for &Memory {
    async fn add(&self, new: NewUser) -> Result<User, TakenError> {
        if self.is_taken(new.email.key(), new.id) {
            return Err(TakenError::Taken);
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

    async fn find(&self, reach: Reach, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.with(reach, id, |account| account.user.clone()))
    }

    async fn list(
        &self,
        reach: Reach,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        self.visits.set(self.visits.get() + 1);
        let accounts = self.accounts.borrow();
        let users = accounts.iter().filter(|account| !account.is_deleted);
        let users = users.map(|account| account.user.clone());
        Ok(users
            .filter(|user| reach.covers(user.id) && after.is_none_or(|token| user.id.uuid() > token.key()))
            .take(limit as usize)
            .collect())
    }

    async fn update(&self, reach: Reach, id: UserId, change: Change) -> Result<Option<User>, TakenError> {
        if let Some(email) = &change.email
            && self.is_taken(email.key(), id)
        {
            return Err(TakenError::Taken);
        }
        Ok(self.with(reach, id, |account| {
            let Change { email, name } = change;
            account.user.email = email.unwrap_or(account.user.email.clone());
            account.user.name = name.unwrap_or(account.user.name.clone());
            account.user.clone()
        }))
    }

    async fn delete(&self, reach: Reach, id: UserId) -> Result<bool, StoreError> {
        let deleted = self.with(reach, id, |account| {
            account.is_deleted = true;
            account.epoch += 1;
        });
        self.outbox.borrow_mut().extend(deleted.map(|()| Event {
            id: EventId::generate(),
            kind: EventKind::Deleted,
            user: id,
            occurred_at: Timestamp::from_unix_micros(0),
        }));
        Ok(deleted.is_some())
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        Ok(self.with(Reach::Own(id), id, |account| account.hash.clone()))
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<bool, StoreError> {
        let replaced = self.with(Reach::Own(id), id, |account| {
            let is_current = account.hash == old;
            if is_current {
                account.hash = new;
                account.epoch += 1;
            }
            is_current
        });
        Ok(replaced.unwrap_or(false))
    }

    async fn raise_epoch(&self, reach: Reach, id: UserId) -> Result<bool, StoreError> {
        Ok(self.with(reach, id, |account| account.epoch += 1).is_some())
    }

    async fn end_session(&self, id: UserId, session: &SessionId) -> Result<Vec<SessionId>, StoreError> {
        let ended = self.with(Reach::Own(id), id, |account| {
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

    async fn set_roles(&self, reach: Reach, id: UserId, roles: &Roles) -> Result<Option<User>, StoreError> {
        Ok(self.with(reach, id, |account| {
            account.user.roles = roles.names().to_vec();
            account.user.clone()
        }))
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let accounts = self.accounts.borrow();
        let mut living = accounts.iter().filter(|account| !account.is_deleted);
        let account = living.find(|account| account.user.email.key() == email.key());
        Ok(account.map(|account| Credentials {
            user: account.user.id,
            password_hash: account.hash.clone(),
            epoch: account.epoch,
        }))
    }

    async fn start_session(&self, login: &Login, browser: &BrowserId) -> Result<bool, StoreError> {
        let started = self.with(Reach::All, login.user, |account| {
            let holds = account.holds(login);
            if holds {
                account.begun.push((login.clone(), browser.clone()));
            }
            holds
        });
        Ok(started.unwrap_or(false))
    }

    async fn resume_session(&self, id: UserId, session: &SessionId) -> Result<Option<Login>, StoreError> {
        let resumed = self.with(Reach::All, id, |account| {
            let mut begun = account.begun.iter().map(|(login, _)| login);
            begun
                .find(|login| login.session == *session && account.holds(login))
                .cloned()
        });
        Ok(resumed.flatten())
    }

    async fn whose(&self, login: &Login) -> Result<Option<User>, StoreError> {
        let found = self.with(Reach::All, login.user, |account| {
            account.holds(login).then(|| account.user.clone())
        });
        Ok(found.flatten())
    }

    async fn standing(
        &self,
        id: UserId,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        let accounts = self.accounts.borrow();
        let account = accounts.iter().find(|account| account.user.id == id);
        Ok(account.map(|account| Standing {
            is_deleted: account.is_deleted,
            epoch: account.epoch,
            epoch_changed_at: Timestamp::from_unix_micros(0),
            roles: account.user.roles.clone(),
            session_ended: session.is_some_and(|session| account.ended.contains(session)),
        }))
    }

    async fn events(&self, limit: EventLimit) -> Result<Vec<Event>, StoreError> {
        let outbox = self.outbox.borrow();
        Ok(outbox.iter().take(limit.get()).copied().collect())
    }

    async fn acknowledge(&self, ids: &EventIds) -> Result<(), StoreError> {
        let is_meant = |event: &Event| ids.iter().any(|id| id == event.id);
        self.outbox.borrow_mut().retain(|event| !is_meant(event));
        Ok(())
    }
}

/// Counts instead of hashing, and keeps the password: what a hash is made of is tested where it is made.
#[derive(Default)]
struct Counter(Cell<usize>);

impl PasswordHasher for &Counter {
    fn hash(&self, password: &Password) -> Result<PasswordHash, String> {
        self.0.set(self.0.get() + 1);
        Ok(PasswordHash(String::from_utf8_lossy(password.as_bytes()).into()))
    }

    fn verify(&self, guess: &Guess, hash: &PasswordHash) -> Result<bool, String> {
        self.0.set(self.0.get() + 1);
        Ok(guess.as_bytes() == hash.0.as_bytes())
    }

    fn verify_nobodys(&self, _: &Guess) -> Result<(), String> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

/// Remembers whose revocations were told, and which sessions ended with them.
#[derive(Default)]
struct Recorder {
    users: RefCell<Vec<UserId>>,
    sessions: RefCell<Vec<String>>,
}

impl Revocations for &Recorder {
    async fn revoked(&self, user: UserId, sessions: Sessions<'_>) {
        self.users.borrow_mut().push(user);
        self.sessions.borrow_mut().push(match sessions {
            Sessions::These(sessions) => {
                let names: Vec<_> = sessions.iter().map(SessionId::as_str).collect();
                names.join(" ")
            }
            Sessions::All => "all".into(),
        });
    }
}

/// Accounts over memory, and what is seen of them from behind.
#[derive(Default)]
struct World {
    memory: Memory,
    counter: Counter,
    recorder: Recorder,
}

impl World {
    fn accounts(&self) -> Accounts<&Memory, &Counter, &Recorder> {
        Accounts::new(&self.memory, &self.counter, &self.recorder)
    }

    /// Opens an account with the password "correct horse".
    fn open(&self, email: &str) -> UserId {
        let made = run(self.accounts().create_user(&Caller::Anonymous, request(email)));
        made.expect("the address is free").id
    }

    /// Whose revocations were told since this was last asked.
    fn told(&self) -> Vec<UserId> {
        self.recorder.users.take()
    }

    /// How many hashes were made or verified since this was last asked.
    fn hashes(&self) -> usize {
        self.counter.0.take()
    }

    fn check(&self, user: UserId, epoch: i64, session: Option<&str>, admin: bool) -> (bool, bool) {
        let id = user.to_string();
        let request = CheckSession {
            user_id: &id,
            epoch: Some(epoch),
            session_id: session,
            issued_at: None,
            admin,
        };
        let verdict = run(self.accounts().check_session(&Caller::Anonymous, request)).unwrap();
        (verdict.valid, verdict.admin)
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

fn user(id: UserId) -> Caller {
    signed_in(id, &[], None)
}

fn an_admin() -> Caller {
    signed_in(UserId::generate(), &[Scope::Admin], None)
}

fn signed_in(id: UserId, scopes: &[Scope], session: Option<&str>) -> Caller {
    Caller::User(UserCaller {
        id,
        scopes: scopes.to_vec(),
        session: session.map(|session| session.parse().unwrap()),
    })
}

/// What an answer is, in a word.
fn word<T>(answer: Result<T, Error>) -> String {
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

/// Every use case that takes the id of an account, by its name and whether it is for admins alone.
const ABOUT_ONE: [(&str, bool); 5] = [
    ("GetUser", false),
    ("UpdateUser", false),
    ("DeleteUser", false),
    ("RevokeUser", true),
    ("SetRoles", true),
];

fn call(world: &World, name: &str, caller: &Caller, id: &str) -> String {
    let accounts = world.accounts();
    let change = UpdateUser {
        id,
        email: None,
        name: Some("Mina"),
    };
    match name {
        "GetUser" => word(run(accounts.get_user(caller, id))),
        "UpdateUser" => word(run(accounts.update_user(caller, change))),
        "DeleteUser" => word(run(accounts.delete_user(caller, id))),
        "RevokeUser" => word(run(accounts.revoke_user(caller, id))),
        "SetRoles" => word(run(accounts.set_roles(caller, id, &[]))),
        other => panic!("{other} is no use case"),
    }
}

#[test]
fn an_email_address_opens_one_account() {
    let world = World::default();
    let made = run(world
        .accounts()
        .create_user(&Caller::Anonymous, request("mina@example.com")));
    let made = made.unwrap();
    assert_eq!(
        (made.email.as_str(), made.name.as_str()),
        ("mina@example.com", "Mina")
    );

    for same in ["MINA@example.com", "ｍｉｎａ@example.com"] {
        let again = run(world.accounts().create_user(&Caller::Anonymous, request(same)));
        assert_eq!(word(again), "already exists", "{same}");
    }
}

#[test]
fn both_forms_of_a_domain_are_one_account_and_sign_in_to_it() {
    for (first, second) in [
        ("x@bücher.example", "X@XN--BCHER-KVA.example"),
        ("x@xn--bcher-kva.example", "x@bücher.example"),
    ] {
        let world = World::default();
        let accounts = world.accounts();
        let made = run(accounts.create_user(&Caller::Anonymous, request(first))).unwrap();
        assert_eq!(
            made.email.as_str(),
            "x@bücher.example",
            "what people read is shown"
        );
        let again = run(accounts.create_user(&Caller::Anonymous, request(second)));
        assert_eq!(word(again), "already exists", "{first} and then {second}");
        let guess = "correct horse".parse().unwrap();
        let known = run(accounts.authenticate(&second.parse().unwrap(), &guess)).unwrap();
        assert_eq!(
            known,
            Some((made.id, 0)),
            "{second} signs in to the account of {first}"
        );
    }
}

#[test]
fn characters_that_cannot_be_seen_make_no_account_and_no_name() {
    let world = World::default();
    let accounts = world.accounts();
    for email in [
        "mina@exam\u{200b}ple.com",
        "mi\u{ad}na@example.com",
        "mina@example.com\u{200e}",
    ] {
        let answer = run(accounts.create_user(&Caller::Anonymous, request(email)));
        assert_eq!(word(answer), "invalid: email", "{email:?}");
    }
    let blank = CreateUser {
        name: "\u{200b}\u{3164}",
        ..request("mina@example.com")
    };
    assert_eq!(
        word(run(accounts.create_user(&Caller::Anonymous, blank))),
        "invalid: name"
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_hashed() {
    let world = World::default();
    let long = "x".repeat(101);
    let request = CreateUser {
        email: "mina",
        password: "short",
        name: &long,
    };
    let answer = run(world.accounts().create_user(&Caller::Anonymous, request));
    assert_eq!(word(answer), "invalid: email, password, name");
    assert_eq!(world.hashes(), 0, "a request that is refused costs no hash");
}

#[test]
fn an_account_is_for_its_owner_and_for_admins() {
    for (name, admins_only) in ABOUT_ONE {
        let unknown = UserId::generate();
        let own = if admins_only { "admins only" } else { "done" };
        let others = if admins_only { "admins only" } else { "not yours" };
        let own_unknown = if admins_only { "admins only" } else { "not found" };
        let world = World::default();
        let (mina, hana) = (world.open("mina@example.com"), world.open("hana@example.com"));
        let admin = an_admin();
        let cases = [
            (Caller::Anonymous, mina, "unauthenticated"),
            (Caller::Anonymous, unknown, "unauthenticated"),
            (user(hana), mina, others),
            (user(hana), unknown, others),
            (user(unknown), unknown, own_unknown),
            (admin.clone(), unknown, "not found"),
            (user(hana), hana, own),
            (admin, mina, "done"),
        ];
        for (caller, id, expected) in cases {
            let got = call(&world, name, &caller, &id.to_string());
            assert_eq!(got, expected, "{name}: {caller:?} and the account {id}");
        }
    }
}

#[test]
fn whoever_is_denied_learns_nothing_because_nothing_is_looked_up() {
    let world = World::default();
    let (mina, hana) = (world.open("mina@example.com"), world.open("hana@example.com"));
    for (name, _) in ABOUT_ONE {
        for caller in [Caller::Anonymous, user(hana)] {
            call(&world, name, &caller, &mina.to_string());
        }
        call(&world, name, &Caller::Anonymous, "42");
    }
    for caller in [Caller::Anonymous, user(hana)] {
        run(world.accounts().list_users(&caller, 0, "")).unwrap_err();
    }
    assert_eq!(world.memory.visits.get(), 0, "the store was asked");
    assert_eq!(world.told(), [], "revocations were told");
}

#[test]
fn a_malformed_id_is_named() {
    let world = World::default();
    for (name, _) in ABOUT_ONE {
        for id in ["", "42", "0190163d8694739baea5966c26f8ad91"] {
            assert_eq!(
                call(&world, name, &an_admin(), id),
                "invalid: id",
                "{name} of {id:?}"
            );
        }
    }
}

#[test]
fn an_update_changes_what_is_present_and_nothing_else() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let id = mina.to_string();
    world.open("hana@example.com");
    let long = "x".repeat(101);
    let cases = [
        (None, None, "done", "mina@example.com", "Mina"),
        (None, Some(" 美奈\n"), "done", "mina@example.com", "美奈"),
        (None, Some(""), "done", "mina@example.com", ""),
        (
            Some(" MINA@example.com"),
            Some("M"),
            "done",
            "MINA@example.com",
            "M",
        ),
        (Some("m@example.com"), None, "done", "m@example.com", "M"),
        (
            Some("HANA@example.com"),
            None,
            "already exists",
            "m@example.com",
            "M",
        ),
        (Some(""), None, "invalid: email", "m@example.com", "M"),
        (
            Some("x"),
            Some(&*long),
            "invalid: email, name",
            "m@example.com",
            "M",
        ),
    ];
    for (email, name, expected, email_then, name_then) in cases {
        let request = UpdateUser { id: &id, email, name };
        let answer = word(run(world.accounts().update_user(&user(mina), request)));
        assert_eq!(answer, expected, "an update with {email:?} and {name:?}");
        let then = run(world.accounts().get_user(&user(mina), &id)).unwrap();
        assert_eq!(
            (then.email.as_str(), then.name.as_str()),
            (email_then, name_then),
            "after an update with {email:?} and {name:?}"
        );
    }
    assert_eq!(world.told(), [], "an update revokes nothing");
    assert_eq!(world.memory.epoch(mina), 0, "an update leaves tokens as they are");
}

#[test]
fn a_deleted_account_is_gone_with_its_tokens_and_leaves_its_address() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let id = mina.to_string();

    assert_eq!(call(&world, "DeleteUser", &user(mina), &id), "done");
    assert_eq!(world.told(), [mina], "the edge is told");
    assert_eq!(world.memory.epoch(mina), 1, "the epoch is raised");
    assert_eq!(
        world.check(mina, 1, None, false),
        (false, false),
        "no token holds"
    );

    for (name, _) in ABOUT_ONE {
        let got = call(&world, name, &an_admin(), &id);
        assert_eq!(got, "not found", "{name} of a deleted account");
    }
    assert_eq!(world.told(), [], "what is not found revokes nothing");
    assert_ne!(
        world.open("mina@example.com"),
        mina,
        "the address opens another account"
    );
}

#[test]
fn who_deletes_an_account_leaves_an_event_until_it_is_acknowledged() {
    let world = World::default();
    let [mina, hana, kept] = ["mina", "hana", "kept"].map(|name| world.open(&format!("{name}@example.com")));
    let told = |limit| {
        let events = run(world.accounts().list_user_events(&Caller::Anonymous, limit)).unwrap();
        events
            .into_iter()
            .map(|event| (event.id.to_string(), event.user))
            .collect::<Vec<_>>()
    };
    let acknowledge = |ids: &[String]| {
        word(run(world
            .accounts()
            .acknowledge_user_events(&Caller::Anonymous, ids)))
    };
    assert_eq!(told(10), [], "nothing has happened yet");

    // By its owner, by an admin, and again, which finds nothing; another's is refused.
    assert_eq!(call(&world, "DeleteUser", &user(mina), &mina.to_string()), "done");
    assert_eq!(call(&world, "DeleteUser", &an_admin(), &hana.to_string()), "done");
    assert_eq!(
        call(&world, "DeleteUser", &an_admin(), &hana.to_string()),
        "not found"
    );
    assert_eq!(
        call(&world, "DeleteUser", &user(hana), &kept.to_string()),
        "not yours"
    );

    let events = told(10);
    let users: Vec<_> = events.iter().map(|(_, user)| *user).collect();
    assert_eq!(users, [mina, hana], "one event for each, the oldest first");
    assert_eq!(
        told(10),
        events,
        "they are told again until they are acknowledged"
    );
    assert_eq!(told(1), events[..1], "and no more than were asked for");
    for _ in 0..2 {
        assert_eq!(
            acknowledge(&[events[0].0.clone()]),
            "done",
            "a repeat does no harm"
        );
        assert_eq!(told(10), events[1..], "what is acknowledged is not told again");
    }
    assert_eq!(
        acknowledge(&[EventId::generate().to_string()]),
        "done",
        "one that there is not is passed over"
    );
    assert_eq!(acknowledge(&[]), "invalid: ids");
    assert_eq!(acknowledge(&["42".into()]), "invalid: ids");
    for limit in [0, -1, 1001] {
        let listed = run(world.accounts().list_user_events(&Caller::Anonymous, limit));
        assert_eq!(word(listed), "invalid: limit", "a limit of {limit}");
    }
}

#[test]
fn a_new_password_takes_the_current_one_and_ends_all_tokens() {
    let long = "x".repeat(129);
    let cases = [
        ("correct horse", "battery staple", "done", 2),
        ("correct horsE", "battery staple", "wrong password", 1),
        ("x", "battery staple", "wrong password", 1),
        ("correct horse", "short", "invalid: newPassword", 0),
        ("", "battery staple", "invalid: currentPassword", 0),
        (&long, &long, "invalid: currentPassword, newPassword", 0),
    ];
    for (current, new, expected, hashes) in cases {
        let world = World::default();
        let mina = world.open("mina@example.com");
        world.hashes();
        let request = ChangePassword { current, new };
        let answer = run(world.accounts().change_password(&user(mina), request));
        assert_eq!(word(answer), expected, "from {current:?} to {new:?}");
        assert_eq!(
            world.hashes(),
            hashes,
            "the hashes that it cost, from {current:?} to {new:?}"
        );

        let done = expected == "done";
        assert_eq!(
            world.memory.epoch(mina),
            i64::from(done),
            "the epoch after {expected}"
        );
        assert_eq!(
            world.told().len(),
            usize::from(done),
            "what is told after {expected}"
        );
        let (opens, no_more) = if done {
            (new, current)
        } else {
            ("correct horse", new)
        };
        for (password, right) in [(no_more, false), (opens, true)] {
            let request = ChangePassword {
                current: password,
                new: "something else",
            };
            let changed = run(world.accounts().change_password(&user(mina), request)).is_ok();
            assert_eq!(
                changed, right,
                "whether {password:?} is the password after {expected}"
            );
        }
    }
}

#[test]
fn a_password_is_changed_by_its_user_alone() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let cases = [
        (Caller::Anonymous, "unauthenticated"),
        (user(UserId::generate()), "not found"),
        // Their own is what admins change, too.
        (an_admin(), "not found"),
        (signed_in(mina, &[Scope::Admin], None), "done"),
    ];
    for (caller, expected) in cases {
        let request = ChangePassword {
            current: "correct horse",
            new: "battery staple",
        };
        let answer = run(world.accounts().change_password(&caller, request));
        assert_eq!(word(answer), expected, "{caller:?}");
    }
}

#[test]
fn a_password_that_changes_meanwhile_is_not_replaced() {
    /// Lets another change come first, between the look at the current password and its replacement.
    struct Meddler<'a>(&'a Memory);

    impl PasswordHasher for Meddler<'_> {
        fn hash(&self, _: &Password) -> Result<PasswordHash, String> {
            Ok(PasswordHash("the second change".into()))
        }

        fn verify(&self, _: &Guess, _: &PasswordHash) -> Result<bool, String> {
            self.0.accounts.borrow_mut()[0].hash = PasswordHash("the first change".into());
            Ok(true)
        }

        fn verify_nobodys(&self, _: &Guess) -> Result<(), String> {
            Ok(())
        }
    }

    let world = World::default();
    let mina = world.open("mina@example.com");
    let accounts = Accounts::new(&world.memory, Meddler(&world.memory), &world.recorder);
    let request = ChangePassword {
        current: "correct horse",
        new: "battery staple",
    };
    let answer = run(accounts.change_password(&user(mina), request));
    assert_eq!(word(answer), "wrong password", "it is another one by now");
    let kept = world.memory.accounts.borrow()[0].hash.clone();
    assert_eq!(kept.0, "the first change", "the first change stands");
    assert_eq!(world.told(), [], "nothing was revoked");
}

#[test]
fn signing_out_ends_this_session_or_all_of_them() {
    let here = Some("here");
    // Session, everywhere → answer, then whether tokens of this session, of another and of none hold.
    let cases = [
        (here, false, "done", [false, true, true]),
        (here, true, "done", [false, false, false]),
        (None, true, "done", [false, false, false]),
        (None, false, "no session", [true, true, true]),
    ];
    for (session, everywhere, expected, hold) in cases {
        let world = World::default();
        let (mina, hana) = (world.open("mina@example.com"), world.open("hana@example.com"));
        let caller = signed_in(mina, &[], session);
        for attempt in ["once", "again"] {
            let answer = run(world.accounts().sign_out(&caller, everywhere));
            assert_eq!(
                word(answer),
                expected,
                "{session:?}, everywhere: {everywhere}, {attempt}"
            );
        }
        let told = if expected == "done" { vec![mina; 2] } else { vec![] };
        assert_eq!(world.told(), told, "{session:?}, everywhere: {everywhere}");
        let held = [here, Some("there"), None].map(|session| world.check(mina, 0, session, false).0);
        assert_eq!(held, hold, "{session:?}, everywhere: {everywhere}");
        assert_eq!(
            world.check(hana, 0, here, false),
            (true, false),
            "another user's session of that name goes on"
        );
    }
}

#[test]
fn signing_out_takes_an_account() {
    let world = World::default();
    for everywhere in [false, true] {
        let sign_out = |caller| word(run(world.accounts().sign_out(&caller, everywhere)));
        assert_eq!(sign_out(Caller::Anonymous), "unauthenticated");
        let nobody = signed_in(UserId::generate(), &[], Some("here"));
        assert_eq!(sign_out(nobody), "not found", "everywhere: {everywhere}");
    }
    assert_eq!(world.told(), [], "nothing was revoked");
}

#[test]
fn admins_list_every_living_account_once_and_nobody_else_lists_any() {
    let world = World::default();
    let ids: Vec<UserId> = (0..8)
        .map(|number| world.open(&format!("{number}@example.com")))
        .collect();
    run(world.accounts().delete_user(&an_admin(), &ids[3].to_string())).unwrap();
    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let page = run(world.accounts().list_users(&an_admin(), 3, &token)).unwrap();
        assert!(page.items.len() <= 3, "a page of 3 has {}", page.items.len());
        listed.extend(page.items.into_iter().map(|user| user.id));
        match page.next {
            Some(next) => token = next.encode(),
            None => break,
        }
    }
    let living: Vec<UserId> = ids.iter().copied().filter(|id| *id != ids[3]).collect();
    assert_eq!(listed, living, "oldest first");

    let cases = [
        (Caller::Anonymous, 0, "", "unauthenticated"),
        (user(ids[0]), 0, "", "admins only"),
        (user(ids[0]), -1, "?", "admins only"),
        (an_admin(), 101, "nonsense", "invalid: pageSize, pageToken"),
    ];
    for (caller, size, token, expected) in cases {
        let answer = run(world.accounts().list_users(&caller, size, token));
        assert_eq!(word(answer), expected, "{caller:?}, {size}, {token:?}");
    }
}

#[test]
fn what_an_admin_revokes_ends_and_the_account_stays() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    assert_eq!(call(&world, "RevokeUser", &an_admin(), &mina.to_string()), "done");
    assert_eq!(world.told(), [mina], "the edge is told");
    assert_eq!(
        world.check(mina, 0, None, false),
        (false, false),
        "a token from before ends"
    );
    assert_eq!(
        world.check(mina, 1, None, false),
        (true, false),
        "one from after holds"
    );
    assert_eq!(call(&world, "GetUser", &user(mina), &mina.to_string()), "done");
}

#[test]
fn a_role_taken_away_is_gone_from_tokens_that_claim_it() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let set = |roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|&role| role.into()).collect();
        run(world.accounts().set_roles(&an_admin(), &mina.to_string(), &roles))
    };
    assert_eq!(world.check(mina, 0, None, true), (true, false), "never had it");
    assert_eq!(set(&["admin", "admin"]).unwrap().roles, ["admin"]);
    assert_eq!(world.check(mina, 0, None, true), (true, true), "has it");
    assert_eq!(
        world.check(mina, 0, None, false),
        (true, false),
        "does not claim it"
    );
    assert_eq!(set(&[]).unwrap().roles, [""; 0]);
    assert_eq!(world.check(mina, 0, None, true), (true, false), "has it no more");
    assert_eq!(world.told(), [mina, mina], "the edge is told each time");

    assert_eq!(word(set(&["admin", "root"])), "invalid: roles");
    let both = run(world
        .accounts()
        .set_roles(&an_admin(), "42", &["root".to_owned()]));
    assert_eq!(word(both), "invalid: id, roles");
    assert_eq!(world.told(), [], "what is refused revokes nothing");
}

#[test]
fn a_subject_that_never_was_a_user_has_nothing_to_revoke() {
    let world = World::default();
    let nobody = UserId::generate();
    assert_eq!(world.check(nobody, 7, Some("here"), true), (true, false));
}

#[test]
fn a_token_is_checked_only_if_it_says_what_matters() {
    let world = World::default();
    let id = UserId::generate().to_string();
    let now = Some(Timestamp::from_unix_micros(0));
    let cases = [
        (&*id, Some(0), None, None, "done"),
        (&*id, None, None, now, "done"),
        (&*id, None, Some("here"), now, "done"),
        (&*id, None, None, None, "invalid: issuedAt"),
        (
            "machine",
            None,
            Some("two words"),
            None,
            "invalid: userId, sessionId, issuedAt",
        ),
    ];
    for (user_id, epoch, session_id, issued_at, expected) in cases {
        let request = CheckSession {
            user_id,
            epoch,
            session_id,
            issued_at,
            admin: false,
        };
        let answer = run(world.accounts().check_session(&Caller::Anonymous, request));
        assert_eq!(
            word(answer),
            expected,
            "{user_id}, {epoch:?}, {session_id:?}, {issued_at:?}"
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

#[test]
fn one_hash_is_verified_whoever_signs_in() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let deleted = world.open("deleted@example.com");
    let gone = run(world.accounts().delete_user(&user(deleted), &deleted.to_string()));
    assert_eq!(word(gone), "done");
    world.hashes();
    let cases = [
        ("mina@example.com", "correct horse", Some((mina, 0))),
        ("MINA@example.com", "correct horse", Some((mina, 0))),
        ("mina@example.com", "Correct horse", None),
        ("nobody@example.com", "correct horse", None),
        ("deleted@example.com", "correct horse", None),
    ];
    for (email, password, expected) in cases {
        let (email, guess) = (email.parse().unwrap(), password.parse().unwrap());
        let known = run(world.accounts().authenticate(&email, &guess)).unwrap();
        assert_eq!(known, expected, "{email:?}");
        assert_eq!(world.hashes(), 1, "{email:?} costs what any other does");
    }
}

fn browser(name: &str) -> BrowserId {
    BrowserId(name.into())
}

#[test]
fn a_login_holds_until_anything_ends_it() {
    type End = fn(&World, UserId);
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
            run(world.accounts().end_session(mina, &session)).unwrap();
        }),
        ("deleting the account", |world, mina| {
            run(world.accounts().delete_user(&user(mina), &mina.to_string())).unwrap();
        }),
    ];
    for (what, end) in ends {
        let world = World::default();
        let mina = world.open("mina@example.com");
        let made = login(mina, "s", 0);
        let accounts = world.accounts();
        assert_eq!(
            run(accounts.resume_session(mina, &made.session)).unwrap(),
            None,
            "not begun"
        );
        assert!(run(accounts.start_session(&made, &browser("b"))).unwrap());
        let resumed = run(accounts.resume_session(mina, &made.session)).unwrap();
        assert_eq!(resumed.as_ref(), Some(&made), "it goes on");
        assert_eq!(run(accounts.whose(&made)).unwrap().unwrap().id, mina);

        end(&world, mina);
        assert_eq!(
            run(accounts.resume_session(mina, &made.session)).unwrap(),
            None,
            "{what}"
        );
        assert_eq!(run(accounts.whose(&made)).unwrap(), None, "{what}");
        assert!(
            !run(accounts.start_session(&made, &browser("b"))).unwrap(),
            "{what}: it does not begin again"
        );
        assert_eq!(world.told(), [mina], "{what} is told to others");
    }
}

#[test]
fn the_issuer_hears_which_sessions_end() {
    let world = World::default();
    let mina = world.open("mina@example.com");
    let accounts = world.accounts();
    run(accounts.sign_out(&signed_in(mina, &[], Some("s")), false)).unwrap();
    run(accounts.set_roles(&an_admin(), &mina.to_string(), &[])).unwrap();
    run(accounts.end_session(mina, &"t".parse().unwrap())).unwrap();
    run(accounts.sign_out(&user(mina), true)).unwrap();
    run(accounts.revoke_user(&an_admin(), &mina.to_string())).unwrap();
    run(accounts.change_password(
        &user(mina),
        ChangePassword {
            current: "correct horse",
            new: "another horse",
        },
    ))
    .unwrap();
    run(accounts.delete_user(&user(mina), &mina.to_string())).unwrap();
    let told = world.recorder.sessions.take();
    assert_eq!(told, ["s", "", "", "all", "all", "all", "all"]);
}

#[test]
fn signing_out_ends_all_logins_of_the_user_in_this_browser() {
    type End = fn(&World, UserId);
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
            |world, mina| run(world.accounts().end_session(mina, &"new".parse().unwrap())).unwrap(),
            "old",
        ),
    ];
    for (what, end, told) in ends {
        let world = World::default();
        let (mina, noor) = (world.open("mina@example.com"), world.open("noor@example.com"));
        let accounts = world.accounts();
        let logins = [
            (mina, "old", "home", false),
            (mina, "phone", "phone", true),
            (noor, "noor", "home", true),
            (mina, "new", "home", false),
        ];
        for (user, session, place, _) in logins {
            run(accounts.start_session(&login(user, session, 0), &browser(place))).unwrap();
        }
        end(&world, mina);
        for (user, session, _, goes_on) in logins {
            let whose = run(accounts.whose(&login(user, session, 0))).unwrap();
            assert_eq!(whose.is_some(), goes_on, "{what}: {session}");
        }
        assert_eq!(
            world.recorder.sessions.take(),
            [told],
            "{what}: the issuer hears of them"
        );
    }
}
