//! The private servers and the migrations with real servers: a Postgres and a Redis are started, stopped, killed and
//! migrated.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use xtask::migrate::{create_database, migrate, service_schemas};
use xtask::process::Scratch;
use xtask::secret::{Secret, Secrets};
use xtask::services::{Durability, Postgres, Redis, SECRETS_FILE};
use xtask::workspace::Workspace;

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url)
        .await
        .expect("Postgres accepts the connection")
}

#[tokio::test]
async fn postgres_keeps_its_data_and_port_over_a_restart() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let mut postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    let (url, port) = (postgres.admin_url(), postgres.port());
    let mut connection = connect(url.reveal()).await;
    connection
        .execute("create table kept as select 42 as answer")
        .await
        .expect("created");

    postgres.stop().await.expect("it stops");
    PgConnection::connect(url.reveal())
        .await
        .expect_err("a stopped server accepted a connection");
    postgres.start_again().await.expect("it starts again");

    assert_eq!(postgres.port(), port);
    let mut connection = connect(url.reveal()).await;
    let answer: i32 = sqlx::query_scalar("select answer from kept")
        .fetch_one(&mut connection)
        .await
        .expect("the row");
    assert_eq!(answer, 42, "the restart lost data");
}

#[tokio::test]
async fn postgres_requires_a_password_of_every_user() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    let url = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", postgres.port());
    let error = PgConnection::connect(&url)
        .await
        .expect_err("a wrong password was accepted")
        .to_string();
    assert!(
        error.contains("password authentication failed"),
        "refused for another reason: {error}"
    );
}

#[tokio::test]
async fn killed_postgres_starts_again() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let postgres = Postgres::start(scratch.path(), Durability::Kept)
        .await
        .expect("Postgres starts");
    let pid_file = scratch.path().join("postgres/data/postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).expect("a running server has a pid file");
    drop(postgres);
    // The state after a crash of the machine: the pid file is left, and its number belongs to another process now (this
    // one).
    let stale = text.replacen(
        text.lines().next().expect("a pid"),
        &std::process::id().to_string(),
        1,
    );
    std::fs::write(&pid_file, stale).expect("written");
    Postgres::start(scratch.path(), Durability::Kept)
        .await
        .expect("a stale pid file does not block the next start");
}

#[tokio::test]
async fn each_service_can_use_only_its_own_schema() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    let url = migrated(&postgres, scratch.path(), &Workspace::here().migrations()).await;
    // A second time: there is nothing to do.
    migrated(&postgres, scratch.path(), &Workspace::here().migrations()).await;

    let mut secrets = Secrets::open(&scratch.path().join(SECRETS_FILE)).expect("readable");
    let schemas = service_schemas(&Workspace::here().migrations()).expect("readable");
    let product = schemas
        .iter()
        .find(|schema| schema.service == "product")
        .expect("there is a product service");
    let password = product.password(&mut secrets).expect("kept");
    let superuser = url
        .reveal()
        .split('@')
        .next()
        .expect("a URL with a user")
        .to_owned();
    let as_product = format!("postgres://product_service:{}", password.reveal());
    let mut connection = connect(&url.reveal().replacen(&superuser, &as_product, 1)).await;

    connection
        .execute("select * from products")
        .await
        .expect("the service reads its table without naming the schema");
    for forbidden in [
        "select * from user_service.users",
        "create table mine ()",
        "create table public.mine ()",
        "create temporary table mine ()",
        "alter table products add column mine int",
        "drop table products",
        "select * from _sqlx_migrations",
        "create role mine",
        "copy products to program 'true'",
    ] {
        let error = connection
            .execute(forbidden)
            .await
            .expect_err(forbidden)
            .to_string();
        let reasons = ["permission denied", "must be owner", "must be superuser"];
        let refused = reasons.iter().any(|reason| error.contains(reason));
        assert!(
            refused,
            "`{forbidden}` failed, but not for a missing privilege: {error}"
        );
    }
}

#[tokio::test]
async fn migration_changed_after_it_ran_is_an_error() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let postgres = Postgres::start(scratch.path(), Durability::Disposable)
        .await
        .expect("Postgres starts");
    let migrations = scratch.path().join("migrations");
    let file = migrations.join("shop/20260101000000_first.sql");
    std::fs::create_dir_all(migrations.join("shop")).expect("created");
    std::fs::write(&file, "create table a ();").expect("written");
    migrated(&postgres, scratch.path(), &migrations).await;

    std::fs::write(&file, "create table b ();").expect("written");
    let schemas = service_schemas(&migrations).expect("readable");
    let mut secrets = Secrets::open(&scratch.path().join(SECRETS_FILE)).expect("readable");
    let error = migrate(&postgres.admin_url_of("shop"), &schemas, &mut secrets)
        .await
        .expect_err("a changed migration was accepted");
    assert!(
        format!("{error:#}").contains("20260101000000_*.sql was changed after"),
        "unclear: {error:#}"
    );
}

async fn migrated(postgres: &Postgres, folder: &Path, migrations: &Path) -> Secret {
    create_database(&postgres.admin_url(), "shop")
        .await
        .expect("created, or there already");
    let url = postgres.admin_url_of("shop");
    let mut secrets = Secrets::open(&folder.join(SECRETS_FILE)).expect("readable");
    let schemas = service_schemas(migrations).expect("readable");
    migrate(&url, &schemas, &mut secrets)
        .await
        .expect("the migrations run");
    url
}

fn login(redis: &Redis, component: &str) -> String {
    let (_, password) = redis
        .users()
        .find(|(user, _)| *user == component)
        .expect("a user of Redis");
    format!("AUTH {component} {}", password.reveal())
}

#[tokio::test]
async fn redis_lets_the_events_component_only_delete_copies() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let redis = Redis::start(scratch.path()).await.expect("Redis starts");
    let events = login(&redis, "events");

    for (allowed, expected) in [
        ("ZRANGE akinai:verdicts:0190 0 -1", "*0"),
        (
            "DEL akinai:verdicts:0190 akinai:verdict:abc akinai:copy:user:0190",
            ":0",
        ),
    ] {
        assert_eq!(
            answers(redis.port(), &[&events, allowed]).await,
            ["+OK", expected],
            "the subscriber needs `{allowed}`"
        );
    }
    for forbidden in [
        "GET akinai:verdict:abc",
        "SET akinai:verdict:abc value",
        "DEL akinai:jwks",
        "DEL akinai:revoked:0190",
        "PUBLISH user.logout hana",
        "SUBSCRIBE other",
        "EVAL \"return 1\" 1 akinai:verdict:abc",
        "FLUSHALL",
    ] {
        let answer = answers(redis.port(), &[&events, forbidden]).await;
        assert!(
            answer[1].starts_with("-NOPERM"),
            "the subscriber may `{forbidden}`: {answer:?}"
        );
    }
}

#[tokio::test]
async fn redis_lets_the_user_service_only_publish_revocations() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let redis = Redis::start(scratch.path()).await.expect("Redis starts");
    let user = login(&redis, "user");

    for (allowed, expected) in [
        ("PING", "+PONG"),
        ("SET akinai:revoked:0190 1 EX 7200", "+OK"),
        ("PUBLISH user.logout hana", ":0"),
        (
            "EVAL \"return redis.call('SET', KEYS[1], redis.call('TIME')[1], 'EX', 7200)\" 1 akinai:revoked:0190",
            "+OK",
        ),
    ] {
        assert_eq!(
            answers(redis.port(), &[&user, allowed]).await,
            ["+OK", expected],
            "the user service needs `{allowed}`"
        );
    }
    for forbidden in [
        "GET akinai:revoked:0190",
        "DEL akinai:revoked:0190",
        "SET akinai:verdict:0190 value",
        "PUBLISH other hana",
        "SUBSCRIBE user.logout",
        "EVAL \"return 1\" 1 akinai:verdict:0190",
        "SCRIPT FLUSH",
        "FLUSHALL",
    ] {
        let answer = answers(redis.port(), &[&user, forbidden]).await;
        assert!(
            answer[1].starts_with("-NOPERM"),
            "the user service may `{forbidden}`: {answer:?}"
        );
    }
}

#[tokio::test]
async fn redis_lets_the_order_service_only_publish_changes() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let redis = Redis::start(scratch.path()).await.expect("Redis starts");
    let order = login(&redis, "order");

    for (allowed, expected) in [
        ("PING", "+PONG"),
        ("GET akinai:order.events:version:0190", "$-1"),
        ("SET akinai:order.events:version:0190 2 EX 60", "+OK"),
        ("XADD akinai:order.events 1-1 id e1", "$3"),
        ("EXPIRE akinai:order.events 60", ":"),
        (
            "EVAL \"return redis.call('EXPIRE', KEYS[1], 60)\" 1 akinai:order.events",
            ":",
        ),
    ] {
        let answer = answers(redis.port(), &[&order, allowed]).await;
        assert!(
            answer[1].starts_with(expected),
            "the order service needs `{allowed}`, but: {answer:?}"
        );
    }
    for forbidden in [
        "DEL akinai:order.events",
        "XRANGE akinai:order.events - +",
        "SET akinai:verdict:0190 value",
        "GET akinai:jwks",
        "XADD akinai:other 1-1 id e1",
        "EVAL \"return 1\" 1 akinai:revoked:0190",
        "PUBLISH user.logout hana",
        "SCRIPT FLUSH",
        "FLUSHALL",
    ] {
        let answer = answers(redis.port(), &[&order, forbidden]).await;
        assert!(
            answer[1].starts_with("-NOPERM"),
            "the order service may `{forbidden}`: {answer:?}"
        );
    }
}

#[tokio::test]
async fn redis_lets_the_bff_use_only_its_own_keys() {
    let scratch = Scratch::new("test").expect("a temporary folder");
    let mut redis = Redis::start(scratch.path()).await.expect("Redis starts");
    let port = redis.port();
    let bff = login(&redis, "bff");

    assert_eq!(
        answers(port, &["PING"]).await,
        ["-NOAUTH Authentication required."]
    );
    assert_eq!(answers(port, &[&bff, "PING"]).await, ["+OK", "+PONG"]);
    for (allowed, expected) in [
        ("SET akinai:jwks:turn open PX 1000", "+OK"),
        (
            "EVAL \"return redis.call('GET', KEYS[1])\" 1 akinai:verdict:none",
            "$-1",
        ),
        ("DEL akinai:breaker:user akinai:breaker:user:probe", ":0"),
    ] {
        assert_eq!(
            answers(port, &[&bff, allowed]).await,
            ["+OK", expected],
            "the bff needs `{allowed}`"
        );
    }
    for forbidden in [
        "GET key",
        "SET key value",
        "EVAL \"return 1\" 1 key",
        "DEL akinai:jwks",
        "SET akinai:attempts:0190 0",
        "GET akinai:order.events:version:0190",
        "PUBLISH user.logout hana",
        "FLUSHALL",
        "CONFIG GET dir",
        "CLIENT KILL TYPE normal",
        "KEYS *",
    ] {
        let answer = answers(port, &[&bff, forbidden]).await;
        assert!(
            answer[1].starts_with("-NOPERM"),
            "the bff may `{forbidden}`: {answer:?}"
        );
    }

    redis.stop().await.expect("it stops");
    redis.start_again().await.expect("it starts again");
    assert_eq!(redis.port(), port);
    assert_eq!(answers(port, &[&bff, "PING"]).await, ["+OK", "+PONG"]);
}

/// Sends inline commands on one connection, and returns the first line of each answer.
async fn answers(port: u16, commands: &[&str]) -> Vec<String> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let mut stream = BufReader::new(
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens"),
    );
    let mut lines = Vec::new();
    for command in commands {
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await
            .expect("sent");
        let mut line = String::new();
        let reading = tokio::time::timeout(Duration::from_secs(5), stream.read_line(&mut line));
        reading.await.expect("an answer within 5 s").expect("read");
        lines.push(line.trim_end().to_owned());
    }
    lines
}
