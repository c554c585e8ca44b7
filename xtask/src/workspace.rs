//! Where things are in the checkout.

use std::path::{Path, PathBuf};

/// How native programs are compiled (docs/decisions/0007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildProfile {
    /// Quick to compile: what tests run, and `xtask` itself.
    Dev,
    /// Quick to run: what `up`, `bench` and deployments run.
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

/// The checkout this binary was built from.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that holds this crate. Cargo rebuilds it when the checkout has moved.
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

    /// The root: where `Cargo.toml` and `spin.toml` are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The application, as Spin and our host read it.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("spin.toml")
    }

    /// The application where Ory Hydra issues the tokens, likewise. `cargo xtask build` makes it.
    pub fn manifest_for_hydra(&self) -> PathBuf {
        self.root.join("target/hydra/spin.toml")
    }

    /// The application that handles events, likewise.
    pub fn events_manifest(&self) -> PathBuf {
        self.root.join("deployments/events/spin.toml")
    }

    /// One folder of SQL files a service.
    pub fn migrations(&self) -> PathBuf {
        self.root.join("migrations")
    }

    /// Tools from npm, and in a folder each from Go, pinned.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// A native program that was compiled in `profile`.
    pub fn native_program(&self, profile: BuildProfile, name: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.root.join(target).join(profile.folder()).join(name)
    }

    /// The git-ignored folder for everything that is made on this machine and worth keeping between runs: toolchain,
    /// databases, secrets, caches. Deleting it costs time and the demo data, nothing else.
    pub fn private(&self) -> PathBuf {
        self.root.join(".akinai")
    }
}
