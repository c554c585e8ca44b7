//! Programs of other projects that tests need, and a machine may lack.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{browser, conformance, go, hydra, ui};

/// What was found or built; a program that is missing is an error to be shown.
pub(super) struct Counterparts {
    pub(super) browser: Result<PathBuf>,
    /// Compiles the clients in Go.
    pub(super) go: Result<()>,
    pub(super) hydra: Result<PathBuf>,
    pub(super) conformance_runner: Result<PathBuf>,
}

impl Counterparts {
    /// Finds or builds each.
    ///
    /// # Errors
    /// With `CI=true`, Go, Hydra or the conformance runner is missing.
    pub(super) async fn get(workspace: &Workspace) -> Result<Self> {
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

    pub(super) fn say_what_is_left_out(&self) {
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
