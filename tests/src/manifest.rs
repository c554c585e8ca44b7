//! Manifests of tests: the real one, and what a test adds to it.

use toml::{Table, Value};
use xtask::process::Scratch;
use xtask::workspace::Workspace;

use crate::Setup;

/// The real manifest, from wherever it is read.
pub struct RealManifest(Table);

impl RealManifest {
    /// As it is, but that the components' paths are whole ones.
    ///
    /// # Panics
    ///
    /// When the manifest is not what Spin's are.
    pub fn read() -> Self {
        let workspace = Workspace::here();
        let text = std::fs::read_to_string(workspace.manifest()).expect("the real manifest");
        let mut manifest: Table = text.parse().expect("the real manifest is TOML");
        let components = manifest["component"].as_table_mut().expect("components");
        for (_, settings) in components {
            let source = settings["source"].as_str().expect("a component has a source");
            settings["source"] = Value::from(workspace.root().join(source).display().to_string());
        }
        Self(manifest)
    }

    /// That of a platform behind Ory Hydra, which has no issuer component.
    ///
    /// # Panics
    ///
    /// When none can be made.
    pub fn for_hydra() -> Self {
        let workspace = Workspace::here();
        Self(xtask::manifest::for_hydra(&workspace, workspace.root()).expect("a manifest for Hydra"))
    }

    /// The same with one more route.
    ///
    /// # Panics
    ///
    /// When the manifest has none.
    #[must_use]
    pub fn route(mut self, route: &str, component: &str) -> Self {
        let triggers = self.0["trigger"]["http"].as_array_mut().expect("routes");
        let trigger = [("route", route), ("component", component)];
        let trigger = trigger.map(|(name, value)| (name.to_owned(), Value::from(value)));
        triggers.push(Value::Table(trigger.into_iter().collect()));
        self
    }

    /// The settings of a component.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    pub fn component(&mut self, name: &str) -> &mut Table {
        let settings = self.0["component"].get_mut(name).and_then(Value::as_table_mut);
        settings.unwrap_or_else(|| panic!("the manifest has no component {name}"))
    }
}

impl Setup {
    /// The same with routes that no manifest of ours has, each to a component: only a test that adds one can call over HTTP
    /// what is behind the bff.
    #[must_use]
    pub fn routes(self, routes: &[(&str, &str)]) -> Self {
        let manifest = routes
            .iter()
            .fold(RealManifest::read(), |manifest, (route, component)| {
                manifest.route(route, component)
            });
        self.with_manifest(&manifest)
    }

    /// The same with another manifest. Its file lasts as long as the setup.
    ///
    /// # Panics
    ///
    /// When it cannot be written, or the setup has another one than the real one already.
    #[must_use]
    pub fn with_manifest(mut self, manifest: &RealManifest) -> Self {
        assert!(
            self.manifest_folder.is_none(),
            "one manifest must not replace another one of a test's"
        );
        let folder = Scratch::new("manifest").expect("a folder for a manifest");
        self.manifest = folder.path().join("spin.toml");
        std::fs::write(&self.manifest, manifest.0.to_string()).expect("the manifest can be written");
        self.manifest_folder = Some(folder);
        self
    }
}
