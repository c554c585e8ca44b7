//! The Connect project's own Rust client, with code that its own generator makes.
//!
//! What it does and expects is in `clients/connect-rust/tests`. It is a workspace of its own, with a lock file of its
//! own: in ours its features would be added to those of what the host is made of.

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

/// Cargo with one of the suites. It compiles for a minute or two when it does for the first time.
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
