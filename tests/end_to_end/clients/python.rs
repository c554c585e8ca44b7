//! Connect for Python from PyPI.
//!
//! Its tests are in `clients/connect-python/test_*.py`.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{Service, Shop, buf, client, command, must};

#[tokio::test(flavor = "multi_thread")]
async fn connect_for_python_calls_the_test_service() {
    let service = Service::start().await;
    service.must_pass(&mut tests("test_conformance").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_for_python_calls_the_platform() {
    let shop = Shop::open().await;
    shop.must_pass(&mut tests("test_platform").await).await;
}

/// The command that runs a module of Python tests.
async fn tests(module: &str) -> Command {
    static PREPARED: OnceCell<PathBuf> = OnceCell::const_new();
    let python = PREPARED.get_or_init(prepare).await;
    let mut tests = command(python, &client("connect-python"));
    tests.args(["-m", "unittest", module]);
    tests
}

/// Installs the packages in `requirements.txt`, once for both suites, and generates code with them.
async fn prepare() -> PathBuf {
    let folder = client("connect-python");
    let python = environment(&folder).await;
    must(buf(&folder).await.args(["generate", "../../.."])).await;
    python
}

/// The Python of an environment in `.venv` of this folder, with the packages in its `requirements.txt`.
pub(super) async fn environment(folder: &Path) -> PathBuf {
    must(command("python3", folder).args(["-m", "venv", ".venv"])).await;
    let python = folder.join(".venv/bin/python");
    let mut pip = command(&python, folder);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--requirement", "requirements.txt"]);
    must(&mut pip).await;
    python
}
