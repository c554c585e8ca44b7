//! The test service of `conformance/`, called by clients that we did not write: whatever they speak must simply work.
//!
//! Each client has a suite of its own, in its own language, in `clients/`; here it gets a service to talk to.

mod buf_curl;
mod javascript;
mod python;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;

use host::{App, Config, Server};
use tokio::process::Command;
use tokio::sync::OnceCell;
use xtask::workspace::Workspace;

/// The test service on the host of this repository, in this process, on a free port.
struct Service {
    server: Server,
}

impl Service {
    async fn start() -> Self {
        let root = Workspace::here().root().to_owned();
        let mut config = Config::new(root.join("tests/conformance/spin.toml"));
        config.cache_dir = Some(root.join("target/compiled-components"));
        let app = App::load(config)
            .await
            .unwrap_or_else(|error| panic!("the test service must load, but: {error}"));
        let server = app.serve(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        Self {
            server: server.expect("a free port to listen on"),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.local_addr())
    }
}

/// The folder of a client.
fn client(name: &str) -> PathBuf {
    Workspace::here().root().join("tests/clients").join(name)
}

/// Where npm's packages are, installed once for all suites: the reference clients of Connect, and the buf CLI.
async fn npm_packages() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let folder = client("connect-es");
    // `ci` installs exactly what the lock file names, and nothing else.
    let install = || async { must(command("npm", &folder).arg("ci")).await };
    INSTALLED.get_or_init(install).await;
    folder
}

/// A command that runs in a folder, and no longer than the test.
fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).kill_on_drop(true);
    command
}

/// Runs a command that must succeed.
async fn must(command: &mut Command) {
    let output = output(command).await;
    assert!(
        output.status.success(),
        "{:?} must succeed, but ended with {}:\n{}\n{}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
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
