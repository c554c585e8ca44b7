//! The reference Connect client from npm, with code generated from proto/, against the whole platform.
//!
//! What it does and expects is in `clients/connect-node/test`; here it gets a platform to talk to.

use std::path::{Path, PathBuf};

use harness::{Platform, Product};
use serde_json::Value;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_client_understands_the_platform() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/connect-node");
    // `ci` installs exactly what the lock file names, and nothing else.
    run(npm(&folder, &["ci"])).await;
    run(npm(&folder, &["run", "generate"])).await;
    let platform = Platform::start().await;
    let products: Vec<Product> = (0..5)
        .map(|number| Product {
            description: "一芯二葉".to_owned(),
            ..Product::named(format!("お茶 {number}"))
        })
        .collect();
    platform.database().insert(&products).await;
    let newest_first: Value = products.iter().rev().map(Product::to_json).collect();

    let mut tests = npm(&folder, &["test"]);
    tests
        .env("AKINAI_URL", platform.url())
        .env("AKINAI_PRODUCTS", newest_first.to_string());
    run(tests).await;
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    command
}

async fn run(mut command: Command) {
    let output = command.output().await.unwrap_or_else(|error| {
        panic!(
            "npm must run ({error}): the reference client needs Node.js 20 or newer, see https://nodejs.org"
        )
    });
    assert!(
        output.status.success(),
        "{:?} must succeed, but ended with {}:\n{}\n{}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
