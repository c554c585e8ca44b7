//! Clients of other projects, with code generated from `proto/` and `tests/proto`. All of their protocols must work.
//!
//! Each client has two suites in its own language, in `clients/`. One calls the test service of `conformance/`, whose
//! answers are defined by the requests. The other calls the platform. The tests here start the servers and run the suites.

mod buf_curl;
mod go;
mod greeter;
mod grpcurl;
mod javascript;
mod python;
mod rust;
mod schemathesis;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;

use harness::{Issuer, Platform, Product, Setup, allow_many_clients};
use host::{App, Config, Server};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::OnceCell;
use xtask::workspace::Workspace;

/// An application of one component on the host of this repository, in this process, on a free port.
struct Service {
    server: Server,
}

impl Service {
    /// The test service.
    async fn start() -> Self {
        Self::of("tests/conformance/spin.toml").await
    }

    /// The service of this manifest.
    async fn of(manifest: &str) -> Self {
        let root = Workspace::here().root().to_owned();
        let mut config = Config::new(root.join(manifest));
        config.cache_dir = Some(root.join("target/compiled-components"));
        allow_many_clients(&mut config.limits);
        let app = App::load(config)
            .await
            .unwrap_or_else(|error| panic!("{manifest} must load, but: {error}"));
        let server = app.serve(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        Self {
            server: server.expect("a free port to listen on"),
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Runs a suite that calls it.
    async fn must_pass(&self, suite: &mut Command) {
        must(suite.env("AKINAI_URL", self.url())).await;
    }
}

/// The platform with a catalogue that is large enough to be compressed, with users and admins.
struct Shop {
    platform: Platform,
    /// The issuer of the tokens.
    issuer: Issuer,
    /// Its products in JSON, newest first.
    catalogue: Value,
}

impl Shop {
    async fn open() -> Self {
        let issuer = Issuer::start().await;
        let setup = Setup::new().await.variable("issuer", issuer.url());
        let platform = setup.variable("issuer_origin", issuer.url()).start().await;
        let products: Vec<Product> = (0..12)
            .map(|number| Product {
                description: "一芯二葉".repeat(20),
                quantity: 1000,
                ..Product::named(format!("お茶 {number}"))
            })
            .collect();
        platform.database().insert(&products).await;
        Self {
            platform,
            issuer,
            catalogue: products.iter().rev().map(Product::to_json).collect(),
        }
    }

    /// Creates an account. Returns its id.
    async fn account(&self, name: &str) -> String {
        let account = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
        let client = self.platform.client();
        let answer = client
            .call("user.v1.UserService/CreateUser", account)
            .await
            .message();
        let id = answer["user"]["id"].as_str();
        id.expect("a new account has an id").to_owned()
    }

    /// A token of a new user.
    async fn token(&self, name: &str) -> String {
        self.issuer.token(&self.account(name).await)
    }

    /// Gives an account the role admin, as an operator does.
    async fn make_admin(&self, id: &str) {
        let give = format!("update user_service.users set roles = '{{admin}}' where id = '{id}'");
        let sql = self.platform.database().sql();
        sql.batch_execute(&give).await.expect("the role is given");
    }

    /// Runs a suite that calls it.
    async fn must_pass(&self, suite: &mut Command) {
        suite
            .env("AKINAI_URL", self.platform.url())
            .env("AKINAI_PRODUCTS", self.catalogue.to_string());
        must(suite).await;
    }
}

/// The folder of a client.
pub(crate) fn client(name: &str) -> PathBuf {
    Workspace::here().root().join("tests/clients").join(name)
}

/// The folder with npm's packages, installed once for all suites: the reference clients of Connect, and the buf CLI.
async fn npm_packages() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let folder = client("connect-es");
    // `ci` installs exactly the versions in the lock file.
    let install = || async { must(command("npm", &folder).arg("ci")).await };
    INSTALLED.get_or_init(install).await;
    folder
}

/// The buf CLI. It generates code for clients, and is also a client.
async fn buf(folder: &Path) -> Command {
    command(npm_packages().await.join("node_modules/.bin/buf"), folder)
}

/// A command that runs in a folder, and ends with the test at the latest.
pub(crate) fn command(program: impl AsRef<Path>, folder: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(folder).kill_on_drop(true);
    command
}

/// Runs a command that must succeed.
pub(crate) async fn must(command: &mut Command) {
    printed(command).await;
}

/// Runs a command that must succeed. Returns its output.
pub(crate) async fn printed(command: &mut Command) -> String {
    let output = output(command).await;
    assert!(
        output.status.success(),
        "{:?} must succeed, but ended with {}:\n{}\n{}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("what it prints is text")
}

async fn output(command: &mut Command) -> Output {
    command.output().await.unwrap_or_else(|error| {
        panic!(
            "{:?} must run ({error}): the clients need Node.js 20 (https://nodejs.org) and Python 3.11 \
             (https://www.python.org), or newer ones",
            command.as_std()
        )
    })
}
