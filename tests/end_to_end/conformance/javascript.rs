//! The reference clients from npm, for Node.js and for browsers, with code generated from `tests/proto`.
//!
//! What they do and expect is in `clients/connect-es/test`.

use tokio::sync::OnceCell;

use super::{Service, command, must, npm_packages};

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

/// Runs one file of the suite.
async fn passes(file: &str) {
    static GENERATED: OnceCell<()> = OnceCell::const_new();
    let folder = npm_packages().await;
    let generate = || async { must(command("npm", &folder).args(["run", "generate"])).await };
    GENERATED.get_or_init(generate).await;
    let service = Service::start().await;
    let file = format!("test/{file}.test.js");
    let mut tests = command("node", &folder);
    tests.args(["--test", &file]).env("AKINAI_URL", service.url());
    must(&mut tests).await;
}
