//! A component can reach exactly the addresses that `spin.toml` grants it.
//!
//! The component in these tests is the probe of `tests/probe`. It replaces a component in the real manifest, and has exactly
//! the grants, variables and database role of that component. Only its routes are made public, so that the test can command
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Client, Platform, RealManifest, Setup, environment};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use xtask::workspace::Workspace;

/// The platform with the probe instead of one component.
struct Probe {
    platform: Platform,
}

impl Probe {
    async fn in_place_of(component: &str) -> Self {
        let setup = Setup::new()
            .await
            .with_manifest(&manifest_with_probe_as(component));
        Self {
            platform: setup.start().await,
        }
    }

    fn client(&self) -> &Client {
        self.platform.client()
    }

    async fn ask(&self, route: &str, request: Value) -> Value {
        self.client()
            .send(self.client().post(route, request.to_string()))
            .await
            .message_of_probe()
    }

    async fn variable(&self, name: &str) -> Value {
        self.client()
            .get(&format!("/variable?name={name}"))
            .await
            .message_of_probe()
    }

    /// Opens a Redis connection and calls PING. Returns the result.
    async fn ping(&self, address: &str) -> Value {
        self.ask(
            "/redis",
            json!({ "address": address, "calls": [{ "call": "execute", "command": "PING" }] }),
        )
        .await
    }

    /// Runs one statement on a new connection. Returns the result.
    async fn query(&self, address: &str, statement: &str) -> Value {
        let answer = self
            .ask(
                "/postgres",
                json!({ "address": address, "statements": [{ "statement": statement }] }),
            )
            .await;
        answer["results"].get(0).cloned().unwrap_or(answer)
    }
}

/// The JSON answer of the probe, which has no content type.
trait ProbeAnswer {
    fn message_of_probe(&self) -> Value;
}

impl ProbeAnswer for harness::Answer {
    fn message_of_probe(&self) -> Value {
        assert_eq!(
            self.status,
            200,
            "the probe must understand the request: {}",
            self.text()
        );
        serde_json::from_slice(&self.body).expect("the probe answers in JSON")
    }
}

fn manifest_with_probe_as(component: &str) -> RealManifest {
    let mut manifest = RealManifest::read();
    let probe = Workspace::here()
        .root()
        .join("target/wasm/wasm32-wasip2/component/probe.wasm");
    manifest
        .component(component)
        .insert("source".to_owned(), probe.display().to_string().into());
    ["/postgres", "/redis", "/http", "/variable"]
        .into_iter()
        .fold(manifest, |manifest, route| manifest.route(route, component))
}

fn redis_url() -> String {
    let (host, port) = &environment().redis;
    format!(
        "redis://bff:{}@{host}:{port}",
        environment().password("redis.bff")
    )
}

/// A server on this machine that counts its connections. There must be none.
struct Decoy {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Decoy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_reaches_its_own_schema() {
    let probe = Probe::in_place_of("product").await;
    let url = own_database(&probe).await;

    let who = probe
        .query(&url, "select current_user::text, current_schema()::text")
        .await;
    assert_eq!(
        who["rows"],
        json!([[{ "str": "product_service" }, { "str": "product_service" }]]),
        "product must have a role and a schema of its own: {who}"
    );
    let count = probe.query(&url, "select count(*) from products").await;
    assert_eq!(
        count["rows"],
        json!([[{ "int64": 0 }]]),
        "and read its own tables; otherwise the refusals below prove nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_cannot_reach_another_schema_or_change_its_own() {
    let probe = Probe::in_place_of("product").await;
    let url = own_database(&probe).await;

    let statements = [
        "select email from user_service.users",
        "insert into user_service.users (id, email, email_key, password_hash) values (gen_random_uuid(), '', '', '$argon2id$')",
        "delete from user_service.users",
        "set role user_service",
        "set session authorization user_service",
        "alter role product_service superuser",
        "grant user_service to product_service",
        "create table product_service.own (id int)",
        "create table public.own (id int)",
        "create temporary table own (id int)",
        "create schema own",
        "alter table products add column own int",
        "drop table products",
        "truncate products",
        "create function product_service.own() returns int language sql as 'select 1'",
        "select pg_read_file('/etc/passwd')",
        "copy products to program 'true'",
        "select rolpassword::text from pg_authid",
    ];
    for statement in statements {
        let answer = probe.query(&url, statement).await;
        let code = &answer["error"]["query-failed"]["code"];
        // insufficient_privilege (PostgreSQL's documentation, appendix A).
        assert_eq!(
            code, "42501",
            "{statement:?} must be refused because a privilege is missing, but: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_cannot_log_in_as_another_role() {
    let probe = Probe::in_place_of("product").await;
    let own = own_database(&probe).await;
    let password = environment().password("postgres.product_service");

    for role in ["user_service", "postgres"] {
        for guess in [password.as_str(), "", "postgres"] {
            let url = own.replace(
                &format!("product_service:{password}@"),
                &format!("{role}:{guess}@"),
            );
            let answer = probe.query(&url, "select 1").await;
            assert_ne!(
                answer["error"],
                Value::Null,
                "{role} has another password, but: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_cannot_reach_redis() {
    let product = Probe::in_place_of("product").await;
    let bff = Probe::in_place_of("bff").await;
    let decoy = Decoy::start().await;

    let granted = bff.ping(&redis_url()).await;
    assert_eq!(
        granted["results"],
        json!([{ "value": [{ "status": "PONG" }] }]),
        "the bff may reach Redis: {granted}"
    );

    let decoyed = format!("redis://127.0.0.1:{}", decoy.port);
    for address in [
        redis_url(),
        redis_url().replace("127.0.0.1", "localhost"),
        decoyed,
    ] {
        let refused = product.ping(&address).await;
        assert_ne!(
            refused["error"],
            Value::Null,
            "product is not granted Redis, but: {refused}"
        );
    }
    assert_eq!(
        decoy.connections(),
        0,
        "the host must refuse before it opens a connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_cannot_reach_any_http_host() {
    let probe = Probe::in_place_of("product").await;
    let decoy = Decoy::start().await;

    let urls = [
        format!("http://127.0.0.1:{}/", decoy.port),
        format!("http://localhost:{}/", decoy.port),
        format!("http://[::ffff:127.0.0.1]:{}/", decoy.port),
        format!("https://127.0.0.1:{}/", decoy.port),
        format!("{}/health", probe.platform.url()),
        "http://user.spin.internal/ready".to_owned(),
        "http://bff.spin.internal/health".to_owned(),
        "http://product.spin.internal/ready".to_owned(),
        "http://self.alt/health".to_owned(),
        "http://example.com/".to_owned(),
        "https://example.com/".to_owned(),
        "/health".to_owned(),
    ];
    for url in urls {
        let answer = probe.ask("/http", json!({ "url": url })).await;
        assert_ne!(
            answer["error"],
            Value::Null,
            "product is granted no HTTP at all, but {url} answered {answer}"
        );
    }
    assert_eq!(
        decoy.connections(),
        0,
        "the host must refuse before it opens a connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn order_component_reaches_only_the_two_components_that_it_calls() {
    let probe = Probe::in_place_of("order").await;
    for (component, path, granted) in [
        ("product", "ready", true),
        ("user", "ready", true),
        ("bff", "health", false),
        ("issuer", "ready", false),
        ("issuer-admin", "ready", false),
    ] {
        let url = format!("http://{component}.spin.internal/{path}");
        let answer = probe.ask("/http", json!({ "url": url })).await;
        assert_eq!(
            answer["error"] == Value::Null,
            granted,
            "order and {url}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn product_component_cannot_reach_another_postgres() {
    let probe = Probe::in_place_of("product").await;
    let decoy = Decoy::start().await;

    for address in [
        format!("postgres://postgres@127.0.0.1:{}/postgres", decoy.port),
        format!("host=127.0.0.1 port={} user=postgres", decoy.port),
        format!("postgresql://127.0.0.1:{}", decoy.port),
    ] {
        let answer = probe.query(&address, "select 1").await;
        assert_ne!(
            answer["error"],
            Value::Null,
            "{address} is not the granted Postgres, but: {answer}"
        );
    }
    assert_eq!(
        decoy.connections(),
        0,
        "the host must refuse before it opens a connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn components_read_their_own_variables_only() {
    let everything = [
        "database_url",
        "user_db_password",
        "product_db_password",
        "order_db_password",
        "bff_redis_password",
        "user_redis_password",
        "order_redis_password",
        "reconciler_secret",
        "product_service_key",
        "user_service_key",
        "order_service_keys",
        "redis_url",
        "allowed_origins",
        "db_host",
        "bff_seal_key",
        "seal_key",
        "page_key",
        "refresh_hook_key",
    ];
    let cases: [(&str, &[&str]); 4] = [
        (
            "bff",
            &[
                "redis_url",
                "allowed_origins",
                "seal_key",
                "product_service_key",
                "user_service_key",
            ],
        ),
        (
            "user",
            &[
                "database_url",
                "redis_url",
                "page_key",
                "refresh_hook_key",
                "order_service_keys",
            ],
        ),
        ("product", &["database_url", "order_service_keys"]),
        (
            "order",
            &[
                "database_url",
                "redis_url",
                "reconciler_secret",
                "product_service_key",
                "user_service_key",
            ],
        ),
    ];
    for (component, own) in cases {
        let probe = Probe::in_place_of(component).await;
        for name in everything {
            let answer = probe.variable(name).await;
            let seen = answer["value"].is_string();
            assert_eq!(
                seen,
                own.contains(&name),
                "{component} and the variable {name}: {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bff_cannot_reach_a_database() {
    let product = Probe::in_place_of("product").await;
    let bff = Probe::in_place_of("bff").await;
    let url = own_database(&product).await;

    let answer = bff.query(&url, "select 1").await;

    assert_ne!(
        answer["error"],
        Value::Null,
        "the bff is not granted Postgres, even with a password: {answer}"
    );
}

/// The URL of the database of the component that the probe replaces.
async fn own_database(probe: &Probe) -> String {
    let answer = probe.variable("database_url").await;
    answer["value"]
        .as_str()
        .unwrap_or_else(|| panic!("the component has a database, but: {answer}"))
        .to_owned()
}

#[test]
fn probe_has_the_grants_of_the_component_that_it_replaces() {
    let mut real = RealManifest::read();
    let mut probed = manifest_with_probe_as("product");

    for key in ["allowed_outbound_hosts", "variables"] {
        assert_eq!(
            probed.component("product")[key],
            real.component("product")[key],
            "{key} must be the real ones"
        );
    }
}
