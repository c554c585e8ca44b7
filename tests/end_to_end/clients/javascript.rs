//! The reference clients from npm, for Node.js and for browsers.
//!
//! Their tests are in `clients/connect-es/test`.

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{Service, Shop, command, must, npm_packages};

#[tokio::test(flavor = "multi_thread")]
async fn connect_node_speaks_connect() {
    passes("node-connect").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_node_speaks_grpc_web() {
    passes("node-grpc-web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_node_speaks_grpc() {
    passes("node-grpc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_web_speaks_connect_and_grpc_web() {
    passes("web").await;
}

/// Runs the file of this name in both suites.
async fn passes(name: &str) {
    Service::start()
        .await
        .must_pass(&mut node(&format!("test/conformance/{name}.test.js")).await)
        .await;
    Shop::open()
        .await
        .must_pass(&mut node(&format!("test/platform/{name}.test.js")).await)
        .await;
}

/// Node.js with a file of tests.
async fn node(file: &str) -> Command {
    static GENERATED: OnceCell<()> = OnceCell::const_new();
    let folder = npm_packages().await;
    let generate = || async { must(command("npm", &folder).args(["run", "generate"])).await };
    GENERATED.get_or_init(generate).await;
    let mut node = command("node", &folder);
    node.args(["--test", file]);
    node
}
