//! `cargo xtask check` and `cargo xtask test`: a quick check after each change, a few tests, or all checks and tests.

mod checks;
mod counterparts;
mod selection;
mod servers;

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::build;
use crate::compile;
use crate::conformance;
use crate::process::run;
use crate::tutorial;
use crate::ui::{self, Steps};
use crate::workspace::Workspace;
use checks::{SOURCE_STEPS, again, check_published_crates, check_sources};
use counterparts::Counterparts;
use servers::TestServers;

/// The options of `cargo xtask test`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// After the tests, also check that the crates for other projects can be published: each package compiles alone,
    /// and its documentation has no warnings. Also follow docs/ADD-A-SERVICE.md in a copy of the workspace, which
    /// compiles all components again.
    #[arg(long, conflicts_with = "tests")]
    long: bool,
    /// Arguments for `cargo test --workspace`, such as a part of a test's name. With arguments, only the tests run, not
    /// the checks of format and lints.
    #[arg(last = true, value_name = "FILTER")]
    tests: Vec<String>,
}

/// Runs all checks and tests against servers of their own, and the conformance suite. With arguments, runs only the
/// named tests.
///
/// # Errors
/// A check or a test fails. Its output is on the terminal, and the message has the command that repeats only that
/// check. Or: with `CI=true`, a counterpart of the tests is missing.
pub async fn test(workspace: &Workspace, options: Options) -> Result<()> {
    let began = Instant::now();
    let counterparts = match options.tests.is_empty() {
        true => Some(test_all(workspace, &options).await?),
        false => test_few(workspace, &options.tests).await?,
    };
    println!("\nAll passed in {}.", ui::seconds(began.elapsed()));
    // Repeated at the end, where it is read: a run that left out a part must not look like a complete one.
    if let Some(counterparts) = counterparts {
        counterparts.print_omitted_parts();
    }
    Ok(())
}

async fn test_all(workspace: &Workspace, options: &Options) -> Result<Counterparts> {
    let mut steps = Steps::new(SOURCE_STEPS + 4 + if options.long { 2 } else { 0 });
    check_sources(workspace, &mut steps).await?;
    steps.begin(
        "compile the components and the tests, with clippy's lints; meanwhile, get the counterparts of the tests",
    );
    let ((), counterparts) = tokio::try_join!(compile(workspace), Counterparts::get(workspace))?;
    counterparts.print_omitted_parts();

    steps.begin("start Postgres and Redis, migrate the template of the tests' databases");
    let hydra = counterparts.hydra.as_deref().ok();
    let servers = TestServers::start(workspace, hydra).await?;
    steps.begin("cargo test --workspace");
    run_tests(workspace, &[], Some(&servers), Some(&counterparts)).await?;
    drop(servers);

    steps.begin("the Connect project's conformance suite");
    if let Ok(runner) = &counterparts.conformance_runner {
        conformance::conformance_of_compiled(workspace, runner, &conformance::Options::default()).await?;
    }
    if options.long {
        steps.begin("the packages and the documentation of the crates for other projects");
        check_published_crates(workspace).await?;
        steps.begin("docs/ADD-A-SERVICE.md, step by step in a copy of the workspace");
        tutorial::follow(workspace).await?;
    }
    steps.finish();
    Ok(counterparts)
}

/// Runs the tests that these arguments of `cargo test` select. Compiles and starts only what these tests need.
async fn test_few(workspace: &Workspace, arguments: &[String]) -> Result<Option<Counterparts>> {
    let arguments = with_targets(arguments);
    let mut steps = Steps::new(5);
    steps.begin("compile the tests");
    let mut cargo = compile::linting_cargo()?;
    cargo.args(["test", "--workspace", "--no-run"]).args(&arguments);
    run(cargo.current_dir(workspace.root())).await?;
    let needs = selection::needs(workspace, &arguments).await?;

    steps.begin("compile the components that they need, without link-time optimization");
    build::components_for_few_tests(workspace, &needs.packages).await?;
    steps.begin("get the counterparts that they need");
    let counterparts = match needs.counterparts {
        true => Some(Counterparts::get(workspace).await?),
        false => None,
    };
    if let Some(counterparts) = &counterparts {
        counterparts.print_omitted_parts();
    }
    steps.begin("start the servers that they need");
    let hydra = counterparts
        .as_ref()
        .and_then(|found| found.hydra.as_deref().ok());
    let servers = match needs.servers {
        true => Some(TestServers::start(workspace, hydra).await?),
        false => None,
    };
    steps.begin("run the tests");
    run_tests(workspace, &arguments, servers.as_ref(), counterparts.as_ref()).await?;
    steps.finish();
    Ok(counterparts)
}

/// Adds all targets except the examples in documentation, if the arguments name no target. Examples have no names, and
/// checking that takes longer than running a test.
fn with_targets(arguments: &[String]) -> Vec<String> {
    const TARGETS: [&str; 10] = [
        "--all-targets",
        "--bench",
        "--benches",
        "--bin",
        "--bins",
        "--example",
        "--examples",
        "--lib",
        "--test",
        "--tests",
    ];
    let of_cargo = arguments.iter().take_while(|argument| *argument != "--");
    let names_targets = of_cargo.into_iter().any(|argument| {
        let option = argument.split('=').next().unwrap_or_default();
        TARGETS.contains(&option)
    });
    let all = ["--lib", "--bins", "--tests"].map(str::to_owned);
    match names_targets {
        true => arguments.to_vec(),
        false => [&all, arguments].concat(),
    }
}

/// Runs `cargo test --workspace` with these arguments, and passes the available servers and programs to the tests.
async fn run_tests(
    workspace: &Workspace,
    arguments: &[String],
    servers: Option<&TestServers>,
    counterparts: Option<&Counterparts>,
) -> Result<()> {
    // The same cargo that compiled the tests. Another one would compile our crates again.
    let mut cargo = compile::linting_cargo()?;
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .current_dir(workspace.root());
    if let Some(servers) = servers {
        servers.pass_to(&mut cargo);
    }
    if let Some(Ok(program)) = counterparts.map(|found| &found.browser) {
        cargo.env("AKINAI_TEST_BROWSER", program);
    }
    if let Some(Ok(program)) = counterparts.map(|found| &found.hydra) {
        cargo.env("AKINAI_TEST_HYDRA", program);
    }
    if counterparts.is_some_and(|found| found.go.is_ok()) {
        cargo.env("AKINAI_TEST_GO", "yes");
    }
    let outcome = run(&mut cargo).await;
    outcome.context("a test failed. To run it again, name it: `cargo xtask test -- PART_OF_ITS_NAME`")
}

/// The arguments of `cargo xtask check`: unit tests, and the tests that read the source code.
const QUICK_TESTS: [&str; 12] = [
    "test",
    "--workspace",
    "--lib",
    "--bins",
    "--test",
    "configuration",
    "--test",
    "source_rules",
    "--test",
    "tidy",
    "--test",
    "tutorial",
];

/// The quick check after a change: contracts, format, lints, unit tests and the rules about source code. Compiles no component
/// to WebAssembly and starts no server.
///
/// # Errors
/// A check fails, as in [`test`].
pub async fn check(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new(SOURCE_STEPS + 2);
    check_sources(workspace, &mut steps).await?;
    steps.begin("compile the tests, with clippy's lints");
    again(build::tests(workspace).await?.deny(), "cargo xtask check")?;
    steps.begin("run the unit tests, and the rules about source code");
    let mut cargo = compile::linting_cargo()?;
    let tests = run(cargo.args(QUICK_TESTS).current_dir(workspace.root())).await;
    again(tests, &format!("cargo {}", QUICK_TESTS.join(" ")))?;
    steps.finish();
    Ok(())
}

/// Compiles everything that tests use, and denies warnings. Two cargos run at once: near its end each uses only one
/// core, and the other one uses the second core.
async fn compile(workspace: &Workspace) -> Result<()> {
    let (components, tests) = tokio::try_join!(
        build::components_and_those_of_tests(workspace),
        build::tests(workspace)
    )?;
    again(components.and(tests).deny(), "cargo xtask test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_are_selected_where_the_arguments_name_none() {
        let cases = [
            ("cart", "--lib --bins --tests cart"),
            ("--test serving limits", "--test serving limits"),
            ("--lib parse", "--lib parse"),
            (
                "cart -- --test-threads=1",
                "--lib --bins --tests cart -- --test-threads=1",
            ),
        ];
        for (arguments, expected) in cases {
            let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
            assert_eq!(with_targets(&arguments).join(" "), expected);
        }
    }
}
