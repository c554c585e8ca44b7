//! `cargo xtask conformance`: the Connect project's own conformance suite, which decides what speaking its protocols means.
//!
//! The runner is a Go program, pinned in `tools/conformance` and built once. It starts a program that we name for each
//! configuration that it tests, tells it on its standard input what is wanted, and compares every answer with what the
//! suite expects. docs/CONFORMANCE.md has the figures.

mod server;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::process::{output, run};
use crate::ui::Steps;
use crate::workspace::Workspace;

pub use self::server::serve;

/// The runner's version, as `tools/conformance/go.mod` has it.
const VERSION: &str = "1.0.7";

/// The variable that names a Spin to run the test service on, instead of our host.
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
fn subjects() -> Result<Vec<Subject>> {
    let xtask = env::current_exe().context("cannot tell where this program is")?;
    Ok(vec![Subject {
        mode: "server",
        claims: "server.yaml",
        program: vec![xtask.into(), "conformance-server".into()],
    }])
}

/// Compiles what is tested, builds the runner if there is none, and runs every case.
///
/// # Errors
/// Something does not compile, Go is missing, or a case failed: the runner has said which and why.
pub async fn conformance(workspace: &Workspace, options: Options) -> Result<()> {
    let subjects = subjects()?;
    let mut steps = Steps::new(2 + subjects.len());
    steps.begin("compile the components, those of the tests included, and the host");
    build::components_and_those_of_tests(workspace).await?;
    build::native(workspace, &[]).await?;
    steps.begin("have the conformance runner (built by Go, once, in about two minutes)");
    let runner = runner(workspace).await?;
    for subject in &subjects {
        steps.begin(format_args!(
            "run the conformance suite against our {}",
            subject.mode
        ));
        check(workspace, &runner, subject, &options).await?;
    }
    steps.finish();
    Ok(())
}

/// Runs the suite as a part of all tests, when everything is compiled already.
///
/// # Errors
/// As [`conformance`].
pub(crate) async fn conformance_of_compiled(workspace: &Workspace) -> Result<()> {
    let runner = runner(workspace).await?;
    for subject in &subjects()? {
        check(workspace, &runner, subject, &Options::default()).await?;
    }
    Ok(())
}

/// Whether there is a Go, which the runner needs.
///
/// # Errors
/// There is none; the message says what to install.
pub(crate) fn find_go() -> Result<()> {
    let version = output(Command::new("go").arg("version"));
    version.map(drop).context(
        "the conformance runner of the Connect project is a Go program, and there is no `go`.\n\
         Install Go 1.21 or newer, which gets the version that it needs by itself: https://go.dev/dl",
    )
}

/// The runner, built unless it is there.
async fn runner(workspace: &Workspace) -> Result<PathBuf> {
    let program = workspace
        .private()
        .join(format!("conformance/connectconformance-{VERSION}"));
    if program.exists() {
        return Ok(program);
    }
    find_go()?;
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&program)
        .arg("connectrpc.com/conformance/cmd/connectconformance")
        .current_dir(folder(workspace));
    run(&mut go)
        .await
        .context("the conformance runner cannot be built")?;
    Ok(program)
}

/// Where the runner's version and what we claim to support is written down.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("conformance")
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
