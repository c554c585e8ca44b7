//! The Connect project's own Rust client, with code that its own generator makes.
//!
//! Its tests are in `clients/connect-rust/tests`. It is a separate workspace with a separate lock file, because in our
//! workspace cargo would add its features to those of the host's dependencies.

use tokio::process::Command;
use xtask::workspace::Workspace;

use super::{Service, Shop, client, command, npm_packages};

#[tokio::test(flavor = "multi_thread")]
async fn connect_for_rust_calls_the_test_service() {
    let service = Service::start().await;
    service.must_pass(&mut tests("conformance").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_for_rust_calls_the_platform() {
    let shop = Shop::open().await;
    shop.must_pass(&mut tests("platform").await).await;
}

/// The cargo command that runs one of the suites. The first compilation takes a minute or two.
async fn tests(suite: &str) -> Command {
    // Its build script runs buf.
    npm_packages().await;
    let mut cargo = command("cargo", &client("connect-rust"));
    cargo
        .args(["test", "--locked", "--test", suite])
        .arg("--target-dir")
        .arg(Workspace::here().root().join("target/clients"));
    cargo
}
