//! Go programs of other projects. Each is built once from a pinned module of ours (`tools/NAME/go.mod` and `go.sum`)
//! into `.akinai/go/`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::process::{EndSignal, Process, output};
use crate::ui;
use crate::workspace::Workspace;

/// How often a build reports its progress.
const BETWEEN_REPORTS: Duration = Duration::from_secs(15);

/// How many lines of the compiler's output are shown when a build fails.
const SHOWN_LINES: usize = 20;

/// A program in Go.
#[derive(Clone, Copy, Debug)]
pub struct GoProgram {
    /// The program's name. The folder of its module below `tools/` has the same name.
    pub name: &'static str,
    /// The package with `main`.
    pub package: &'static str,
    /// Options for the linker (`-ldflags`).
    pub linker_flags: &'static str,
}

impl GoProgram {
    /// Returns the built program. It is built if it was not built yet, or if its module has changed since.
    ///
    /// # Errors
    /// Go is not installed, a module cannot be downloaded, or the program does not compile; the message says which.
    pub async fn get(&self, workspace: &Workspace) -> Result<PathBuf> {
        let built = Built::of(self, workspace)?;
        if !built.is_current() {
            find_go()?;
            self.build(&built).await?;
        }
        Ok(built.program)
    }

    async fn build(&self, built: &Built) -> Result<()> {
        std::fs::create_dir_all(&built.folder)
            .with_context(|| format!("cannot create {}", built.folder.display()))?;
        let log = built.folder.join(format!("{}.log", self.name));
        let new = built.folder.join(format!("{}.new", self.name));
        let mut go = Command::new("go");
        // Without cgo the build needs no C compiler, and the program needs no library of the machine. `-v` prints one
        // line per package.
        go.args([
            "build",
            "-v",
            "-trimpath",
            "-mod=readonly",
            "-ldflags",
            self.linker_flags,
            "-o",
        ])
        .arg(&new)
        .arg(self.package)
        .current_dir(&built.module)
        .env("CGO_ENABLED", "0")
        .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
        let mut process = Process::spawn(&mut go, EndSignal::Terminate)?;
        let began = Instant::now();
        let status = loop {
            match tokio::time::timeout(BETWEEN_REPORTS, process.wait()).await {
                Ok(status) => break status?,
                Err(_) => ui::detail(format_args!(
                    "{} after {}",
                    progress(&log),
                    ui::seconds(began.elapsed())
                )),
            }
        };
        if !status.success() {
            bail!(
                "`go build {}` failed: {status}\n{}",
                self.package,
                last_lines(&log)
            );
        }
        std::fs::rename(&new, &built.program)
            .with_context(|| format!("cannot write {}", built.program.display()))?;
        std::fs::write(&built.stamp, &built.fingerprint)
            .with_context(|| format!("cannot write {}", built.stamp.display()))
    }
}

/// Where a program is built, and from which files.
struct Built {
    module: PathBuf,
    folder: PathBuf,
    program: PathBuf,
    /// Contains the fingerprint of the sources of the build.
    stamp: PathBuf,
    fingerprint: String,
}

impl Built {
    fn of(program: &GoProgram, workspace: &Workspace) -> Result<Built> {
        let module = workspace.tools().join(program.name);
        let folder = workspace.private().join("go");
        let mut hash = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            let file = module.join(file);
            let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            hash.update(text);
        }
        hash.update(program.package);
        hash.update(program.linker_flags);
        let fingerprint = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Built {
            module,
            program: folder.join(program.name),
            stamp: folder.join(format!("{}.built-from", program.name)),
            folder,
            fingerprint,
        })
    }

    fn is_current(&self) -> bool {
        let stamp = std::fs::read_to_string(&self.stamp);
        self.program.is_file() && stamp.is_ok_and(|stamp| stamp == self.fingerprint)
    }
}

/// Checks that Go is installed.
///
/// # Errors
/// It is not installed. The message says what to install.
pub(crate) fn find_go() -> Result<()> {
    let version = output(Command::new("go").arg("version"));
    version
        .map(|_| ())
        .context("Go is not installed: get Go 1.24 or newer (https://go.dev/dl)")
}

/// The progress of a build, read from Go's output: one line per downloaded module, and one per compiled package.
fn progress(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let downloaded = text
        .lines()
        .filter(|line| line.starts_with("go: downloading"))
        .count();
    let compiled = text.lines().filter(|line| !line.starts_with("go: ")).count();
    format!("{downloaded} modules downloaded, {compiled} packages compiled")
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: GoProgram = GoProgram {
        name: "hydra",
        package: "github.com/ory/hydra/v2",
        linker_flags: "",
    };

    #[test]
    fn progress_is_read_from_the_output_of_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        std::fs::write(
            &log,
            "go: downloading a v1\ngo: downloading b v1\ncompress/flate\nexample.org/a\nnet\n",
        )
        .expect("written");
        assert_eq!(progress(&log), "2 modules downloaded, 3 packages compiled");
        assert_eq!(
            progress(&folder.path().join("none")),
            "0 modules downloaded, 0 packages compiled"
        );
    }

    #[test]
    fn build_with_other_flags_is_not_current() {
        let built = Built::of(&PROGRAM, &Workspace::here()).expect("the module is there");
        let other = GoProgram {
            linker_flags: "-s",
            ..PROGRAM
        };
        let other = Built::of(&other, &Workspace::here()).expect("the module is there");
        assert_ne!(built.fingerprint, other.fingerprint);

        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = |built: Built| Built {
            program: folder.path().join("program"),
            stamp: folder.path().join("stamp"),
            ..built
        };
        let (built, other) = (here(built), here(other));
        assert!(!built.is_current(), "nothing was built yet");
        std::fs::write(&built.program, "").expect("written");
        std::fs::write(&built.stamp, &built.fingerprint).expect("written");
        assert!(built.is_current());
        assert!(!other.is_current(), "it was built with other flags");
    }
}
