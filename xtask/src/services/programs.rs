//! Finds the servers' programs on this machine, or unpacks Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Home;
use crate::debian::{self, WantedPackage};
use crate::process::output;
use crate::workspace::Workspace;

/// With the value `unpack`, installed servers are ignored. Tests of the unpacking set it.
const CHOICE: &str = "AKINAI_SERVICES";

/// A folder of programs, and the libraries that they need in addition to the system's.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    bin: PathBuf,
    libraries: Vec<PathBuf>,
}

impl Programs {
    /// The full path of a program.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// A command that runs it.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path(name));
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", debian::search_path(&self.libraries));
        }
        command
    }

    fn installed(bin: PathBuf) -> Programs {
        Programs {
            bin,
            libraries: Vec::new(),
        }
    }
}

/// PostgreSQL's server programs.
///
/// # Errors
/// They are not installed, and cannot be unpacked.
pub(super) async fn postgres() -> Result<Programs> {
    if let Some(bin) = installed_postgres() {
        return Ok(Programs::installed(bin));
    }
    let wanted = WantedPackage {
        packages: &["postgresql"],
        family: &["postgresql-"],
    };
    let root = unpack("postgresql", &wanted).await.context(
        "PostgreSQL is not installed, and unpacking Debian's failed.\n\
         Install it (Debian: `apt-get install postgresql`), or set DATABASE_URL to a server of yours",
    )?;
    let bin = newest_versioned_bin(&root.join("usr/lib/postgresql")).with_context(|| {
        format!(
            "Debian's packages contain no PostgreSQL: nothing in {}",
            root.display()
        )
    })?;
    Ok(Programs {
        bin,
        libraries: debian::library_folders(&root)?,
    })
}

/// Redis's server program.
///
/// # Errors
/// It is not installed, and cannot be unpacked.
pub(super) async fn redis() -> Result<Programs> {
    if let Some(program) = installed("redis-server") {
        let bin = program.parent().context("redis-server is in no folder")?;
        return Ok(Programs::installed(bin.to_owned()));
    }
    let wanted = WantedPackage {
        packages: &["redis-server"],
        family: &["redis-"],
    };
    let root = unpack("redis", &wanted).await.context(
        "Redis is not installed, and unpacking Debian's failed.\n\
         Install it (Debian: `apt-get install redis-server`), or set REDIS_URL to a server of yours",
    )?;
    Ok(Programs {
        bin: root.join("usr/bin"),
        libraries: debian::library_folders(&root)?,
    })
}

async fn unpack(name: &str, wanted: &WantedPackage<'_>) -> Result<PathBuf> {
    let home = Home::of(&Workspace::here())?;
    debian::unpack(wanted, &home.folder().join("services").join(name)).await
}

fn installed_postgres() -> Option<PathBuf> {
    let beside_each_other = |bin: &PathBuf| bin.join("postgres").is_file() && bin.join("initdb").is_file();
    if must_unpack() {
        return None;
    }
    let on_path = installed("postgres").and_then(|program| program.parent().map(Path::to_owned));
    let configured = || {
        output(Command::new("pg_config").arg("--bindir"))
            .ok()
            .map(|bin| bin.trim().into())
    };
    on_path
        .filter(beside_each_other)
        .or_else(|| configured().filter(beside_each_other))
        .or_else(|| newest_versioned_bin(Path::new("/usr/lib/postgresql")).filter(beside_each_other))
}

fn installed(program: &str) -> Option<PathBuf> {
    if must_unpack() {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn must_unpack() -> bool {
    std::env::var_os(CHOICE).is_some_and(|choice| choice == "unpack")
}

/// Debian has one folder per major version: `/usr/lib/postgresql/15/bin`.
fn newest_versioned_bin(folder: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder).ok()?;
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    Some(folder.join(newest.to_string()).join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_has_the_greatest_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for version in ["9", "15", "17", "old"] {
            std::fs::create_dir(folder.path().join(version)).expect("created");
        }
        assert_eq!(
            newest_versioned_bin(folder.path()),
            Some(folder.path().join("17/bin"))
        );
    }
}
