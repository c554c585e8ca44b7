//! `cargo xtask test`: everything that must hold, in one command.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::browser;
use crate::build;
use crate::compile;
use crate::conformance;
use crate::go;
use crate::hydra;
use crate::migrate::{self, create_database, create_owned_database, service_schemas};
use crate::process::{self, Scratch, run};
use crate::secret::Secrets;
use crate::services::{Durability, Hydra, Postgres, Redis, SECRETS_FILE};
use crate::ui::{self, Steps};
use crate::workspace::Workspace;

/// What every test's own database is copied from.
const TEMPLATE: &str = "akinai_template";

/// The contracts of the last version. `buf build proto --exclude-source-info -o FILE` makes those of a new one.
const LAST_CONTRACTS: &str = "tools/contracts-0.1.0.binpb";

/// The options of `cargo xtask test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Also checks, after the tests, that the crates for other projects can be published: their packages compile on their
    /// own, and their documentation has no warnings. About 4 minutes more.
    #[arg(long, conflicts_with = "tests")]
    long: bool,
    /// Arguments for `cargo test --workspace`, such as a part of a test's name. With any, only the tests run, not the
    /// checks of format and lints before them.
    #[arg(last = true, value_name = "FILTER")]
    tests: Vec<String>,
}

/// Runs the checks, then all tests, against a Postgres and a Redis of their own, and the conformance suite.
///
/// # Errors
/// A check or a test fails: what it says is on the terminal, and the message tells how to run just that again. Or
/// `CI=true`, and a counterpart of the tests is missing.
pub async fn test(workspace: &Workspace, options: Options) -> Result<()> {
    let began = Instant::now();
    let is_whole = options.tests.is_empty();
    let whole_steps = CHECKS + 3 + usize::from(options.long);
    let mut steps = Steps::new(if is_whole { whole_steps } else { 4 });
    let counterparts = match is_whole {
        true => check_and_get(workspace, &mut steps).await?,
        false => get(workspace, &mut steps).await?,
    };
    counterparts.say_what_is_left_out();

    steps.begin("start Postgres and Redis, migrate the template of the tests' databases");
    // Declared first, dropped last: the servers live in it.
    let scratch = Scratch::new("test")?;
    let secrets_file = scratch.path().join(SECRETS_FILE);
    let postgres = Postgres::start(scratch.path(), Durability::Disposable).await?;
    let redis = Redis::start(scratch.path()).await?;
    create_database(&postgres.admin_url(), TEMPLATE).await?;
    let schemas = service_schemas(&workspace.migrations())?;
    migrate::migrate(
        &postgres.admin_url_of(TEMPLATE),
        &schemas,
        &mut Secrets::open(&secrets_file)?,
    )
    .await?;
    if let Ok(program) = &counterparts.hydra {
        make_hydra_template(workspace, program, &scratch, &postgres).await?;
    }

    steps.begin("cargo test --workspace");
    // The cargo that has compiled them: another one would compile our crates again.
    let mut cargo = compile::linting_cargo()?;
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(&options.tests)
        .current_dir(workspace.root())
        .env("AKINAI_TEST_POSTGRES", postgres.admin_url().reveal())
        .env("AKINAI_TEST_REDIS", redis.admin_url().reveal())
        .env("AKINAI_TEST_SECRETS", &secrets_file);
    if let Ok(program) = &counterparts.browser {
        cargo.env("AKINAI_TEST_BROWSER", program);
    }
    if let Ok(program) = &counterparts.hydra {
        cargo.env("AKINAI_TEST_HYDRA", program);
    }
    if counterparts.go.is_ok() {
        cargo.env("AKINAI_TEST_GO", "yes");
    }
    run(&mut cargo)
        .await
        .context("a test failed. To run it again, name it: `cargo xtask test -- PART_OF_ITS_NAME`")?;

    if is_whole {
        steps.begin("the Connect project's conformance suite");
        if let Ok(runner) = &counterparts.conformance_runner {
            conformance::conformance_of_compiled(workspace, runner, &conformance::Options::default()).await?;
        }
    }
    if options.long {
        steps.begin("the packages and the documentation of the crates for other projects");
        check_published_crates(workspace).await?;
    }
    steps.finish();
    println!("\nAll passed in {}.", ui::seconds(began.elapsed()));
    // Once more, where it is read: a run that left something out must not look like a whole one.
    counterparts.say_what_is_left_out();
    Ok(())
}

/// The crates that other projects use without the rest of the workspace.
const PUBLISHED_CRATES: [&str; 2] = ["akinai-connect", "akinai-connect-build"];

/// Packs the published crates, compiles each from its package alone, and builds their documentation.
async fn check_published_crates(workspace: &Workspace) -> Result<()> {
    let packages = PUBLISHED_CRATES.iter().flat_map(|package| ["-p", package]);
    for arguments in [&["package", "--allow-dirty"][..], &["doc", "--no-deps"]] {
        let mut cargo = process::cargo();
        cargo.args(arguments).args(packages.clone());
        cargo
            .current_dir(workspace.root())
            .env("RUSTDOCFLAGS", "-D warnings");
        let command = format!(
            "cargo {} -p {}",
            arguments.join(" "),
            PUBLISHED_CRATES.join(" -p ")
        );
        again(run(&mut cargo).await, &command)?;
    }
    Ok(())
}

/// The checks alone: contracts, format and lints. Compiles what the tests compile, and nothing else.
///
/// # Errors
/// A check fails, as in [`test`].
pub async fn check(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new(CHECKS);
    check_sources(workspace, &mut steps).await?;
    steps.begin("compile the components and the tests, with clippy's lints");
    compile(workspace).await?;
    steps.finish();
    Ok(())
}

/// How many steps [`check`] has.
const CHECKS: usize = 3;

async fn check_and_get(workspace: &Workspace, steps: &mut Steps) -> Result<Counterparts> {
    check_sources(workspace, steps).await?;
    steps.begin(
        "compile the components and the tests, with clippy's lints; meanwhile, get the counterparts of the tests",
    );
    let ((), counterparts) = tokio::try_join!(compile(workspace), Counterparts::get(workspace))?;
    Ok(counterparts)
}

/// What a few tests need; cargo compiles the tests themselves when it runs them.
async fn get(workspace: &Workspace, steps: &mut Steps) -> Result<Counterparts> {
    steps.begin("compile the components, those of the tests included, without link-time optimization");
    build::components_for_few_tests(workspace).await?;
    steps.begin("get the counterparts of the tests");
    Counterparts::get(workspace).await
}

/// Compiles everything that tests use, and denies warnings. Two cargos at once: near its end each has one thing left to do,
/// and the other one fills the second core.
async fn compile(workspace: &Workspace) -> Result<()> {
    let (components, tests) = tokio::try_join!(
        build::components_and_those_of_tests(workspace),
        build::tests(workspace)
    )?;
    again(components.and(tests).deny(), "cargo xtask check")
}

/// Programs of others that tests need and a machine may lack.
struct Counterparts {
    browser: Result<PathBuf>,
    /// Compiles the clients in Go.
    go: Result<()>,
    hydra: Result<PathBuf>,
    conformance_runner: Result<PathBuf>,
}

impl Counterparts {
    /// Finds or builds each.
    ///
    /// # Errors
    /// With `CI=true`, Go, Hydra or the conformance runner is missing.
    async fn get(workspace: &Workspace) -> Result<Self> {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        ui::detail("get a browser: Debian's Chromium (about 100 MB, once), or an installed one");
        let browser = browser::browser(workspace).await;
        ui::detail(format_args!(
            "get Ory Hydra {} and the conformance runner (built by Go in some minutes, once)",
            hydra::VERSION
        ));
        Ok(Self {
            browser,
            go: needed_in_ci(go::find_go(), is_ci)?,
            hydra: needed_in_ci(hydra::program(workspace).await, is_ci)?,
            conformance_runner: needed_in_ci(conformance::runner(workspace).await, is_ci)?,
        })
    }

    fn say_what_is_left_out(&self) {
        let parts = [
            ("ALL THAT NEEDS A BROWSER", self.browser.as_ref().err()),
            ("THE CLIENTS IN GO AND GRPCURL", self.go.as_ref().err()),
            ("ALL THAT NEEDS ORY HYDRA", self.hydra.as_ref().err()),
            ("THE CONFORMANCE SUITE", self.conformance_runner.as_ref().err()),
        ];
        for (part, missing) in parts {
            if let Some(error) = missing {
                println!("\n*** LEFT OUT: {part}. {error:#}\n");
            }
        }
    }
}

/// What may be missing on a developer's machine is an error in CI: a green run there stands for all tests.
fn needed_in_ci<T>(found: Result<T>, is_ci: bool) -> Result<Result<T>> {
    match found {
        Err(error) if is_ci => Err(error),
        found => Ok(found),
    }
}

/// What the database of every test's own Hydra is copied from: its tables, and the keys that its first start makes, which takes
/// seconds.
async fn make_hydra_template(
    workspace: &Workspace,
    program: &Path,
    scratch: &Scratch,
    postgres: &Postgres,
) -> Result<()> {
    let secrets = &mut Secrets::open(&scratch.path().join(SECRETS_FILE))?;
    let password = secrets.get(&migrate::role_secret(hydra::TEMPLATE))?;
    let dsn = create_owned_database(&postgres.admin_url(), hydra::TEMPLATE, &password).await?;
    let private = hydra::Private::of(dsn, secrets, None)?;
    Hydra::migrate(program, scratch.path(), &private).await?;
    // No user signs in here.
    let place = hydra::Place::on_free_ports("http://127.0.0.1:3000".parse()?)?;
    let mut first = Hydra::start(workspace, program, scratch.path(), &private, place).await?;
    // A template can be copied only while there is no connection to it.
    first.stop().await
}

/// What needs no compiler: the contracts, the format.
async fn check_sources(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.begin("buf: the contracts in proto/, and whether they break clients of the last version");
    install_buf(workspace).await?;
    let breaking = ["breaking", "proto", "--against", LAST_CONTRACTS];
    for arguments in [&["lint"][..], &breaking] {
        let mut buf = Command::new(workspace.tools().join("node_modules/.bin/buf"));
        again(
            run(buf.args(arguments).current_dir(workspace.root())).await,
            &format!("tools/node_modules/.bin/buf {}", arguments.join(" ")),
        )?;
    }

    steps.begin("cargo fmt: the format");
    let format = ["fmt", "--all", "--check"];
    again(
        run(process::cargo().args(format).current_dir(workspace.root())).await,
        "cargo fmt --all",
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

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_is_missing_fails_a_run_in_ci_and_no_other() {
        let missing = || Err::<(), _>(anyhow!("there is none"));
        assert!(needed_in_ci(missing(), true).is_err());
        assert!(needed_in_ci(missing(), false).is_ok_and(|found| found.is_err()));
        assert!(needed_in_ci(Ok(()), true).is_ok_and(|found| found.is_ok()));
    }
}
