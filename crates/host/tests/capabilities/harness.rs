//! An application that consists of the probe, served in this process, and its databases.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// The probe, as a running application.
pub(crate) struct Probe {
    server: host::Server,
    client: Client<HttpConnector, Full<Bytes>>,
    _folder: TempDir,
}

impl Probe {
    /// Serves the probe with these `allowed_outbound_hosts`.
    pub(crate) async fn allowed(hosts: &[&str]) -> Self {
        Self::with(&format!("allowed_outbound_hosts = {hosts:?}")).await
    }

    /// Serves the probe with these lines in its part of the manifest, and with lines after that part.
    pub(crate) async fn with(manifest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, manifest_with(manifest)).expect("the manifest can be written");
        let mut config = host::Config::new(path);
        config.cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
        // A test has one address, and sends many requests at the same time.
        config.limits.requests_per_address = usize::MAX;
        let app = host::App::load(config)
            .await
            .unwrap_or_else(|error| panic!("the probe should load: {error}"));
        let server = app
            .serve(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port can be listened on");
        Self {
            server,
            client: Client::builder(TokioExecutor::new()).build_http(),
            _folder: folder,
        }
    }

    /// Requests an action of the probe.
    pub(crate) async fn post(&self, path: &str, request: Value) -> Value {
        let body = Full::new(Bytes::from(request.to_string()));
        self.send(
            Request::post(self.url(path))
                .body(body)
                .expect("the request is valid"),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(
            Request::get(self.url(path))
                .body(Full::default())
                .expect("the request is valid"),
        )
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local_addr())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Value {
        let response = self.client.request(request).await.expect("the probe answers");
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .expect("the answer arrives whole")
            .to_bytes();
        let answer = serde_json::from_slice(&body);
        let answer = answer.unwrap_or_else(|_| panic!("{status}: {}", String::from_utf8_lossy(&body)));
        assert!(
            status.is_success(),
            "the probe could not do what the test asked: {status} {answer}"
        );
        answer
    }

    /// Runs statements one after the other on one connection, and returns the results.
    pub(crate) async fn run(&self, database: &Database, statements: Value) -> Vec<Value> {
        let answer = self
            .post(
                "/postgres",
                json!({ "address": database.address(), "statements": statements }),
            )
            .await;
        answer["results"]
            .as_array()
            .unwrap_or_else(|| panic!("the database should open: {answer}"))
            .clone()
    }

    /// Runs one statement and returns its result.
    pub(crate) async fn query(&self, database: &Database, statement: &str) -> Value {
        self.run(database, json!([{ "statement": statement }]))
            .await
            .remove(0)
    }
}

fn manifest_with(component: &str) -> String {
    let wasm =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm/wasm32-wasip2/component/probe.wasm");
    assert!(
        wasm.exists(),
        "{} is missing: run `cargo xtask test -- capabilities`, which builds it",
        wasm.display()
    );
    format!(
        "spin_manifest_version = 2\n\
         [application]\nname = \"probe\"\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n\
         [component.probe]\nsource = {:?}\n{component}\n",
        canonical(&wasm)
    )
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().expect("the file exists")
}

/// A database of one test, dropped at its end.
pub(crate) struct Database {
    config: tokio_postgres::Config,
    server: tokio_postgres::Config,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let server: tokio_postgres::Config = variable("AKINAI_TEST_POSTGRES")
            .parse()
            .expect("AKINAI_TEST_POSTGRES is a Postgres URL");
        let name = format!("t_{}", Uuid::new_v4().simple());
        execute(&server, &format!("create database {name}")).await;
        let mut config = server.clone();
        config.dbname(name);
        Self { config, server }
    }

    /// The address for the component.
    pub(crate) fn address(&self) -> String {
        let password = String::from_utf8_lossy(self.config.get_password().unwrap_or_default()).into_owned();
        let (user, name) = (self.config.get_user().unwrap_or("postgres"), self.name());
        format!(
            "host={} port={} user={user} password='{password}' dbname={name} sslmode=disable",
            self.host(),
            self.port()
        )
    }

    /// The entry of the manifest that grants that address.
    pub(crate) fn grant(&self) -> String {
        format!("postgres://{}:{}", self.host(), self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    fn host(&self) -> String {
        match self.config.get_hosts() {
            [tokio_postgres::config::Host::Tcp(host)] => host.clone(),
            other => panic!("AKINAI_TEST_POSTGRES names one TCP host, not {other:?}"),
        }
    }

    fn name(&self) -> &str {
        self.config.get_dbname().expect("the database has a name")
    }

    /// Runs a statement without the component.
    pub(crate) async fn execute(&self, sql: &str) {
        execute(&self.config, sql).await;
    }

    /// Counts this database's connections that match a condition on `pg_stat_activity`.
    pub(crate) async fn connections(&self, condition: &str) -> i64 {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and {condition}",
            self.name()
        );
        connect(&self.server)
            .await
            .query_one(&sql, &[])
            .await
            .expect("the server tells its activity")
            .get(0)
    }

    /// Ends all connections to this database on the server's side, as a restart does.
    pub(crate) async fn end_connections(&self) {
        let sql = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'",
            self.name()
        );
        execute(&self.server, &sql).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (
            self.server.clone(),
            format!("drop database {} with (force)", self.name()),
        );
        // The test's own runtime may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime can be made")
                .block_on(execute(&server, &sql));
        });
        dropping.join().expect("the test's database can be dropped");
    }
}

async fn execute(config: &tokio_postgres::Config, sql: &str) {
    connect(config)
        .await
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test's Postgres answers");
    tokio::spawn(connection);
    client
}

/// The URL of the Redis server.
pub(crate) fn redis() -> String {
    variable("AKINAI_TEST_REDIS")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need servers. Run `cargo xtask test`, or `cargo xtask test -- FILTER`")
    })
}
