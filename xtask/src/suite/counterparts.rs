//! Programs of other projects that tests need and that a machine may lack.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{browser, conformance, go, hydra, ui};

/// The programs that were found or built. A missing program is an error, which is shown.
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
            "get Ory Hydra {} and the conformance runner (Go builds them once, in some minutes)",
            hydra::VERSION
        ));
        Ok(Self {
            browser,
            go: needed_in_ci(go::find_go(), is_ci)?,
            hydra: needed_in_ci(hydra::program(workspace).await, is_ci)?,
            conformance_runner: needed_in_ci(conformance::runner(workspace).await, is_ci)?,
        })
    }

    pub(super) fn print_omitted_parts(&self) {
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

/// A program may be missing on a developer's machine, but not in CI: a green run in CI means that all tests have run.
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
    fn missing_program_fails_a_run_only_in_ci() {
        let missing = || Err::<(), _>(anyhow!("there is none"));
        assert!(needed_in_ci(missing(), true).is_err());
        assert!(needed_in_ci(missing(), false).is_ok_and(|found| found.is_err()));
        assert!(needed_in_ci(Ok(()), true).is_ok_and(|found| found.is_ok()));
    }
}
