//! The data for signing in, seeded into a real Postgres. A second run changes nothing, and no existing row is changed.

use anyhow::Context as _;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use xtask::migrate::{create_database, migrate, service_schemas};
use xtask::process::Scratch;
use xtask::secret::{Secret, Secrets};
use xtask::seed::{SignIn, account_secret};
use xtask::services::{Durability, Postgres, SECRETS_FILE};
use xtask::workspace::Workspace;

/// The content of all tables that seeding may write to, as one text.
const STATE: &str = "
    select jsonb_build_object(
        'keys', (select jsonb_agg(to_jsonb(k) order by id) from issuer_service.signing_keys k),
        'clients', (select jsonb_agg(to_jsonb(c) order by id) from issuer_service.clients c),
        'users', (select jsonb_agg(to_jsonb(u) order by id) from user_service.users u))::text";

/// A migrated database, and the secrets of one checkout.
struct World {
    connection: PgConnection,
    secrets: Secrets,
    scratch: Scratch,
    _postgres: Postgres,
}

impl World {
    async fn new() -> World {
        let scratch = Scratch::new("test").expect("a temporary folder");
        let postgres = Postgres::start(scratch.path(), Durability::Disposable)
            .await
            .expect("Postgres starts");
        create_database(&postgres.admin_url(), "shop")
            .await
            .expect("created");
        let url = postgres.admin_url_of("shop");
        let mut secrets = Secrets::open(&scratch.path().join(SECRETS_FILE)).expect("readable");
        let schemas = service_schemas(&Workspace::here().migrations()).expect("readable");
        migrate(&url, &schemas, &mut secrets)
            .await
            .expect("the migrations run");
        World {
            connection: PgConnection::connect(url.reveal())
                .await
                .expect("it accepts the connection"),
            secrets,
            scratch,
            _postgres: postgres,
        }
    }

    async fn seed(&mut self) -> anyhow::Result<SignIn> {
        xtask::seed::seed(&mut self.connection, &mut self.secrets, make).await
    }

    async fn seeded(&mut self) -> SignIn {
        self.seed().await.expect("it can be seeded")
    }

    /// The same database with the secrets of another checkout.
    fn use_other_checkout(&mut self) {
        let file = self.scratch.path().join("others.json");
        self.secrets = Secrets::open(&file).expect("an absent file is an empty one");
    }

    async fn state(&mut self) -> String {
        sqlx::query_scalar(STATE)
            .fetch_one(&mut self.connection)
            .await
            .expect("the tables")
    }

    async fn sql(&mut self, statement: &str) {
        self.connection.execute(statement).await.expect(statement);
    }

    async fn holds(&mut self, condition: &str) -> bool {
        let query = format!("select {condition}");
        sqlx::query_scalar(&query)
            .fetch_one(&mut self.connection)
            .await
            .expect(&query)
    }
}

/// Makes what the program `akinai-seed` makes, without running the program.
fn make(wanted: &Value) -> anyhow::Result<Value> {
    let made = seed::make(&serde_json::from_value(wanted.clone())?)?;
    serde_json::to_value(made).context("no JSON")
}

fn passwords(sign_in: &SignIn) -> Vec<(&str, Option<&str>)> {
    let reveal = |(email, password): &(&'static str, Option<Secret>)| {
        (*email, password.as_ref().map(Secret::reveal).map(str::to_owned))
    };
    let known = sign_in.accounts.iter().map(reveal).collect::<Vec<_>>();
    // Leaked until the test ends, because texts are easier to compare than secrets.
    known
        .into_iter()
        .map(|(email, password)| (email, password.map(|text| &*text.leak())))
        .collect()
}

#[tokio::test]
async fn seeding_again_changes_nothing() {
    let mut world = World::new().await;
    let first = world.seeded().await;
    let state = world.state().await;
    for condition in [
        "(select count(*) = 1 from issuer_service.signing_keys)",
        "(select count(*) = 2 from issuer_service.clients)",
        "(select secret_hash is null from issuer_service.clients where id = 'shop')",
        "(select secret_hash ~ '^[0-9a-f]{64}$' from issuer_service.clients where id = 'service')",
        "(select roles = '{}' from user_service.users where email = 'demo@example.com')",
        "(select roles = '{admin}' from user_service.users where email = 'admin@example.com')",
        "(select bool_and(password_hash like '$argon2id$%') from user_service.users)",
    ] {
        assert!(world.holds(condition).await, "not true: {condition}");
    }

    let again = world.seeded().await;
    assert_eq!(
        passwords(&again),
        passwords(&first),
        "other passwords the second time"
    );
    assert!(again.service_secret == first.service_secret && first.service_secret.is_some());
    assert_eq!(world.state().await, state, "the second time changed a row");
    assert!(
        passwords(&first)
            .iter()
            .all(|(_, password)| password.is_some_and(|text| text.len() >= 40))
    );
    for secret in [
        "account.demo@example.com",
        "account.admin@example.com",
        "client.service",
    ] {
        let secret = world.secrets.find(secret).expect("kept");
        assert!(
            !state.contains(secret.reveal()),
            "a secret is in the database as it is"
        );
    }
}

#[tokio::test]
async fn existing_rows_are_not_changed() {
    let mut world = World::new().await;
    let made = make(&serde_json::json!({
        "sealing_key": "A".repeat(48), "signing_key": null, "accounts": [{"password": "their own password", "password_hash": null}],
    }))
    .expect("made");
    let hash = made["accounts"][0]["new"]["password_hash"]
        .as_str()
        .expect("a hash")
        .to_owned();
    // A user who is not an admin has registered the admin's address, and the client has a secret of its own.
    world.sql(&format!("insert into user_service.users (id, email, email_key, password_hash) values (gen_random_uuid(), 'Admin@Example.com', 'admin@example.com', '{hash}')")).await;
    world.sql(&format!("insert into issuer_service.clients (id, secret_hash, metadata) values ('service', '{}', '{{\"client_name\": \"ours\"}}')", "ab".repeat(32))).await;

    let sign_in = world.seeded().await;
    let expected = world
        .secrets
        .find(&account_secret("demo@example.com"))
        .expect("kept");
    assert_eq!(
        passwords(&sign_in),
        [
            ("demo@example.com", Some(expected.reveal())),
            ("admin@example.com", None)
        ],
        "a password was claimed that is not the account's"
    );
    assert!(
        sign_in.service_secret.is_none(),
        "a secret was claimed that is not the client's"
    );
    for condition in [
        &format!(
            "(select password_hash = '{hash}' and roles = '{{}}' and email = 'Admin@Example.com' from user_service.users where email_key = 'admin@example.com')"
        ),
        &format!(
            "(select secret_hash = '{}' and metadata = '{{\"client_name\": \"ours\"}}' from issuer_service.clients where id = 'service')",
            "ab".repeat(32)
        ),
        "(select count(*) = 1 from issuer_service.clients where id = 'shop')",
    ] {
        assert!(world.holds(condition).await, "not true: {condition}");
    }
}

#[tokio::test]
async fn seeding_from_another_checkout_changes_nothing() {
    let mut world = World::new().await;
    world.seeded().await;
    let state = world.state().await;
    world.use_other_checkout();
    let error = world
        .seed()
        .await
        .expect_err("a key that was sealed with another key was accepted");
    assert!(
        format!("{error:#}").contains("seal.issuer"),
        "the error does not say what to do: {error:#}"
    );
    assert_eq!(
        world.state().await,
        state,
        "it changed something before it failed"
    );

    // The error says what to do: delete the rows. Then a new key is made, and all other data still belongs to the first
    // checkout.
    world.sql("delete from issuer_service.signing_keys").await;
    let sign_in = world.seeded().await;
    assert!(
        passwords(&sign_in).iter().all(|(_, password)| password.is_none()),
        "passwords were claimed or changed"
    );
    assert!(sign_in.service_secret.is_none());
}

#[tokio::test]
async fn missing_rows_are_added_beside_existing_ones() {
    let mut world = World::new().await;
    let first = world.seeded().await;
    world
        .sql("delete from issuer_service.clients where id = 'shop'")
        .await;
    world.sql("update user_service.users set is_deleted = true, deleted_at = now() where email = 'demo@example.com'").await;
    world
        .sql("update issuer_service.signing_keys set retired_at = now()")
        .await;
    let again = world.seeded().await;
    assert_eq!(
        passwords(&again),
        passwords(&first),
        "a new account got another password than the stored one"
    );
    for condition in [
        "(select count(*) = 2 from issuer_service.clients)",
        "(select count(*) = 1 from user_service.users where email = 'demo@example.com' and not is_deleted)",
        "(select count(*) = 1 from issuer_service.signing_keys where retired_at is null)",
        "(select count(*) = 2 from issuer_service.signing_keys)",
    ] {
        assert!(world.holds(condition).await, "not true: {condition}");
    }
}
