//! The compiler for components: a Rust that can build for `wasm32-wasip2`.
//!
//! Where rustup's server can be reached, the target comes from rustup. Some machines can reach only package registries.
//! There, Debian's own Rust (which Debian keeps current for its browsers) is unpacked into a folder of the project, and
//! its standard library for the target is built from source. Linking needs two tools that Debian lacks and that every
//! rustup toolchain has: `rust-lld` and `wasm-component-ld`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use clap::ValueEnum as _;

use crate::debian::{self, WantedPackage};
use crate::process::{self, output, run};
use crate::ui::{self, Steps};
use crate::workspace::Workspace;

/// The target that components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// The time that rustup gets for its download (about 20 MB). Where a firewall drops its packets, rustup would try for
/// much longer.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// The variable that chooses the [`RustOrigin`] where no option does: in `build`, `up` and `test`. It is used for tests
/// of this module.
const CHOICE: &str = "AKINAI_WASM_RUST";

/// The source of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RustOrigin {
    /// `rustup target add`.
    Rustup,
    /// Debian's packages, unpacked into `.akinai/toolchain`.
    Debian,
}

/// A Rust that can build components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WasmRust {
    /// The Rust that everything else is built with.
    Installed,
    /// Another compiler. The value is its path.
    Unpacked(PathBuf),
}

impl WasmRust {
    /// A `cargo` that uses this compiler.
    pub fn cargo(&self) -> Command {
        let mut cargo = process::cargo();
        if let WasmRust::Unpacked(rustc) = self {
            cargo.env("RUSTC", rustc);
        }
        cargo
    }
}

impl fmt::Display for WasmRust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WasmRust::Installed => f.write_str("the installed Rust"),
            WasmRust::Unpacked(rustc) => write!(f, "{}", rustc.display()),
        }
    }
}

impl RustOrigin {
    /// The choice of the environment.
    fn from_environment() -> Result<Option<RustOrigin>> {
        match std::env::var(CHOICE) {
            Err(_) => Ok(None),
            Ok(name) => match RustOrigin::from_str(&name, false) {
                Ok(origin) => Ok(Some(origin)),
                Err(_) => bail!("{CHOICE} is `{name}`, but can only be `rustup` or `debian`"),
            },
        }
    }
}

/// Finds a Rust that can build components, and gets one if there is none. With `origin`, only that source is used.
///
/// # Errors
/// Both sources fail. The message gives the reason for each, and what to do.
pub async fn wasm_rust(workspace: &Workspace, origin: Option<RustOrigin>) -> Result<WasmRust> {
    let origin = origin.or(RustOrigin::from_environment()?);
    let debian = DebianRust::new(workspace);
    if origin != Some(RustOrigin::Debian) && installed_has_target()? {
        return Ok(WasmRust::Installed);
    }
    if origin != Some(RustOrigin::Rustup) && debian.is_complete() {
        return debian.ready();
    }
    if origin.is_none() {
        ui::detail(format_args!("this Rust cannot build for {TARGET} yet"));
    }
    let mut steps = Steps::new(match origin {
        Some(RustOrigin::Rustup) => 1,
        Some(RustOrigin::Debian) => 5,
        None => 6,
    });
    let from_rustup = match origin {
        Some(RustOrigin::Debian) => Err(anyhow!("not tried")),
        _ => add_with_rustup(&mut steps).await,
    };
    let Err(rustup_error) = from_rustup else {
        steps.finish();
        return Ok(WasmRust::Installed);
    };
    if origin == Some(RustOrigin::Rustup) {
        return Err(rustup_error);
    }
    if origin.is_none() {
        ui::detail(format_args!("no: {rustup_error:#}"));
    }
    let unpacked = debian.build(&mut steps).await;
    steps.finish();
    unpacked.map_err(|debian_error| {
        anyhow!(
            "there is no Rust here that builds for {TARGET}, and none could be installed.\n\
             from rustup: {rustup_error:#}\n\
             from Debian's packages: {debian_error:#}\n\
             What you can do: where rustup's server can be reached, run `rustup target add {TARGET}`; or on Debian 12 \
             or newer, see that `apt-cache show rustc-web` finds the package (it is in the security suite). \
             Then run `cargo xtask setup` again: it continues where it stopped."
        )
    })
}

fn installed_has_target() -> Result<bool> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(has_standard_library(Path::new(libraries.trim())))
}

fn has_standard_library(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

async fn add_with_rustup(steps: &mut Steps) -> Result<()> {
    let limit = RUSTUP_LIMIT.as_secs();
    steps.begin(format_args!("rustup target add {TARGET} (at most {limit} s)"));
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]);
    match tokio::time::timeout(RUSTUP_LIMIT, run(&mut command)).await {
        Ok(result) => result?,
        Err(_) => bail!("`rustup target add {TARGET}` was not done after {limit} s"),
    }
    if !installed_has_target()? {
        bail!("rustup added {TARGET} to another toolchain than the one of `rustc`");
    }
    Ok(())
}

/// Debian's Rust, unpacked into a folder and completed there.
#[derive(Debug)]
struct DebianRust {
    folder: PathBuf,
}

impl DebianRust {
    fn new(workspace: &Workspace) -> DebianRust {
        DebianRust {
            folder: workspace.private().join("toolchain"),
        }
    }

    /// The file that is written when everything has been tested.
    fn stamp(&self) -> PathBuf {
        self.folder.join("complete")
    }

    fn is_complete(&self) -> bool {
        self.stamp().exists()
    }

    /// The compiler is a script, because the real one does not find its libraries by itself.
    fn rustc(&self) -> PathBuf {
        self.folder.join("rustc")
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The folder in which the compiler looks for the standard library of a target.
    fn target_folder(&self) -> PathBuf {
        self.root().join("usr/lib/rustlib").join(TARGET)
    }

    async fn build(&self, steps: &mut Steps) -> Result<WasmRust> {
        steps.begin("Debian's Rust, from its packages (about 150 MB, once)");
        let wanted = WantedPackage {
            packages: &["rustc-web", "libstd-rust-web-dev", "rust-web-src", "wasi-libc"],
            family: &["libstd-rust-web-"],
        };
        debian::unpack(&wanted, &self.folder).await?;
        steps.begin("the scripts that set the paths of its libraries and linkers");
        self.write_scripts()?;
        steps.begin(format_args!(
            "the standard library for {TARGET}, from source (about a minute)"
        ));
        self.build_standard_library().await?;
        steps.begin("WASI's C library beside it");
        self.add_wasi_libc()?;
        steps.begin("a first program, to test the compiler");
        self.compile_something()?;
        std::fs::write(self.stamp(), "")?;
        Ok(WasmRust::Unpacked(self.rustc()))
    }

    /// The scripts contain the path of the rustup toolchain, which an update may have changed.
    fn ready(&self) -> Result<WasmRust> {
        self.write_scripts()?;
        Ok(WasmRust::Unpacked(self.rustc()))
    }

    fn write_scripts(&self) -> Result<()> {
        let libraries = debian::search_path(&debian::library_folders(&self.root())?);
        let compiler = self.root().join("usr/bin/rustc");
        let (libraries, compiler) = (libraries.to_string_lossy(), compiler.to_string_lossy());
        write_script(
            &self.rustc(),
            &format!(
                "LD_LIBRARY_PATH={} exec {} \"$@\"",
                quote(&libraries),
                quote(&compiler)
            ),
        )?;

        let linkers = Linkers::of_installed_rust()?;
        let debian_triple = host_triple(&output(Command::new(self.rustc()).arg("-vV"))?)?;
        let bin = self
            .root()
            .join("usr/lib/rustlib")
            .join(debian_triple)
            .join("bin");
        std::fs::create_dir_all(&bin)?;
        let wasm_ld = bin.join("wasm-ld");
        let rust_lld = linkers.rust_lld.to_string_lossy();
        write_script(
            &wasm_ld,
            &format!("exec {} -flavor wasm \"$@\"", quote(&rust_lld)),
        )?;
        // Our option comes last: rustc passes `-flavor wasm` first, and that option must be the first.
        let component_ld = linkers.wasm_component_ld.to_string_lossy();
        let wasm_ld = wasm_ld.to_string_lossy();
        let line = format!(
            "exec {} \"$@\" --wasm-ld-path {}",
            quote(&component_ld),
            quote(&wasm_ld)
        );
        write_script(&bin.join("wasm-component-ld"), &line)
    }

    /// Builds an empty crate with `-Zbuild-std` and keeps the libraries. They contain bitcode. Without it, link-time
    /// optimization of the components would fail later.
    async fn build_standard_library(&self) -> Result<()> {
        let (libraries, new) = (
            self.target_folder().join("lib"),
            self.target_folder().join("lib.new"),
        );
        if libraries.exists() {
            return Ok(());
        }
        let seed = self.folder.join("std");
        std::fs::create_dir_all(seed.join("src"))?;
        let manifest = "[package]\nname = \"seed\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
        std::fs::write(seed.join("Cargo.toml"), manifest)?;
        std::fs::write(seed.join("src/lib.rs"), "")?;
        let mut cargo = process::cargo();
        cargo
            .args([
                "build",
                "--release",
                "-Zbuild-std=std,panic_abort,proc_macro",
                "--target",
                TARGET,
            ])
            .args(["--target-dir", "target"])
            .current_dir(&seed)
            .env("RUSTC", self.rustc())
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        run(&mut cargo).await?;

        if new.exists() {
            std::fs::remove_dir_all(&new)?;
        }
        std::fs::create_dir_all(&new)?;
        let built = seed.join("target").join(TARGET).join("release/deps");
        for entry in std::fs::read_dir(&built)? {
            let file = entry?.path();
            let name = file.file_name().unwrap_or_default();
            let is_seed = name.to_string_lossy().starts_with("libseed-");
            if !is_seed && file.extension().is_some_and(|extension| extension == "rlib") {
                std::fs::copy(&file, new.join(name))?;
            }
        }
        if !has_standard_library(&new) {
            bail!("cargo built no standard library in {}", built.display());
        }
        std::fs::rename(&new, &libraries)?;
        std::fs::remove_dir_all(&seed)?;
        Ok(())
    }

    fn add_wasi_libc(&self) -> Result<()> {
        let from = self.root().join("usr/lib/wasm32-wasi");
        let to = self.target_folder().join("lib/self-contained");
        std::fs::create_dir_all(&to)?;
        for name in ["libc.a", "crt1-reactor.o", "crt1-command.o"] {
            let file = from.join(name);
            std::fs::copy(&file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
        }
        Ok(())
    }

    fn compile_something(&self) -> Result<()> {
        let source = self.folder.join("first.rs");
        std::fs::write(&source, "fn main() { println!(\"hello\"); }\n")?;
        let mut command = Command::new(self.rustc());
        command
            .args(["--edition=2021", "--target", TARGET, "-o"])
            .arg(self.folder.join("first.wasm"))
            .arg(&source);
        output(&mut command)
            .map(|_| ())
            .context("the unpacked Rust cannot compile a first program")
    }
}

/// The linkers in a rustup toolchain, which are for rustc's own use.
#[derive(Debug)]
struct Linkers {
    rust_lld: PathBuf,
    wasm_component_ld: PathBuf,
}

impl Linkers {
    fn of_installed_rust() -> Result<Linkers> {
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let triple = host_triple(&output(Command::new("rustc").arg("-vV"))?)?;
        let bin = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(triple)
            .join("bin");
        let find = |name: &str| {
            let program = bin.join(name);
            if !program.is_file() {
                bail!(
                    "{} is missing: only a Rust that rustup installed has it (https://rustup.rs)",
                    program.display()
                );
            }
            Ok(program)
        };
        Ok(Linkers {
            rust_lld: find("rust-lld")?,
            wasm_component_ld: find("wasm-component-ld")?,
        })
    }
}

/// The line `host: TRIPLE` of `rustc -vV`.
fn host_triple(version: &str) -> Result<String> {
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.trim().to_owned())
}

/// Writes an executable script, but only if its text differs: cargo rebuilds everything when its compiler looks newer.
pub(crate) fn write_script(path: &Path, line: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let text = format!("#!/bin/sh\n{line}\n");
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Quotes one word for the shell.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_from_the_output_of_rustc() {
        let version = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: aarch64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host_triple(version).expect("a host"), "aarch64-unknown-linux-gnu");
        assert!(
            host_triple("rustc 1.95.0").is_err(),
            "a host was found where there is none"
        );
    }

    #[test]
    fn script_with_the_same_text_is_not_written_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("rustc");
        write_script(&script, "exec true").expect("written");
        let written = script
            .metadata()
            .and_then(|metadata| metadata.modified())
            .expect("it exists");
        std::thread::sleep(Duration::from_millis(20));
        write_script(&script, "exec true").expect("not written again");
        let now = script
            .metadata()
            .and_then(|metadata| metadata.modified())
            .expect("it exists");
        assert_eq!(
            now, written,
            "the script was written again: cargo would rebuild everything"
        );
        output(&mut Command::new(&script)).expect("it is executable");
    }
}
