//! A way to the issuer's admin API that no manifest of ours has.

use toml::{Table, Value};
use xtask::workspace::Workspace;

/// The real manifest, but for a route to the admin API: its component has none, so only a test that gives it one can call it
/// over HTTP.
///
/// # Panics
///
/// When the manifest is not what Spin's are.
pub fn manifest_with_admin_api() -> String {
    let workspace = Workspace::here();
    let text = std::fs::read_to_string(workspace.manifest()).expect("the real manifest");
    let mut manifest: Table = text.parse().expect("the real manifest is TOML");
    let components = manifest["component"].as_table_mut().expect("components");
    for (_, settings) in components {
        let source = settings["source"].as_str().expect("a component has a source");
        settings["source"] = Value::from(workspace.root().join(source).display().to_string());
    }
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    let route = [("route", "/admin/..."), ("component", "issuer-admin")];
    let route = route.map(|(name, value)| (name.to_owned(), Value::from(value)));
    triggers.push(Value::Table(route.into_iter().collect()));
    manifest.to_string()
}
