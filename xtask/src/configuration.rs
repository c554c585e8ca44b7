//! `cargo xtask configuration`: the reference of the application's variables, generated from `spin.toml`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::workspace::Workspace;

/// The text before the first group of variables.
const HEADER: &str = "# Configuration\n\n\
    Generated from `spin.toml` by `cargo xtask configuration`; a test fails when this page is stale.\n\
    Set a variable with `SPIN_VARIABLE_NAME` in the environment, or with `--variable name=value`.\n";

/// The headings in spin.toml between which the variables are declared.
const VARIABLES: &str = "[variables]";

/// Writes `docs/CONFIGURATION.md`.
///
/// # Errors
/// `spin.toml` cannot be read or is not a manifest, or the file cannot be written.
pub fn write(workspace: &Workspace) -> Result<()> {
    let file = file(workspace);
    std::fs::write(&file, reference(workspace)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{} describes the variables of spin.toml.", file.display());
    Ok(())
}

/// The path of the file that [`write`] writes.
pub fn file(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/CONFIGURATION.md")
}

/// The reference: a heading, a description and a table for each group of variables, in the order of `spin.toml`.
///
/// # Errors
/// `spin.toml` cannot be read, or is not a manifest.
pub fn reference(workspace: &Workspace) -> Result<String> {
    let text = std::fs::read_to_string(workspace.manifest()).context("cannot read spin.toml")?;
    let manifest: Table = text.parse().context("spin.toml is not TOML")?;
    let mut page = HEADER.to_owned();
    for group in groups(&text) {
        let description = match group.description.is_empty() {
            true => "Where the database and Redis are, and their passwords.".to_owned(),
            false => group.description.join("\n"),
        };
        page.push_str(&format!(
            "\n{description}\n\n| variable | default | components |\n| --- | --- | --- |\n"
        ));
        for name in group.variables {
            page.push_str(&row(&manifest, &name)?);
        }
    }
    Ok(page)
}

/// Variables that one comment of `spin.toml` describes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    /// The lines of the comment.
    description: Vec<String>,
    /// The names of the variables.
    variables: Vec<String>,
}

fn groups(manifest: &str) -> Vec<Group> {
    let section = manifest
        .lines()
        .skip_while(|line| *line != VARIABLES)
        .skip(1)
        .take_while(|line| !line.starts_with("# ---") && !line.starts_with('['));
    let mut groups = vec![Group::default()];
    for line in section {
        let begins_anew = groups.last().is_some_and(|group| !group.variables.is_empty());
        if let Some(comment) = line.strip_prefix("# ") {
            if begins_anew {
                groups.push(Group::default());
            }
            if let Some(group) = groups.last_mut() {
                group.description.push(comment.to_owned());
            }
        } else if let Some((name, _)) = line.split_once(" = ")
            && let Some(group) = groups.last_mut()
        {
            group.variables.push(name.to_owned());
        }
    }
    groups.retain(|group| !group.variables.is_empty());
    groups
}

fn row(manifest: &Table, name: &str) -> Result<String> {
    let variable = manifest
        .get("variables")
        .and_then(|variables| variables.get(name))
        .with_context(|| format!("spin.toml does not declare {name}"))?;
    let is_secret = variable.get("secret").and_then(Value::as_bool).unwrap_or(false);
    let default = match variable.get("default").and_then(Value::as_str) {
        None => "required".to_owned(),
        Some("") => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
    };
    let secret = if is_secret { ", secret" } else { "" };
    let components = components_with(manifest, name).join(", ");
    Ok(format!("| `{name}` | {default}{secret} | {components} |\n"))
}

/// The components that use a variable: in a variable of their own, or in an address that they may call.
fn components_with<'a>(manifest: &'a Table, name: &str) -> Vec<&'a str> {
    let template = format!("{{{{ {name} }}}}");
    let components = manifest.get("component").and_then(Value::as_table);
    let mut found: Vec<&str> = components
        .into_iter()
        .flatten()
        .filter(|(_, settings)| settings.to_string().contains(&template))
        .map(|(component, _)| component.as_str())
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_grouped_by_the_comment_before_them() {
        let manifest = "[variables]\na = {}\n\n# The first.\n# More.\nb = {}\nc = {}\n# The second.\nd = {}\n\n# --- Routes\ne = {}\n";
        let group = |description: &[&str], variables: &[&str]| Group {
            description: description.iter().map(|&line| line.to_owned()).collect(),
            variables: variables.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(
            groups(manifest),
            [
                group(&[], &["a"]),
                group(&["The first.", "More."], &["b", "c"]),
                group(&["The second."], &["d"]),
            ]
        );
    }
}
