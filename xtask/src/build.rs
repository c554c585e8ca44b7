//! Compiles the components and the native programs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::compile::{self, Warned};
use crate::process::{self, output, run};
use crate::setup::{self, TARGET};
use crate::workspace::{BuildProfile, Workspace};

/// Compiles every component of the application (the packages in `components/`) and the `extra` packages to
/// `target/wasm/wasm32-wasip2/component/*.wasm`. Gets the compiler first if it is missing.
///
/// # Errors
/// There is no compiler for components, or the code does not compile. Cargo has printed the reason.
pub async fn components(workspace: &Workspace, extra: &[&str]) -> Result<()> {
    let mut packages: Vec<String> = packages_of_application(workspace)?.into_iter().collect();
    packages.extend(extra.iter().map(|&package| package.to_owned()));
    run(&mut components_command(workspace, &packages).await?)
        .await
        .context(COMPONENTS_FAIL)
}

const COMPONENTS_FAIL: &str = "the components do not compile";

async fn components_command(workspace: &Workspace, packages: &[String]) -> Result<Command> {
    let rust = setup::wasm_rust(workspace, None).await?;
    let mut cargo = rust.cargo();
    // A separate target folder: the unpacked compiler and the installed one would discard each other's results.
    cargo
        .args([
            "build",
            "--target-dir",
            "target/wasm",
            "--profile",
            "component",
            "--target",
            TARGET,
        ])
        .current_dir(workspace.root());
    for package in packages {
        cargo.args(["-p", package]);
    }
    Ok(cargo)
}

/// Compiles the components of the application, those that only tests use (in `tests/`), and the examples. Returns the packages
/// that had warnings.
///
/// # Errors
/// As [`components`].
pub async fn components_and_those_of_tests(workspace: &Workspace) -> Result<Warned> {
    let packages = packages_of_all_components(&metadata(workspace)?, workspace);
    compile::run(&mut components_command(workspace, &packages).await?)
        .await
        .context(COMPONENTS_FAIL)
}

/// Compiles the components of these packages for a run of a few tests. Link-time optimization is off, so that a change
/// compiles faster. Cargo keeps the results of both builds, and the next full build uses its own again.
///
/// # Errors
/// As [`components`].
pub async fn components_for_few_tests(workspace: &Workspace, packages: &BTreeSet<String>) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let packages: Vec<String> = packages.iter().cloned().collect();
    let mut cargo = components_command(workspace, &packages).await?;
    cargo.envs([
        ("CARGO_PROFILE_COMPONENT_CODEGEN_UNITS", "16"),
        ("CARGO_PROFILE_COMPONENT_LTO", "off"),
        ("CARGO_PROFILE_COMPONENT_OPT_LEVEL", "2"),
    ]);
    run(&mut cargo).await.context(COMPONENTS_FAIL)
}

/// Compiles all tests, and the programs that they start, with clippy's lints. Returns the packages that had warnings.
/// Of a component it compiles only what its unit tests use, because a component does not link natively.
///
/// # Errors
/// The code does not compile, or clippy is not installed.
pub async fn tests(workspace: &Workspace) -> Result<Warned> {
    let mut warned = Warned::default();
    for arguments in [
        &["test", "--no-run", "--workspace", "--all-targets"][..],
        &["build", "--workspace", "--bins"],
    ] {
        let mut cargo = compile::linting_cargo()?;
        cargo.args(arguments).current_dir(workspace.root());
        warned = warned.and(
            compile::run(&mut cargo)
                .await
                .context("the tests do not compile")?,
        );
    }
    Ok(warned)
}

/// Compiles the native host and the `extra` programs in the profile `dist`.
///
/// # Errors
/// The code does not compile. Cargo has printed the reason.
pub async fn native(workspace: &Workspace, extra: &[&str]) -> Result<()> {
    programs(workspace, BuildProfile::Dist, &[&["akinai-host"], extra].concat()).await
}

/// Compiles native programs.
///
/// # Errors
/// The code does not compile. Cargo has printed the reason.
pub async fn programs(workspace: &Workspace, profile: BuildProfile, names: &[&str]) -> Result<()> {
    let mut cargo = match profile {
        // The same profile as the tests, so that shared crates are not compiled twice.
        BuildProfile::Dev => compile::linting_cargo()?,
        BuildProfile::Dist => with_lto(process::cargo()),
    };
    // `--workspace`, not `-p`: the features then do not depend on the chosen packages. Otherwise wasmtime would be
    // compiled twice.
    cargo
        .args(["build", "--workspace", "--profile", profile.name()])
        .current_dir(workspace.root());
    for program in names {
        cargo.args(["--bin", program]);
    }
    run(&mut cargo)
        .await
        .context("the native programs do not compile")
}

/// A cargo that uses the profile's LTO. Flags in the environment replace the flags of .cargo/config.toml, which switch
/// LTO off for `dev`. An empty value also replaces them.
fn with_lto(mut cargo: Command) -> Command {
    if std::env::var_os("RUSTFLAGS").is_none() {
        cargo.env("RUSTFLAGS", "");
    }
    cargo
}

/// The output of `cargo metadata` for the workspace.
pub(crate) fn metadata(workspace: &Workspace) -> Result<Value> {
    let mut cargo = process::cargo();
    cargo
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace.root());
    serde_json::from_str(&output(&mut cargo)?).context("`cargo metadata` printed no JSON")
}

/// The packages that become components of the application.
pub(crate) fn packages_of_application(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let packages = cdylibs_below(&metadata(workspace)?, &workspace.root().join("components"));
    Ok(packages.into_iter().collect())
}

/// The packages that become components: those of the application, those that only tests use, and the examples.
pub(crate) fn packages_of_all_components(metadata: &Value, workspace: &Workspace) -> Vec<String> {
    let folders = ["components", "tests", "examples"].map(|folder| workspace.root().join(folder));
    folders
        .iter()
        .flat_map(|folder| cdylibs_below(metadata, folder))
        .collect()
}

/// Whether the component of this package has been compiled before.
pub(crate) fn is_built(workspace: &Workspace, package: &str, metadata: &Value) -> bool {
    let folder = workspace
        .root()
        .join("target/wasm")
        .join(TARGET)
        .join("component");
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let found = packages.iter().find(|found| found["name"] == package);
    let library = found
        .and_then(|found| found["targets"][0]["name"].as_str())
        .unwrap_or(package);
    folder
        .join(format!("{}.wasm", library.replace('-', "_")))
        .exists()
}

/// The packages below `folder` that become components: those that build a `cdylib`.
fn cdylibs_below(metadata: &Value, folder: &Path) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_below = |package: &Value| {
        package["manifest_path"]
            .as_str()
            .is_some_and(|manifest| Path::new(manifest).starts_with(folder))
    };
    let is_cdylib = |package: &Value| {
        let targets = package["targets"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        targets.iter().any(|target| {
            target["crate_types"]
                .as_array()
                .is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
        })
    };
    packages
        .iter()
        .filter(|package| is_below(package) && is_cdylib(package))
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn components_are_the_cdylibs_below_a_folder() {
        let package = |name: &str, path: &str, kind: &str| json!({"name": name, "manifest_path": path, "targets": [{"crate_types": [kind]}]});
        let metadata = json!({"packages": [
            package("akinai-bff", "/shop/components/bff/Cargo.toml", "cdylib"),
            package("helpers", "/shop/components/helpers/Cargo.toml", "lib"),
            package("akinai-probe", "/shop/tests/probe/Cargo.toml", "cdylib"),
        ]});
        assert_eq!(
            cdylibs_below(&metadata, Path::new("/shop/components")),
            ["akinai-bff"]
        );
    }
}
