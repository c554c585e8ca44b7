//! The user component alone, called through the WIT interface that it exports.

use std::time::Duration;

use futures::future::join_all;
use harness::{Setup, environment};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::service::call;
use bindings::akinai::commerce::types::{Caller, Error, PageRequest, Scope, UserCaller};
use bindings::exports::akinai::commerce::users::{
    NewUser, Token, User, UserChange, UserEvent, UserEventKind, UserPage,
};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "user-service" });
}

/// An instance of the component, over a database without accounts.
type Service = crate::service::Service<bindings::UserService>;

impl Service {
    async fn start() -> Self {
        Self::of(Setup::new().await).await
    }

    async fn of(setup: Setup) -> Self {
        let bind = |store: &mut _, instance: &_| bindings::UserService::new(store, instance);
        Self::named("user", setup, bind).await
    }

    async fn create(&mut self, email: &str, password: &str, name: &str) -> Result<User, Error> {
        let new = NewUser {
            email: email.to_owned(),
            password: password.to_owned(),
            name: name.to_owned(),
        };
        call!(
            self.akinai_commerce_users()
                .call_create_user(Caller::Anonymous, new)
        )
    }

    /// A new account with the password "correct horse".
    async fn open(&mut self, email: &str) -> User {
        let created = self.create(email, "correct horse", "Hana").await;
        created.expect("the account is made")
    }

    async fn get(&mut self, caller: Caller, id: &str) -> Result<User, Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_get_user(caller, id))
    }

    async fn update(
        &mut self,
        caller: Caller,
        id: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<User, Error> {
        let id = id.to_owned();
        let change = UserChange {
            email: email.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        call!(self.akinai_commerce_users().call_update_user(caller, id, change))
    }

    async fn delete(&mut self, caller: Caller, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_delete_user(caller, id))
    }

    async fn change_password(&mut self, caller: Caller, current: &str, new: &str) -> Result<(), Error> {
        let (current, new) = (current.to_owned(), new.to_owned());
        call!(
            self.akinai_commerce_users()
                .call_change_password(caller, current, new)
        )
    }

    async fn sign_out(&mut self, caller: Caller, everywhere: bool) -> Result<(), Error> {
        call!(self.akinai_commerce_users().call_sign_out(caller, everywhere))
    }

    async fn list(&mut self, caller: Caller, size: i32, token: &str) -> Result<UserPage, Error> {
        let page = PageRequest {
            size,
            token: token.to_owned(),
        };
        call!(self.akinai_commerce_users().call_list_users(caller, page))
    }

    async fn revoke(&mut self, caller: Caller, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        call!(self.akinai_commerce_users().call_revoke_user(caller, id))
    }

    async fn set_roles(&mut self, caller: Caller, id: &str, roles: &[&str]) -> Result<User, Error> {
        let id = id.to_owned();
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        call!(self.akinai_commerce_users().call_set_roles(caller, id, roles))
    }

    async fn events(&mut self, limit: i32) -> Result<Vec<UserEvent>, Error> {
        call!(
            self.akinai_commerce_users()
                .call_list_user_events(Caller::Anonymous, limit)
        )
    }

    async fn acknowledge(&mut self, ids: &[&str]) -> Result<(), Error> {
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        call!(
            self.akinai_commerce_users()
                .call_acknowledge_user_events(Caller::Anonymous, ids)
        )
    }

    /// Whether a token holds, and whether it is an admin's.
    async fn check(&mut self, token: Token) -> (bool, bool) {
        let status = call!(
            self.akinai_commerce_users()
                .call_check_session(Caller::Anonymous, token)
        );
        let status = status.expect("the token has all claims");
        (status.valid, status.admin)
    }
}

fn caller(id: &str, scopes: &[Scope]) -> Caller {
    Caller::User(UserCaller {
        id: id.to_owned(),
        scopes: scopes.to_vec(),
        session: None,
    })
}

fn in_session(id: &str, session: &str) -> Caller {
    Caller::User(UserCaller {
        id: id.to_owned(),
        scopes: Vec::new(),
        session: Some(session.to_owned()),
    })
}

fn admin() -> Caller {
    caller(&Uuid::now_v7().to_string(), &[Scope::Admin])
}

/// A token of this epoch that claims nothing else.
fn token(user: &str, epoch: i64) -> Token {
    Token {
        user_id: user.to_owned(),
        epoch: Some(epoch),
        session: None,
        issued_at: None,
        admin: false,
    }
}

/// The result of a call, in a word.
fn word<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(Error::InvalidArgument(violations)) => {
            let fields: Vec<_> = violations.iter().map(|violation| &*violation.field).collect();
            format!("invalid: {}", fields.join(", "))
        }
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_and_admins_read_an_account() {
    let mut service = Service::start().await;
    let created = service
        .create("Hana@example.com", "correct horse", " 花 ")
        .await
        .expect("the account is made");
    assert_eq!(
        (created.email.as_str(), created.name.as_str()),
        ("Hana@example.com", "花"),
        "as typed, trimmed"
    );
    let stranger = Uuid::now_v7().to_string();

    for reader in [caller(&created.id, &[]), caller(&stranger, &[Scope::Admin])] {
        let read = service
            .get(reader, &created.id)
            .await
            .expect("owner and admin may read the account");
        assert_eq!(
            format!("{read:?}"),
            format!("{created:?}"),
            "what is read must be what was made"
        );
    }
    let anonymous = service.get(Caller::Anonymous, &created.id).await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller must sign in first, but got {anonymous:?}"
    );
    // Whether there is such an account is not told to strangers.
    for id in [&created.id, &Uuid::now_v7().to_string()] {
        let denied = service.get(caller(&stranger, &[]), id).await;
        assert!(
            matches!(denied, Err(Error::PermissionDenied)),
            "a stranger must be denied {id}, but got {denied:?}"
        );
    }
    let own = service.get(caller(&stranger, &[]), &stranger).await;
    assert!(
        matches!(own, Err(Error::NotFound)),
        "who has no account finds none, but got {own:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_fields_and_taken_addresses_are_refused() {
    let mut service = Service::start().await;

    match service.create("no-address", "short", &"x".repeat(101)).await {
        Err(Error::InvalidArgument(violations)) => {
            let fields: Vec<_> = violations
                .iter()
                .map(|violation| violation.field.as_str())
                .collect();
            assert_eq!(
                fields,
                ["email", "password", "name"],
                "all wrong fields must be named"
            );
        }
        other => panic!("three wrong fields must be an invalid argument, but the answer was {other:?}"),
    }
    service
        .create("a@example.com", "correct horse", "")
        .await
        .expect("the address is free");
    let again = service.create("A@Example.com", "correct horse", "").await;
    assert!(
        matches!(again, Err(Error::AlreadyExists)),
        "the address is taken, but the answer was {again:?}"
    );

    let row = service
        .setup
        .database
        .sql()
        .query_one("select count(*) from user_service.users", &[])
        .await;
    assert_eq!(
        row.expect("a count").get::<_, i64>(0),
        1,
        "only the one account must have left a row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn update_changes_only_present_fields_and_a_repeat_changes_nothing() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    service.open("mina@example.com").await;
    let own = || caller(&hana.id, &[]);

    let renamed = service
        .update(own(), &hana.id, None, Some(" 花 "))
        .await
        .expect("the owner may");
    assert_eq!(
        (renamed.email.as_str(), renamed.name.as_str()),
        ("hana@example.com", "花"),
        "only the name must have changed"
    );
    assert!(
        renamed.updated_at > hana.updated_at && renamed.created_at == hana.created_at,
        "the time of the change must be kept, but is {renamed:?} after {hana:?}"
    );
    let again = service.update(own(), &hana.id, None, Some("花")).await;
    assert_eq!(
        again.expect("a repeat is no error").updated_at,
        renamed.updated_at,
        "a repeat must change nothing"
    );
    let moved = service
        .update(admin(), &hana.id, Some("HANA@example.net"), None)
        .await
        .expect("an admin may");
    assert_eq!(
        (moved.email.as_str(), moved.name.as_str()),
        ("HANA@example.net", "花"),
        "only the address must have changed"
    );
    service.open("hana@example.com").await;

    let stranger = || caller(&Uuid::now_v7().to_string(), &[]);
    let taken = service
        .update(own(), &hana.id, Some("MINA@example.com"), None)
        .await;
    assert!(
        matches!(taken, Err(Error::AlreadyExists)),
        "it is taken, but: {taken:?}"
    );
    let denied = service.update(stranger(), &hana.id, None, Some("stolen")).await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "a stranger may not, but: {denied:?}"
    );
    let wrong = service.update(own(), &hana.id, Some(""), Some("a\0b")).await;
    assert_eq!(
        word(wrong),
        "invalid: email, name",
        "all wrong fields must be named"
    );
    let unchanged = service.get(own(), &hana.id).await.expect("the account is there");
    assert_eq!(
        format!("{unchanged:?}"),
        format!("{moved:?}"),
        "what is refused must change nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_account_loses_its_tokens_and_frees_its_address() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let own = || caller(&hana.id, &[]);

    let denied = service
        .delete(caller(&Uuid::now_v7().to_string(), &[]), &hana.id)
        .await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "a stranger may not, but: {denied:?}"
    );
    service.delete(own(), &hana.id).await.expect("the owner may");

    let again = service.delete(own(), &hana.id).await;
    assert!(
        matches!(again, Err(Error::NotFound)),
        "it is gone, but: {again:?}"
    );
    let read = service.get(own(), &hana.id).await;
    assert!(matches!(read, Err(Error::NotFound)), "it is gone, but: {read:?}");
    for epoch in [0, 1] {
        assert_eq!(
            service.check(token(&hana.id, epoch)).await,
            (false, false),
            "no token of a deleted account may hold, whatever its epoch"
        );
    }
    let other = service.open("hana@example.com").await;
    assert_ne!(other.id, hana.id, "the address must open another account");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_is_listed_as_an_event_until_it_is_acknowledged() {
    let mut service = Service::start().await;
    let mut users = Vec::new();
    for name in ["hana", "mina", "kei"] {
        users.push(service.open(&format!("{name}@example.com")).await.id);
    }
    let own = caller(&users[0], &[]);
    service.delete(own, &users[0]).await.expect("the owner may");
    service.delete(admin(), &users[1]).await.expect("an admin may");
    for (by, id) in [(admin(), &users[1]), (caller(&users[0], &[]), &users[2])] {
        let refused = service.delete(by, id).await;
        assert!(refused.is_err(), "gone already, or another's: {refused:?}");
    }

    let told = service.events(10).await.expect("a list");
    let who: Vec<&str> = told.iter().map(|event| event.user_id.as_str()).collect();
    assert_eq!(who, users[..2], "who was deleted, in that order, once");
    assert!(
        told.iter().all(|event| event.kind == UserEventKind::Deleted),
        "{told:?}"
    );
    assert_eq!(
        service.events(1).await.expect("a list")[0].id,
        told[0].id,
        "the oldest first, and again"
    );
    let unknown = Uuid::now_v7().to_string();
    for attempt in ["once", "again"] {
        let done = service.acknowledge(&[&told[0].id, &unknown]).await;
        assert!(done.is_ok(), "{attempt}: {done:?}");
        let left = service.events(10).await.expect("a list");
        let left: Vec<&str> = left.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(left, [told[1].id.as_str()], "{attempt}: what is left");
    }
    let many = vec![unknown.as_str(); 1001];
    for wrong in [&[][..], &["42"], &many[..]] {
        assert_eq!(word(service.acknowledge(wrong).await), "invalid: ids");
    }
    for limit in [0, -1, 1001] {
        assert_eq!(word(service.events(limit).await), "invalid: limit", "{limit}");
    }

    let sql = service.setup.database.sql();
    sql.batch_execute(
        "update user_service.outbox set acknowledged_at = now() - interval '8 days' where acknowledged_at is not null",
    )
    .await
    .expect("a week goes by");
    service.acknowledge(&[&told[1].id]).await.expect("acknowledged");
    let sql = service.setup.database.sql();
    let left = sql
        .query_one("select array_agg(id)::text from user_service.outbox", &[])
        .await;
    assert_eq!(
        left.expect("rows").get::<_, String>(0),
        format!("{{{}}}", told[1].id),
        "what was acknowledged a week ago is gone, and the news is not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_password_needs_the_current_one_and_revokes_all_tokens() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let own = || caller(&hana.id, &[]);

    let wrong = service
        .change_password(own(), "correct horsE", "battery staple")
        .await;
    assert!(
        matches!(wrong, Err(Error::PermissionDenied)),
        "the password is wrong, but: {wrong:?}"
    );
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (true, false),
        "a wrong password must end nothing"
    );
    let short = service.change_password(own(), "correct horse", "short").await;
    assert_eq!(word(short), "invalid: newPassword");
    service
        .change_password(own(), "correct horse", "battery staple")
        .await
        .expect("the password is right");
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (false, false),
        "tokens from before must not hold"
    );
    assert_eq!(
        service.check(token(&hana.id, 1)).await,
        (true, false),
        "tokens from after must hold"
    );
    let old = service
        .change_password(own(), "correct horse", "something else")
        .await;
    assert!(
        matches!(old, Err(Error::PermissionDenied)),
        "the old password must not count, but: {old:?}"
    );
    let anonymous = service
        .change_password(Caller::Anonymous, "battery staple", "something else")
        .await;
    assert!(
        matches!(anonymous, Err(Error::Unauthenticated)),
        "an anonymous caller must sign in first, but: {anonymous:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_this_session_or_all_sessions() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let mina = service.open("mina@example.com").await;
    let of_session = |user: &User, session: &str| Token {
        session: Some(session.to_owned()),
        ..token(&user.id, 0)
    };

    for attempt in ["once", "again"] {
        let done = service.sign_out(in_session(&hana.id, "phone"), false).await;
        assert!(done.is_ok(), "{attempt}: {done:?}");
    }
    for (token, holds, which) in [
        (of_session(&hana, "phone"), false, "the session that ended"),
        (of_session(&hana, "desk"), true, "another session"),
        (
            of_session(&mina, "phone"),
            true,
            "another user's session of that name",
        ),
        (token(&hana.id, 0), true, "no session"),
    ] {
        assert_eq!(
            service.check(token).await.0,
            holds,
            "whether a token of {which} holds"
        );
    }
    let nameless = service.sign_out(caller(&hana.id, &[]), false).await;
    assert!(
        matches!(nameless, Err(Error::FailedPrecondition)),
        "a token without a session can only be ended with all others, but: {nameless:?}"
    );
    service
        .sign_out(caller(&hana.id, &[]), true)
        .await
        .expect("a user may sign out everywhere");
    assert!(
        !service.check(of_session(&hana, "desk")).await.0,
        "no token from before may hold"
    );
    assert!(
        service.check(token(&mina.id, 0)).await.0,
        "another user's tokens must hold"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_list_living_accounts_oldest_first() {
    let mut service = Service::start().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(service.open(&format!("{number}@example.com")).await.id);
    }
    service.delete(admin(), &ids[1]).await.expect("an admin may");
    let listed = |page: &UserPage| page.users.iter().map(|user| user.id.clone()).collect::<Vec<_>>();

    let first = service.list(admin(), 2, "").await.expect("a page");
    assert_eq!(
        listed(&first),
        [ids[0].clone(), ids[2].clone()],
        "the first page must hold the oldest that live"
    );
    let second = service
        .list(admin(), 2, &first.next_page_token)
        .await
        .expect("a page");
    assert_eq!(
        listed(&second),
        [ids[3].clone()],
        "the second page must hold the rest"
    );
    assert_eq!(second.next_page_token, "", "and be the last");

    let denied = service.list(caller(&ids[0], &[]), 2, "").await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "a user may not, but: {denied:?}"
    );
    let wrong = service.list(admin(), 101, "?").await;
    assert_eq!(
        word(wrong),
        "invalid: pageSize, pageToken",
        "all wrong fields must be named"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_revoke_tokens_and_set_roles() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let unknown = Uuid::now_v7().to_string();
    let claims_admin = |epoch| Token {
        admin: true,
        ..token(&hana.id, epoch)
    };

    // Not even their own account, and not even an unknown one.
    for id in [&hana.id, &unknown] {
        let revoked = service.revoke(caller(&hana.id, &[]), id).await;
        assert!(
            matches!(revoked, Err(Error::PermissionDenied)),
            "a user may not revoke {id}, but: {revoked:?}"
        );
        let set = service.set_roles(caller(&hana.id, &[]), id, &["admin"]).await;
        assert!(
            matches!(set, Err(Error::PermissionDenied)),
            "a user may not make {id} an admin, but: {set:?}"
        );
    }
    let missing = service.revoke(admin(), &unknown).await;
    assert!(
        matches!(missing, Err(Error::NotFound)),
        "there is no such account, but: {missing:?}"
    );
    let other = service.set_roles(admin(), &hana.id, &["admin", "root"]).await;
    assert_eq!(word(other), "invalid: roles");

    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, false),
        "a claim without the role is worth nothing"
    );
    let roles = service.set_roles(admin(), &hana.id, &["admin", "admin"]).await;
    assert_eq!(
        roles.expect("an admin may").roles,
        ["admin"],
        "a role counts once"
    );
    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, true),
        "a claim with the role counts"
    );
    let roles = service.set_roles(admin(), &hana.id, &[]).await;
    assert!(
        roles.expect("an admin may").roles.is_empty(),
        "no role may be left"
    );
    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, false),
        "a role that is gone must not count"
    );

    service.revoke(admin(), &hana.id).await.expect("an admin may");
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (false, false),
        "a token from before must not hold"
    );
    assert!(
        service.get(caller(&hana.id, &[]), &hana.id).await.is_ok(),
        "the account must stay"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn token_without_an_epoch_is_checked_by_its_issue_time() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let issued = |micros| Token {
        epoch: None,
        issued_at: Some(micros),
        ..token(&hana.id, 0)
    };
    let hour = 3_600_000_000;

    assert!(
        service.check(issued(hana.created_at - hour)).await.0,
        "nothing was revoked yet, so every token holds"
    );
    service.revoke(admin(), &hana.id).await.expect("an admin may");
    for (micros, holds) in [(hana.created_at - hour, false), (hana.created_at + hour, true)] {
        assert_eq!(
            service.check(issued(micros)).await.0,
            holds,
            "whether a token of {micros} holds that was revoked just after {}",
            hana.created_at
        );
    }
    let never = Uuid::now_v7().to_string();
    assert_eq!(
        service.check(token(&never, 7)).await,
        (true, false),
        "a subject that never was a user has nothing to revoke"
    );
    let timeless = Token {
        epoch: None,
        ..token(&never, 0)
    };
    let timeless = call!(
        service
            .akinai_commerce_users()
            .call_check_session(Caller::Anonymous, timeless)
    );
    assert_eq!(word(timeless), "invalid: issuedAt");
}

/// A connection to the shared Redis as its administrator, who may see everything.
struct Redis(BufReader<TcpStream>);

impl Redis {
    async fn connect() -> Self {
        let (host, port) = &environment().redis;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let mut redis = Self(BufReader::new(stream.expect("Redis listens")));
        redis
            .send(&format!("AUTH admin {}", environment().password("redis.admin")))
            .await;
        assert_eq!(redis.line().await, "+OK", "the administrator is let in");
        redis
    }

    async fn send(&mut self, command: &str) {
        let sent = self.0.write_all(format!("{command}\r\n").as_bytes()).await;
        sent.expect("Redis takes commands");
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let reading = tokio::time::timeout(Duration::from_secs(5), self.0.read_line(&mut line));
        reading
            .await
            .expect("Redis answers within 5 s")
            .expect("Redis answers");
        line.trim_end().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_sets_a_mark_and_is_published() {
    let setup = Setup::new().await.variable("redis_prefix", "akinai:marked");
    let mut service = Service::of(setup).await;
    let hana = service.open("hana@example.com").await;
    let mut subscriber = Redis::connect().await;
    subscriber.send("SUBSCRIBE user.logout").await;
    while subscriber.line().await != ":1" {}

    service.revoke(admin(), &hana.id).await.expect("an admin may");

    // Other tests publish on the same channel.
    let start = format!(r#"{{"user_id":"{}","timestamp":"2"#, hana.id);
    while !subscriber.line().await.starts_with(&start) {}
    let mut redis = Redis::connect().await;
    redis
        .send(&format!("TTL akinai:marked:revoked:{}", hana.id))
        .await;
    let ttl = redis.line().await;
    let seconds: i64 = ttl.trim_start_matches(':').parse().expect("a number of seconds");
    assert!(
        (500..=600).contains(&seconds),
        "the mark must stay for ten minutes, but stays {seconds} s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_works_without_redis() {
    let closed = xtask::services::free_port().expect("a port without a listener");
    let setup = Setup::new().await.variable("redis_port", closed.to_string());
    let mut service = Service::of(setup).await;
    let hana = service.open("hana@example.com").await;

    let revoked = service.revoke(admin(), &hana.id).await;

    assert!(revoked.is_ok(), "Redis is a cache, but: {revoked:?}");
    assert!(
        !service.check(token(&hana.id, 0)).await.0,
        "a token from before must not hold"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_concurrent_deletions_succeeds() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let users = service.component.akinai_commerce_users();
    let answers = service
        .store
        .run_concurrent(async |accessor| {
            join_all(
                (0..16).map(|_| users.call_delete_user(accessor, caller(&hana.id, &[]), hana.id.clone())),
            )
            .await
        })
        .await
        .expect("the component does not trap");
    let (mut done, mut gone) = (0, 0);
    for answer in answers {
        match answer.expect("the component does not trap") {
            Ok(()) => done += 1,
            Err(Error::NotFound) => gone += 1,
            Err(other) => panic!("it must be deleted or gone, but: {other:?}"),
        }
    }
    assert_eq!(
        (done, gone),
        (1, 15),
        "one must delete it, the others find it gone"
    );
    let told = service.events(10).await.expect("a list");
    assert_eq!(told.len(), 1, "and it is told of once: {told:?}");
}
