//! `cargo xtask test`: everything that must hold, in one command.

use std::env;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::browser;
use crate::build;
use crate::conformance;
use crate::migrate::{create_database, migrate, service_schemas};
use crate::process::{self, Scratch, run};
use crate::secret::Secrets;
use crate::services::{Durability, Postgres, Redis, SECRETS_FILE};
use crate::ui::{self, Steps};
use crate::workspace::Workspace;

/// What every test's own database is copied from.
const TEMPLATE: &str = "akinai_template";

/// What needs Go.
const OF_GO: &str = "THE CONFORMANCE SUITE, WITH THE CLIENTS IN GO AND GRPCURL,";

/// The options of `cargo xtask test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Arguments for `cargo test --workspace`, such as a part of a test's name. With any, only the tests run, not the
    /// checks of format and lints before them.
    #[arg(last = true, value_name = "FILTER")]
    tests: Vec<String>,
}

/// Runs the checks, then all tests, against a Postgres and a Redis of their own.
///
/// # Errors
/// A check or a test fails: what it says is on the terminal, and the message tells how to run just that again.
pub async fn test(workspace: &Workspace, options: Options) -> Result<()> {
    let began = Instant::now();
    let mut steps = Steps::new(if options.tests.is_empty() { 8 } else { 4 });
    let go = conformance::find_go();
    if let Err(error) = &go {
        left_out(OF_GO, error)?;
    }
    if options.tests.is_empty() {
        check(workspace, &mut steps).await?;
    }

    steps.begin("compile the components, those of the tests included");
    build::components_and_those_of_tests(workspace).await?;

    steps.begin("have a browser: Debian's Chromium (about 100 MB, once), or an installed one");
    let browser = browser::browser(workspace).await;
    if let Err(error) = &browser {
        skipped(error);
    }

    steps.begin("start Postgres and Redis, migrate the template of the tests' databases");
    // Declared first, dropped last: the servers live in it.
    let scratch = Scratch::new("test")?;
    let secrets_file = scratch.path().join(SECRETS_FILE);
    let postgres = Postgres::start(scratch.path(), Durability::Disposable).await?;
    let redis = Redis::start(scratch.path()).await?;
    create_database(&postgres.admin_url(), TEMPLATE).await?;
    let schemas = service_schemas(&workspace.migrations())?;
    migrate(
        &postgres.admin_url_of(TEMPLATE),
        &schemas,
        &mut Secrets::open(&secrets_file)?,
    )
    .await?;

    steps.begin("cargo test --workspace");
    let mut cargo = process::cargo();
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(&options.tests)
        .current_dir(workspace.root())
        .env("AKINAI_TEST_POSTGRES", postgres.admin_url().reveal())
        .env("AKINAI_TEST_REDIS", redis.admin_url().reveal())
        .env("AKINAI_TEST_SECRETS", &secrets_file);
    if let Ok(program) = &browser {
        cargo.env("AKINAI_TEST_BROWSER", program);
    }
    if go.is_ok() {
        cargo.env("AKINAI_TEST_GO", "yes");
    }
    run(&mut cargo)
        .await
        .context("a test failed. To run it again, name it: `cargo xtask test -- PART_OF_ITS_NAME`")?;
    if options.tests.is_empty() && go.is_ok() {
        steps.begin("the Connect project's conformance suite");
        build::native(workspace, &[]).await?;
        conformance::conformance_of_compiled(workspace).await?;
    }
    steps.finish();
    println!("\nAll passed in {}.", ui::seconds(began.elapsed()));
    // Once more, where it is read: a run without a browser must not look like one with it.
    if let Err(error) = &browser {
        skipped(error);
    }
    match &go {
        Err(error) => left_out(OF_GO, error),
        Ok(()) => Ok(()),
    }
}

/// Says that a part of the suite is left out, and why.
///
/// # Errors
/// Always with CI=true: a machine that checks for all must check all.
fn left_out(part: &str, error: &anyhow::Error) -> Result<()> {
    if env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("{part} CANNOT BE RUN, and with CI=true nothing may be left out: {error:#}");
    }
    println!("\n*** {part} IS LEFT OUT: {error:#}\n");
    Ok(())
}

/// Says that a part of the tests is left out, and why.
fn skipped(error: &anyhow::Error) {
    println!("\n*** THE TESTS IN A BROWSER ARE SKIPPED: {error:#}\n");
}

/// What needs no server: the contracts, the format, the lints.
async fn check(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.begin("buf lint: the contracts in proto/");
    install_buf(workspace).await?;
    let mut buf = Command::new(workspace.tools().join("node_modules/.bin/buf"));
    again(
        run(buf.arg("lint").current_dir(workspace.root())).await,
        "tools/node_modules/.bin/buf lint",
    )?;

    steps.begin("cargo fmt: the format");
    cargo(workspace, &["fmt", "--all", "--check"], "cargo fmt --all").await?;

    steps.begin("cargo clippy: the lints, of every crate and its tests");
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    cargo(workspace, &clippy, "cargo clippy --workspace --all-targets").await
}

async fn cargo(workspace: &Workspace, arguments: &[&str], remedy: &str) -> Result<()> {
    again(
        run(process::cargo().args(arguments).current_dir(workspace.root())).await,
        remedy,
    )
}

fn again(result: Result<()>, command: &str) -> Result<()> {
    result.with_context(|| format!("this check failed; to run only it: `{command}`"))
}

/// Installs the pinned buf CLI, unless it is there: npm leaves a copy of the lock file when it is done.
async fn install_buf(workspace: &Workspace) -> Result<()> {
    let tools = workspace.tools();
    let modified = |file: &str| {
        tools
            .join(file)
            .metadata()
            .and_then(|metadata| metadata.modified())
    };
    let wanted = modified("package-lock.json").context("tools/package-lock.json is missing")?;
    match modified("node_modules/.package-lock.json") {
        Ok(installed) if installed >= wanted => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("cannot look into tools/node_modules"),
    }
    if crate::process::output(Command::new("npm").arg("--version")).is_err() {
        bail!(
            "npm is not installed: the tests need it for the buf CLI and for real Connect clients.\n\
             Debian: `apt-get install nodejs npm`"
        );
    }
    run(Command::new("npm")
        .args(["ci", "--no-progress"])
        .current_dir(&tools))
    .await
}
