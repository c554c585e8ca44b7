//! Paths in the checkout.

use std::path::{Path, PathBuf};

/// The profile of native programs (docs/decisions/0007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildProfile {
    /// Compiles fast: for tests and for `xtask` itself.
    Dev,
    /// Runs fast: for `up`, `bench` and deployments.
    Dist,
}

impl BuildProfile {
    /// Its name in Cargo.toml.
    pub fn name(self) -> &'static str {
        match self {
            BuildProfile::Dev => "dev",
            BuildProfile::Dist => "dist",
        }
    }

    /// Its folder in cargo's target folder.
    fn folder(self) -> &'static str {
        match self {
            BuildProfile::Dev => "debug",
            BuildProfile::Dist => "dist",
        }
    }
}

/// The checkout from which this binary was built.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that contains this crate. Cargo compiles the crate again when the checkout has moved.
    pub fn here() -> Workspace {
        let manifest_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Workspace {
            root: manifest_folder.parent().unwrap_or(manifest_folder).to_owned(),
        }
    }

    /// A checkout in another folder.
    pub fn at(root: PathBuf) -> Workspace {
        Workspace { root }
    }

    /// The root: the folder of `Cargo.toml` and `spin.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The manifest of the application, for Spin and for our host.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("spin.toml")
    }

    /// The manifest of the application for a platform whose tokens Ory Hydra issues. `cargo xtask build` generates it.
    pub fn manifest_for_hydra(&self) -> PathBuf {
        self.root.join("target/hydra/spin.toml")
    }

    /// The manifest of the application that handles events.
    pub fn events_manifest(&self) -> PathBuf {
        self.root.join("deployments/events/spin.toml")
    }

    /// The migrations: one folder of SQL files per service.
    pub fn migrations(&self) -> PathBuf {
        self.root.join("migrations")
    }

    /// Pinned tools: from npm, and from Go in a folder each.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// The path of a native program that was compiled in `profile`.
    pub fn native_program(&self, profile: BuildProfile, name: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.root.join(target).join(profile.folder()).join(name)
    }

    /// The git-ignored folder for everything that is generated on this machine and kept between runs: toolchain,
    /// databases, secrets, caches. Deleting it costs only time and the demo data.
    pub fn private(&self) -> PathBuf {
        self.root.join(".akinai")
    }
}
