//! The platform's manifest for a platform whose tokens Ory Hydra issues: `spin.toml` without the issuer component.
//!
//! `spin.toml` is edited by hand. This manifest is derived from it, so that the two differ in nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

use crate::workspace::Workspace;

/// The components that replace Hydra.
const ISSUER: [&str; 2] = ["issuer", "issuer-admin"];

/// The variable with the address of Hydra's admin API. Its default in `spin.toml` is the issuer component.
const ADMIN_URL: &str = "hydra_admin_url";

const HEADER: &str = "# Made of spin.toml by `cargo xtask build`: the platform where Ory Hydra issues the tokens. It has no issuer component,\n\
                      # no route of one, and none of its variables. Do not change it here.\n\n";

/// Writes the manifest and returns its path. It is below `target/`, like all build results.
///
/// # Errors
/// `spin.toml` cannot be read or is not a manifest, or the file cannot be written.
pub fn write_for_hydra(workspace: &Workspace) -> Result<PathBuf> {
    let file = workspace.manifest_for_hydra();
    // Paths in a manifest are relative to its own folder.
    let manifest = for_hydra(workspace, Path::new("../.."))?;
    let write = || {
        std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
        std::fs::write(&file, format!("{HEADER}{manifest}"))
    };
    write().with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Returns the manifest for a file in a folder from which `root` leads to the checkout.
///
/// # Errors
/// `spin.toml` cannot be read, or is not a manifest.
pub fn for_hydra(workspace: &Workspace, root: &Path) -> Result<Table> {
    let file = workspace.manifest();
    let read = || {
        let text = std::fs::read_to_string(&file)?;
        without_issuer(text.parse()?, root)
    };
    read().with_context(|| format!("cannot make a manifest of {}", file.display()))
}

fn without_issuer(mut manifest: Table, root: &Path) -> Result<Table> {
    let components = table(&mut manifest, "component")?;
    for name in ISSUER {
        if components.remove(name).is_none() {
            bail!("there is no component `{name}`");
        }
    }
    for (name, settings) in components.iter_mut() {
        let source = settings
            .get_mut("source")
            .with_context(|| format!("`{name}` has no source"))?;
        let path = source
            .as_str()
            .with_context(|| format!("the source of `{name}` is not a path"))?;
        *source = root.join(path).to_string_lossy().into_owned().into();
    }
    let used = components.to_string();

    let routes = table(&mut manifest, "trigger")?
        .get_mut("http")
        .and_then(Value::as_array_mut);
    let routes = routes.context("there are no routes")?;
    routes.retain(|route| {
        let component = route.get("component").and_then(Value::as_str);
        component.is_some_and(|component| !ISSUER.contains(&component))
    });

    let variables = table(&mut manifest, "variables")?;
    variables.retain(|name, _| used.contains(&format!("{{{{ {name} }}}}")));
    let required = Table::from_iter([("required".to_owned(), Value::Boolean(true))]);
    variables.insert(ADMIN_URL.to_owned(), Value::Table(required));
    Ok(manifest)
}

fn table<'a>(manifest: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    let table = manifest.get_mut(name).and_then(Value::as_table_mut);
    table.with_context(|| format!("there is no table `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Table {
        for_hydra(&Workspace::here(), Path::new("/shop")).expect("a manifest")
    }

    fn original() -> Table {
        let text = std::fs::read_to_string(Workspace::here().manifest()).expect("the manifest");
        text.parse().expect("TOML")
    }

    fn routes(manifest: &Table) -> &[Value] {
        manifest["trigger"]["http"].as_array().expect("routes")
    }

    #[test]
    fn manifest_for_hydra_lacks_the_issuer_and_nothing_else() {
        let (made, original) = (made(), original());
        let text = made.to_string();
        assert!(!text.contains("issuer.wasm"), "the issuer's program");
        assert!(
            !text.contains("issuer-admin"),
            "the name of its admin API, as a default or a grant"
        );
        let kept: Vec<&Value> = routes(&original)
            .iter()
            .filter(|route| !ISSUER.contains(&route["component"].as_str().expect("a component")))
            .collect();
        assert!(kept.len() > 10 && kept.len() < routes(&original).len());
        assert_eq!(routes(&made).iter().collect::<Vec<_>>(), kept);
        for (name, settings) in original["component"].as_table().expect("components") {
            let Some(made) = made["component"].get(name) else {
                assert!(ISSUER.contains(&name.as_str()), "{name} is missing");
                continue;
            };
            for (key, value) in settings.as_table().expect("settings") {
                match key.as_str() {
                    "source" => assert_eq!(
                        made[key].as_str(),
                        Some(format!("/shop/{}", value.as_str().expect("a path")).as_str())
                    ),
                    _ => assert_eq!(&made[key], value, "{name}: {key}"),
                }
            }
        }
    }

    #[test]
    fn manifest_for_hydra_requires_no_secret_of_the_issuer() {
        let made = made();
        let variables = made["variables"].as_table().expect("variables");
        for name in [
            "issuer_db_password",
            "issuer_sealing_key",
            "consent_url",
            "refresh_hook_path",
        ] {
            assert!(
                original()["variables"].get(name).is_some(),
                "{name} is the issuer's"
            );
            assert!(!variables.contains_key(name), "{name} is still declared");
        }
        for name in ["issuer", "refresh_hook_key", "user_page_key", "db_host"] {
            assert_eq!(variables.get(name), original()["variables"].get(name), "{name}");
        }
        assert_eq!(
            variables[ADMIN_URL].as_table().map(Table::to_string).as_deref(),
            Some("required = true\n"),
            "the address of the admin API is required"
        );
    }

    #[test]
    fn a_manifest_without_an_issuer_is_an_error() {
        let error = without_issuer(Table::new(), Path::new(".")).expect_err("the manifest is empty");
        assert!(error.to_string().contains("component"), "{error}");
    }
}
