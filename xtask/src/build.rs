//! Compiles the components and the native programs.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::{self, output, run};
use crate::setup::{self, TARGET};
use crate::workspace::Workspace;

/// Compiles every component of the application (the packages in `components/`), and the `extra` packages, to
/// `target/wasm/wasm32-wasip2/component/*.wasm`. Gets the compiler first, if need be.
///
/// # Errors
/// There is no compiler for components, or the code does not compile: cargo has said why.
pub async fn components(workspace: &Workspace, extra: &[&str]) -> Result<()> {
    let rust = setup::wasm_rust(workspace, None).await?;
    let mut cargo = rust.cargo();
    // A target folder of its own: the unpacked compiler and the installed one would throw away each other's work.
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
    for package in component_packages(workspace, "components")?
        .iter()
        .map(String::as_str)
        .chain(extra.iter().copied())
    {
        cargo.args(["-p", package]);
    }
    run(&mut cargo).await.context("the components do not compile")
}

/// Compiles the components of the application, those that only tests use (in `tests/`), and the examples.
///
/// # Errors
/// As [`components`].
pub async fn components_and_those_of_tests(workspace: &Workspace) -> Result<()> {
    let mut extra = component_packages(workspace, "tests")?;
    extra.extend(component_packages(workspace, "examples")?);
    components(workspace, &extra.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Compiles the native host, and the `extra` programs.
///
/// # Errors
/// The code does not compile: cargo has said why.
pub async fn native(workspace: &Workspace, extra: &[&str]) -> Result<()> {
    programs(workspace, &[&["akinai-host"], extra].concat()).await
}

/// Compiles native programs.
///
/// # Errors
/// The code does not compile: cargo has said why.
pub async fn programs(workspace: &Workspace, names: &[&str]) -> Result<()> {
    let mut cargo = process::cargo();
    // `--workspace`, not `-p`: with the features that the tests build it with, or wasmtime would be compiled twice.
    cargo.args(["build", "--workspace"]).current_dir(workspace.root());
    for program in names {
        cargo.args(["--bin", program]);
    }
    run(&mut cargo)
        .await
        .context("the native programs do not compile")
}

/// The packages below `folder` that become components: those that build a `cdylib`.
fn component_packages(workspace: &Workspace, folder: &str) -> Result<Vec<String>> {
    let mut cargo = process::cargo();
    cargo
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace.root());
    let metadata: Value =
        serde_json::from_str(&output(&mut cargo)?).context("`cargo metadata` printed no JSON")?;
    Ok(cdylibs_below(&metadata, &workspace.root().join(folder)))
}

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
