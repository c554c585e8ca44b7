//! The clients that Go programs use: connect-go 1, connect-go 2 and grpc-go.
//!
//! Their tests are in `clients/go`.

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{Service, Shop, buf, client, command, must, printed};

#[tokio::test(flavor = "multi_thread")]
async fn go_clients_call_the_test_service() {
    if is_missing() {
        return;
    }
    let service = Service::start().await;
    service.must_pass(&mut tests("conformance").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_clients_call_the_platform() {
    if is_missing() {
        return;
    }
    let shop = Shop::open().await;
    let mut tests = tests("platform").await;
    tests.env("AKINAI_TOKEN", shop.token("mina").await);
    shop.must_pass(&mut tests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_code_is_formatted_and_has_no_lints() {
    if is_missing() {
        return;
    }
    prepare().await;
    let unformatted = printed(go("gofmt").args(["-l", "client", "conformance", "platform"])).await;
    assert_eq!(
        unformatted, "",
        "`gofmt -w` formats these files of tests/clients/go"
    );
    must(go("go").args(["vet", "./..."])).await;
}

/// Whether Go is not installed. Then `cargo xtask test` has printed that, and the tests are skipped.
pub(super) fn is_missing() -> bool {
    let is_missing = std::env::var_os("AKINAI_TEST_GO").is_none();
    if is_missing {
        eprintln!("SKIPPED: there is no Go; `cargo xtask test` says how to get it");
    }
    is_missing
}

/// The command that runs a package of Go tests.
async fn tests(package: &str) -> Command {
    prepare().await;
    let mut tests = go("go");
    // Without -count=1 Go would print the result of the last run. The tests wait longer than they compute.
    tests.args(["test", "-count=1", "-parallel=32", &format!("./{package}")]);
    tests
}

/// A program of Go's, in the folder of the clients.
fn go(program: &str) -> Command {
    command(program, &client("go"))
}

/// Generates code from the contracts and compiles the suites, once for all of them: a suite has a token that ends after
/// minutes.
async fn prepare() {
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let prepare = || async {
        must(buf(&client("go")).await.arg("generate")).await;
        must(go("go").args(["test", "-run", "^$", "./..."])).await;
    };
    PREPARED.get_or_init(prepare).await;
}
