//! `cargo xtask conformance`: the Connect project's own conformance suite, which defines correct behaviour for its
//! protocols.
//!
//! The runner is a Go program, pinned in `tools/conformance` and built once. It starts one of our programs for each
//! configuration that it tests, sends the wanted settings to its standard input, and compares every answer with the
//! expected one. docs/CONFORMANCE.md has the results.

mod client;
mod server;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::go::GoProgram;
use crate::process::run;
use crate::ui::Steps;
use crate::workspace::{BuildProfile, Workspace};

pub use self::server::serve;

/// The runner, in the version of `tools/conformance/go.mod`.
const RUNNER: GoProgram = GoProgram {
    name: "conformance",
    package: "connectrpc.com/conformance/cmd/connectconformance",
    linker_flags: "-s -w",
};

/// The variable that names a Spin to run the tested components instead of our host.
const SPIN: &str = "AKINAI_SPIN";

/// The options of `cargo xtask conformance`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Run only the cases that match this pattern, such as `Basic/**`. May be given more than once.
    #[arg(long, value_name = "PATTERN")]
    run: Vec<String>,
}

/// One side of the protocol, to be tested.
struct Subject {
    /// The runner's name for this side. The runner itself plays the other side.
    mode: &'static str,
    /// The features that it supports: a file in `tools/conformance`.
    claims: &'static str,
    /// The program that the runner starts for each configuration, and its arguments.
    program: Vec<OsString>,
}

/// All sides that are tested.
fn subjects(workspace: &Workspace) -> [Subject; 2] {
    // The file's path, not the running program: compiling the tests has put another file in its place.
    let xtask = workspace.native_program(BuildProfile::Dev, "xtask");
    let server = Subject {
        mode: "server",
        claims: "server.yaml",
        program: vec![xtask.into(), "conformance-server".into()],
    };
    let client = Subject {
        mode: "client",
        claims: "client.yaml",
        program: client::program(workspace),
    };
    [server, client]
}

/// The native programs that the suite needs.
const PROGRAMS: &[&str] = &["akinai-host", client::BRIDGE];

/// Compiles the components and programs, builds the runner if it is missing, and runs every case.
///
/// # Errors
/// Something does not compile, Go is missing, or a case failed. The runner has printed which case and why.
pub async fn conformance(workspace: &Workspace, options: Options) -> Result<()> {
    let mut steps = Steps::new(3);
    steps.begin("compile the components, including those of the tests, and the host");
    build::components_and_those_of_tests(workspace).await?;
    build::programs(workspace, BuildProfile::Dev, PROGRAMS).await?;
    steps.begin("get the conformance runner (Go builds it once, in about two minutes)");
    let runner = runner(workspace).await?;
    steps.begin("run the conformance suite against our server and our client");
    conformance_of_compiled(workspace, &runner, &options).await?;
    steps.finish();
    Ok(())
}

/// Runs the suite when everything has been compiled.
///
/// # Errors
/// As [`conformance`].
pub(crate) async fn conformance_of_compiled(
    workspace: &Workspace,
    runner: &Path,
    options: &Options,
) -> Result<()> {
    server::warm_up(workspace).await?;
    client::warm_up(workspace).await?;
    for subject in &subjects(workspace) {
        check(workspace, runner, subject, options).await?;
    }
    Ok(())
}

/// The runner. It is built if it is missing.
///
/// # Errors
/// Go is not installed, or the runner does not compile. The message says which.
pub(crate) async fn runner(workspace: &Workspace) -> Result<PathBuf> {
    let runner = RUNNER.get(workspace).await;
    runner.context("there is no runner of the Connect project's conformance suite, and none can be built")
}

/// The folder with the runner's version and the lists of supported features.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("conformance")
}

/// The command that runs the application in a folder of `tests`: on our host, or on the Spin of the environment.
fn host(workspace: &Workspace, application: &str) -> Command {
    let manifest = workspace.root().join("tests").join(application).join("spin.toml");
    match env::var_os(SPIN) {
        None => {
            let mut host = Command::new(workspace.native_program(BuildProfile::Dev, "akinai-host"));
            host.arg("--manifest").arg(manifest);
            host.arg("--cache-dir").arg(workspace.private().join("cache"));
            // The suite runs its cases at the same time, from one address.
            host.args(["--requests-per-address", "100000"]);
            host.env("RUST_LOG", "warn");
            host
        }
        Some(spin) => {
            let state = workspace.private().join("spin").join(application);
            let mut spin = Command::new(spin);
            spin.args(["up", "--quiet", "--from"]).arg(manifest);
            spin.arg("--log-dir").arg(state.join("logs"));
            spin.arg("--state-dir").arg(state);
            spin
        }
    }
}

async fn check(workspace: &Workspace, runner: &Path, subject: &Subject, options: &Options) -> Result<()> {
    let mut command = Command::new(runner);
    command
        .args(["--mode", subject.mode, "--conf"])
        .arg(folder(workspace).join(subject.claims))
        .args(options.run.iter().flat_map(|pattern| ["--run", pattern]))
        .arg("--")
        .args(&subject.program)
        .current_dir(workspace.root());
    if let Err(error) = run(&mut command).await {
        bail!(
            "the conformance suite failed; the failed cases are above. To run some of them again: \
             `cargo xtask conformance --run PATTERN`\n{error:#}"
        );
    }
    Ok(())
}
