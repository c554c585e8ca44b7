//! `cargo xtask conformance`: the Connect project's own conformance suite, which decides what speaking its protocols means.
//!
//! The runner is a Go program, pinned in `tools/conformance` and built once. It starts a program that we name for each
//! configuration that it tests, tells it on its standard input what is wanted, and compares every answer with what the
//! suite expects. docs/CONFORMANCE.md has the figures.

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

/// The runner, in the version that `tools/conformance/go.mod` has.
const RUNNER: GoProgram = GoProgram {
    name: "conformance",
    package: "connectrpc.com/conformance/cmd/connectconformance",
    linker_flags: "-s -w",
};

/// The variable that names a Spin to run what is tested on, instead of our host.
const SPIN: &str = "AKINAI_SPIN";

/// The options of `cargo xtask conformance`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Only the cases that this pattern names, such as `Basic/**`; may be given more than once.
    #[arg(long, value_name = "PATTERN")]
    run: Vec<String>,
}

/// What is tested: one side of the protocol.
struct Subject {
    /// What the runner calls it: it plays the other side itself.
    mode: &'static str,
    /// What it claims to support: a file in `tools/conformance`.
    claims: &'static str,
    /// The program that the runner starts for each configuration, and its arguments.
    program: Vec<OsString>,
}

/// Everything that is tested.
fn subjects(workspace: &Workspace) -> [Subject; 2] {
    // By its place and not as what runs now: compiling the tests has put another file there.
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

/// Compiles what is tested, builds the runner if there is none, and runs every case.
///
/// # Errors
/// Something does not compile, Go is missing, or a case failed: the runner has said which and why.
pub async fn conformance(workspace: &Workspace, options: Options) -> Result<()> {
    let mut steps = Steps::new(3);
    steps.begin("compile the components, those of the tests included, and the host");
    build::components_and_those_of_tests(workspace).await?;
    build::programs(workspace, BuildProfile::Dev, PROGRAMS).await?;
    steps.begin("have the conformance runner (built by Go, once, in about two minutes)");
    let runner = runner(workspace).await?;
    steps.begin("run the conformance suite against our server and our client");
    conformance_of_compiled(workspace, &runner, &options).await?;
    steps.finish();
    Ok(())
}

/// Runs the suite when everything is compiled already.
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

/// The runner, built unless it is there.
///
/// # Errors
/// Go is not installed, or the runner does not compile; the message says which.
pub(crate) async fn runner(workspace: &Workspace) -> Result<PathBuf> {
    let runner = RUNNER.get(workspace).await;
    runner.context("there is no runner of the Connect project's conformance suite, and none can be built")
}

/// Where the runner's version and what we claim to support is written down.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("conformance")
}

/// The command that runs the application in a folder of `tests`: on our host, or on the Spin that the environment names.
fn host(workspace: &Workspace, application: &str) -> Command {
    let manifest = workspace.root().join("tests").join(application).join("spin.toml");
    match env::var_os(SPIN) {
        None => {
            let mut host = Command::new(workspace.native_program(BuildProfile::Dev, "akinai-host"));
            host.arg("--manifest").arg(manifest);
            host.arg("--cache-dir").arg(workspace.private().join("cache"));
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
            "the conformance suite failed; what failed is above. To run a part of it again: \
             `cargo xtask conformance --run PATTERN`\n{error:#}"
        );
    }
    Ok(())
}
