//! Manifests for tests: the real one, with the changes that a test needs.

use toml::{Table, Value};
use xtask::process::Scratch;
use xtask::workspace::Workspace;

use crate::Setup;

/// The real manifest. It can be used from any folder.
pub struct RealManifest(Table);

impl RealManifest {
    /// The real manifest, in which the paths of the components are made absolute.
    ///
    /// # Panics
    ///
    /// When it is not a valid manifest.
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

    /// The manifest of a platform with Ory Hydra, which has no issuer component.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn for_hydra() -> Self {
        let workspace = Workspace::here();
        Self(xtask::manifest::for_hydra(&workspace, workspace.root()).expect("a manifest for Hydra"))
    }

    /// The same with one more route.
    ///
    /// # Panics
    ///
    /// When the manifest has no routes.
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
    /// When there is no component with this name.
    pub fn component(&mut self, name: &str) -> &mut Table {
        let settings = self.0["component"].get_mut(name).and_then(Value::as_table_mut);
        settings.unwrap_or_else(|| panic!("the manifest has no component {name}"))
    }
}

impl Setup {
    /// The same with more routes, each to a component. The real manifest has a route to the bff, and not to the services
    /// behind it, so a test adds a route to call such a service over HTTP.
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
    /// When it cannot be written, or the setup already has a manifest that is not the real one.
    #[must_use]
    pub fn with_manifest(mut self, manifest: &RealManifest) -> Self {
        assert!(
            self.manifest_folder.is_none(),
            "a test can set its own manifest only once"
        );
        let folder = Scratch::new("manifest").expect("a folder for a manifest");
        self.manifest = folder.path().join("spin.toml");
        std::fs::write(&self.manifest, manifest.0.to_string()).expect("the manifest can be written");
        self.manifest_folder = Some(folder);
        self
    }
}
