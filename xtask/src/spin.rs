//! An installed Spin, for `cargo xtask up --spin`.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::output;
use crate::workspace::Workspace;

/// The oldest version that runs these components. 4.1 is the first version with the final WASI 0.3.
const OLDEST: (u64, u64) = (4, 1);

const HOW_TO_GET_IT: &str = "Get a newer one from https://spinframework.dev/install, or leave `--spin` out: \
                             the host in this repository runs the same application.";

/// A Spin that is new enough.
#[derive(Debug)]
pub struct Spin {
    version: String,
}

/// Finds `spin` on the PATH.
///
/// # Errors
/// There is none, or it is too old. The message says how to get one.
pub fn find() -> Result<Spin> {
    let version = output(Command::new("spin").arg("--version")).with_context(|| {
        format!(
            "`--spin` needs Spin {}.{} or newer. {HOW_TO_GET_IT}",
            OLDEST.0, OLDEST.1
        )
    })?;
    let version = version.trim().to_owned();
    match parse_version(&version) {
        Some(found) if found >= OLDEST => Ok(Spin { version }),
        Some((major, minor)) => bail!(
            "this is Spin {major}.{minor}; these components need {}.{} or newer. {HOW_TO_GET_IT}",
            OLDEST.0,
            OLDEST.1
        ),
        None => bail!("`spin --version` prints `{version}`, which is not a version of Spin. {HOW_TO_GET_IT}"),
    }
}

impl Spin {
    /// The command that runs the application for events.
    pub fn up_events(&self, workspace: &Workspace) -> Command {
        let mut command = Command::new("spin");
        command
            .args(["up", "--from"])
            .arg(workspace.events_manifest())
            .arg("--state-dir")
            .arg(workspace.private().join("spin/events"))
            .arg("--log-dir")
            .arg(workspace.private().join("spin/logs"));
        command
    }

    /// The command that runs the application of `manifest`.
    pub fn up(&self, workspace: &Workspace, manifest: &Path, listen: SocketAddr) -> Command {
        let mut command = Command::new("spin");
        command
            .args(["up", "--from"])
            .arg(manifest)
            .args(["--listen", &listen.to_string()])
            .arg("--state-dir")
            .arg(workspace.private().join("spin"))
            .arg("--log-dir")
            .arg(workspace.private().join("spin/logs"));
        command
    }
}

impl fmt::Display for Spin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)
    }
}

/// `spin 4.1.0 (2cf8fc5 2026-09-30)` → (4, 1).
fn parse_version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.strip_prefix("spin ")?.split(['.', '-', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_output_of_spin() {
        assert_eq!(parse_version("spin 4.1.0 (2cf8fc5 2026-09-30)"), Some((4, 1)));
        assert_eq!(
            parse_version("spin 4.10.2-pre0 (2cf8fc5 2026-09-30)"),
            Some((4, 10))
        );
        assert_eq!(
            parse_version("SPIN Version 6.5.2"),
            None,
            "the model checker is also called `spin`"
        );
        assert!((4, 10) > OLDEST && (4, 0) < OLDEST && (3, 9) < OLDEST);
    }
}
