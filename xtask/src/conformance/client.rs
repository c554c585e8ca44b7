//! The client under test, as the runner starts it. A program between the runner and the client
//! (`tests/conformance-bridge`) starts the hosts that run the client.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::host;
use crate::process::run;
use crate::workspace::{BuildProfile, Workspace};

/// The program between the runner and the client.
pub(super) const BRIDGE: &str = "conformance-bridge";

/// The program and its arguments: the command that starts a host. The program adds the listen address to that command.
pub(super) fn program(workspace: &Workspace) -> Vec<OsString> {
    let host = host(workspace, "conformance-client");
    let mut program = vec![
        workspace.native_program(BuildProfile::Dev, BRIDGE).into(),
        host.get_program().to_owned(),
    ];
    program.extend(host.get_args().map(OsString::from));
    program.push("--listen".into());
    program
}

/// Lets a host compile the client and cache it, because the runner waits only 20 s for the first of all answers.
///
/// # Errors
/// The host does not start.
pub(super) async fn warm_up(workspace: &Workspace) -> Result<()> {
    let program = program(workspace);
    let (bridge, arguments) = program.split_first().context("there is a program")?;
    run(Command::new(bridge).args(arguments))
        .await
        .context("the client under test does not start")
}
