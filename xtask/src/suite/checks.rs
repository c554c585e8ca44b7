//! Checks that need no server: contracts, format, lints, and the crates for other projects.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, run};
use crate::ui::Steps;
use crate::workspace::Workspace;

/// The contracts of the last version. `buf build proto --exclude-source-info -o FILE` generates the file for a new
/// version.
const LAST_CONTRACTS: &str = "tools/contracts-0.1.0.binpb";

/// The crates that other projects use without the rest of the workspace.
const PUBLISHED_CRATES: [&str; 2] = ["akinai-connect", "akinai-connect-build"];

/// How many steps [`check_sources`] has.
pub(super) const SOURCE_STEPS: usize = 2;

/// Checks that need no compiler: the contracts and the format.
pub(super) async fn check_sources(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.begin("buf: the contracts in proto/, and their compatibility with the last version");
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

/// Packs the published crates, compiles each from its package alone, and builds their documentation.
pub(super) async fn check_published_crates(workspace: &Workspace) -> Result<()> {
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

/// Adds the command that repeats the failed check to its error.
pub(super) fn again(result: Result<()>, command: &str) -> Result<()> {
    result.with_context(|| format!("this check failed; to run only it: `{command}`"))
}

/// Installs the pinned buf CLI if it is missing. npm writes a copy of the lock file when the installation is complete.
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
        Err(error) => return Err(error).context("cannot read tools/node_modules"),
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
