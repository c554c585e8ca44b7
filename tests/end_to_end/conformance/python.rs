//! Connect for Python from PyPI, with code generated from `tests/proto`.
//!
//! What it does and expects is in `clients/connect-python/test_conformance.py`.

use super::{Service, client, command, must, npm_packages};

#[tokio::test(flavor = "multi_thread")]
async fn connect_for_python_speaks_all_protocols() {
    let folder = client("connect-python");
    must(command("python3", &folder).args(["-m", "venv", ".venv"])).await;
    let python = folder.join(".venv/bin/python").display().to_string();
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    must(
        command(&python, &folder)
            .args(install)
            .args(["--requirement", "requirements.txt"]),
    )
    .await;

    let buf = npm_packages()
        .await
        .join("node_modules/.bin/buf")
        .display()
        .to_string();
    must(command(&buf, &folder).args(["generate", "../../proto"])).await;

    let service = Service::start().await;
    let mut tests = command(&python, &folder);
    tests
        .args(["-m", "unittest", "test_conformance"])
        .env("PYTHONPATH", "gen")
        .env("AKINAI_URL", service.url());
    must(&mut tests).await;
}
