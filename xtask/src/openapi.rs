//! `cargo xtask openapi`: the public API as an OpenAPI document.

use anyhow::{Context as _, Result};

use crate::process::{self, output};
use crate::workspace::Workspace;

/// Writes `docs/openapi.json` again, from the contracts in `proto/`. The generator is a crate of its own
/// (`crates/openapi`), whose tests fail when the file is stale.
///
/// # Errors
/// The generator or the contracts do not compile, or the file cannot be written.
pub fn write(workspace: &Workspace) -> Result<()> {
    let mut cargo = process::cargo();
    cargo
        .args(["run", "--quiet", "--package", "akinai-openapi", "--", "proto"])
        .current_dir(workspace.root());
    let document = output(&mut cargo)?;
    let file = workspace.root().join("docs/openapi.json");
    std::fs::write(&file, document.trim_end().to_owned() + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} describes the contracts of proto/.", file.display());
    Ok(())
}
