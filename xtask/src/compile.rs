//! Runs cargo and reads its messages: which packages had warnings.
//!
//! The workspace's crates are compiled by clippy's driver. It is the compiler, and it also prints clippy's warnings.
//! `cargo clippy` would compile every dependency a second time, only to check our crates (docs/decisions/0007).

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::{self, EndSignal, Process, command_line, output};

/// The packages whose code had warnings, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warned(BTreeSet<String>);

impl Warned {
    /// The packages of both.
    #[must_use]
    pub fn and(mut self, other: Warned) -> Warned {
        self.0.extend(other.0);
        self
    }

    /// # Errors
    /// There were warnings. The message names the packages.
    pub fn deny(self) -> Result<()> {
        let names: Vec<String> = self.0.into_iter().collect();
        match names.is_empty() {
            true => Ok(()),
            false => bail!("there are warnings (see above) in {}", names.join(", ")),
        }
    }
}

/// A cargo that compiles the workspace's crates with clippy's lints.
///
/// # Errors
/// Clippy is not installed.
pub fn linting_cargo() -> Result<Command> {
    let mut cargo = process::cargo();
    cargo.env("RUSTC_WORKSPACE_WRAPPER", clippy_driver()?);
    Ok(cargo)
}

/// The driver's full path, because cargo keeps separate build results for each path. rustup's own `clippy-driver` would
/// be another path.
fn clippy_driver() -> Result<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let driver = PathBuf::from(sysroot.trim()).join("bin/clippy-driver");
    if !driver.exists() {
        bail!(
            "clippy is not installed: the tests are compiled with its lints.\n\
             rustup: `rustup component add clippy`; Debian: `apt-get install rust-clippy`"
        );
    }
    Ok(driver)
}

/// Runs a cargo command that compiles, and prints the compiler's messages. Cargo repeats the warnings of crates that it
/// does not need to compile again.
///
/// # Errors
/// The code does not compile.
pub async fn run(cargo: &mut Command) -> Result<Warned> {
    let format = match std::io::stderr().is_terminal() {
        true => "--message-format=json-diagnostic-rendered-ansi",
        false => "--message-format=json",
    };
    let mut process = Process::spawn(cargo.arg(format).stdout(Stdio::piped()), EndSignal::Terminate)?;
    let messages = process.stdout().context("cargo was started without a pipe")?;
    // The reader ends when the pipe closes. The pipe closes when cargo ends, also when cargo is killed.
    let listening = tokio::task::spawn_blocking(move || listen(messages));
    let status = process.wait().await?;
    let warned = listening.await??;
    if !status.success() {
        bail!("`{}` failed: {status}", command_line(cargo));
    }
    Ok(warned)
}

fn listen(messages: ChildStdout) -> Result<Warned> {
    let mut warned = Warned::default();
    for line in BufReader::new(messages).lines() {
        let line = line.context("cannot read cargo's messages")?;
        let message: Value = serde_json::from_str(&line).context("cargo printed no JSON")?;
        if message["reason"] != "compiler-message" {
            continue;
        }
        eprint!("{}", message["message"]["rendered"].as_str().unwrap_or_default());
        if message["message"]["level"] == "warning" {
            let id = message["package_id"].as_str().unwrap_or_default();
            warned.0.insert(package_name(id).to_owned());
        }
    }
    Ok(warned)
}

/// The name in a package id: `path+file:///checkout/crates/host#akinai-host@0.1.0`, or `…/xtask#0.1.0` where folder and
/// package have the same name.
fn package_name(id: &str) -> &str {
    let (folder, rest) = id.rsplit_once('#').unwrap_or((id, ""));
    match rest.split_once('@') {
        Some((name, _)) => name,
        None => folder.rsplit('/').next().unwrap_or(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_name_is_read_from_cargos_package_id() {
        for (id, name) in [
            ("path+file:///a/crates/host#akinai-host@0.1.0", "akinai-host"),
            ("path+file:///a/xtask#0.1.0", "xtask"),
        ] {
            assert_eq!(package_name(id), name, "{id}");
        }
    }

    /// A whole crate with one clippy warning, compiled in the same way as the workspace.
    #[tokio::test]
    async fn clippy_warning_is_reported_again_when_nothing_is_compiled() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("a file");
        write(
            "Cargo.toml",
            "[package]\nname = \"warned\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n",
        );
        write("lib.rs", "pub fn f(x: i32) -> i32 {\n    return x;\n}\n");
        for time in ["compiled", "cached"] {
            let mut cargo = linting_cargo().expect("clippy is installed");
            cargo.args(["build", "--offline", "--quiet"]);
            cargo.env_remove("CARGO_TARGET_DIR").current_dir(folder.path());
            let warned = run(&mut cargo).await.expect("it compiles");
            let error = warned.deny().expect_err("`return` at the end is needless");
            assert!(error.to_string().contains("warned"), "{time}: {error}");
        }
        write("lib.rs", "pub fn f(x: i32) -> i32 {\n    x\n}\n");
        let mut cargo = linting_cargo().expect("clippy is installed");
        cargo.args(["build", "--offline", "--quiet"]);
        cargo.env_remove("CARGO_TARGET_DIR").current_dir(folder.path());
        let warned = run(&mut cargo).await.expect("it compiles");
        assert_eq!(warned, Warned::default(), "there is no warning left");
    }
}
