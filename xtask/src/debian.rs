//! Takes programs from Debian's packages without installing them: `apt-get download`, then `dpkg -x` into a folder of
//! ours. An ordinary user can do this. apt itself provides the versions, and the package names that contain versions.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{EndSignal, Process, output};
use crate::ui;

/// What to unpack.
#[derive(Clone, Copy, Debug)]
pub struct WantedPackage<'a> {
    /// The requested packages.
    pub packages: &'a [&'a str],
    /// Dependencies whose names start like this are unpacked as well. Libraries (`lib…`) need not be listed: libraries
    /// that the system lacks are always unpacked.
    pub family: &'a [&'a str],
}

/// Unpacks the wanted packages into `folder`/root and returns that path. Returns at once if this was done before. After
/// an interruption it continues with the packages that are still missing.
///
/// # Errors
/// The system is not Debian or related to it, no package source is reachable, or the disk is full. The message contains
/// apt's own text.
pub async fn unpack(wanted: &WantedPackage<'_>, folder: &Path) -> Result<PathBuf> {
    let root = folder.join("root");
    if root.is_dir() {
        return Ok(root);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()
        .context("cannot wait for another run that is unpacking")?;
    // The other run may have unpacked everything.
    if root.is_dir() {
        return Ok(root);
    }
    let archives = download(wanted, folder).await?;
    let new = folder.join("root.new");
    if new.exists() {
        std::fs::remove_dir_all(&new)?;
    }
    ui::detail(format_args!(
        "unpacking {} packages into {}",
        archives.len(),
        root.display()
    ));
    for archive in &archives {
        output(Command::new("dpkg").arg("-x").arg(archive).arg(&new))?;
    }
    // The name `root` means complete: a rename creates it last, in one step.
    std::fs::rename(&new, &root)?;
    std::fs::remove_dir_all(folder.join("debs"))?;
    Ok(root)
}

/// The folders below an unpacked `root` that hold shared libraries.
///
/// # Errors
/// The folder cannot be read.
pub fn library_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let libraries = root.join("usr/lib");
    let mut folders = vec![libraries.clone()];
    for entry in
        std::fs::read_dir(&libraries).with_context(|| format!("cannot read {}", libraries.display()))?
    {
        let folder = entry?.path();
        // Debian's `usr/lib/x86_64-linux-gnu`; the name depends on the architecture.
        if folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains("-linux-"))
        {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// The value of `LD_LIBRARY_PATH` with `folders` in front of the present value.
pub fn search_path(folders: &[PathBuf]) -> OsString {
    let inherited = std::env::var_os("LD_LIBRARY_PATH").filter(|path| !path.is_empty());
    let inherited = inherited.iter().flat_map(std::env::split_paths);
    let all = folders.iter().cloned().chain(inherited);
    std::env::join_paths(all).unwrap_or_default()
}

/// Downloads with the system's package lists. If these are missing or too old, downloads with fresh lists of our own.
async fn download(wanted: &WantedPackage<'_>, folder: &Path) -> Result<Vec<PathBuf>> {
    if let Err(error) = output(Command::new("apt-get").arg("--version")) {
        return Err(error.context("this machine has no apt: it is not Debian or Ubuntu"));
    }
    let first = match download_with(&Apt::system(), wanted, folder).await {
        Ok(archives) => return Ok(archives),
        Err(error) => error,
    };
    ui::detail(format_args!(
        "the system's package lists cannot be used ({}): fetching new ones",
        one_line(&first)
    ));
    let apt = Apt::private(&folder.join("apt"))?;
    let updated = apt.update(folder).await;
    let archives = match (download_with(&apt, wanted, folder).await, updated) {
        (Ok(archives), _) => archives,
        // The reason why the lists could not be fetched explains the other error.
        (Err(_), Err(error)) => return Err(error),
        (Err(error), Ok(())) => return Err(error),
    };
    std::fs::remove_dir_all(folder.join("apt"))?;
    Ok(archives)
}

async fn download_with(apt: &Apt, wanted: &WantedPackage<'_>, folder: &Path) -> Result<Vec<PathBuf>> {
    ui::detail(format_args!(
        "reading the dependencies of {}",
        wanted.packages.join(", ")
    ));
    let names = apt.closure(wanted)?;
    let archives = folder.join("debs");
    std::fs::create_dir_all(&archives)?;
    let mut files = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let file = archives.join(format!("{name}.deb"));
        if !file.exists() {
            ui::detail(format_args!(
                "downloading {} of {}: {name}",
                index + 1,
                names.len()
            ));
            apt.download(name, &file, folder).await?;
        }
        files.push(file);
    }
    Ok(files)
}

/// An error and its causes on one line, for a short message.
fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

/// apt with a set of package lists.
#[derive(Debug)]
struct Apt {
    options: Vec<OsString>,
}

impl Apt {
    /// The system's package lists.
    fn system() -> Apt {
        Apt { options: Vec::new() }
    }

    /// Package lists of our own in `folder`, which an ordinary user may update.
    fn private(folder: &Path) -> Result<Apt> {
        let lists = folder.join("lists");
        let cache = folder.join("cache");
        std::fs::create_dir_all(lists.join("partial"))?;
        std::fs::create_dir_all(cache.join("archives/partial"))?;
        let option = |name: &str, folder: &Path| -> [OsString; 2] {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(folder);
            ["-o".into(), setting]
        };
        let options = [option("Dir::State::Lists", &lists), option("Dir::Cache", &cache)].concat();
        Ok(Apt { options })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // When root runs apt, apt downloads as a user of its own, which has no access to our folders.
        command
            .args(["-o", "APT::Sandbox::User=root"])
            .args(&self.options)
            .env("LC_ALL", "C.UTF-8");
        command
    }

    async fn update(&self, folder: &Path) -> Result<()> {
        self.logged(self.command("apt-get").args(["-q", "update"]), folder)
            .await
    }

    /// Downloads the package `name` to `file`. The file appears when it is complete.
    async fn download(&self, name: &str, file: &Path, folder: &Path) -> Result<()> {
        let partial = file.with_extension("partial");
        if partial.exists() {
            std::fs::remove_dir_all(&partial)?;
        }
        std::fs::create_dir(&partial)?;
        self.logged(
            self.command("apt-get")
                .args(["-q", "download", name])
                .current_dir(&partial),
            folder,
        )
        .await?;
        let archive = std::fs::read_dir(&partial)?
            .next()
            .context("`apt-get download` downloaded nothing")??;
        std::fs::rename(archive.path(), file)?;
        std::fs::remove_dir(&partial)?;
        Ok(())
    }

    /// Runs an apt command with its output in a log. If the command fails, the log becomes the error.
    async fn logged(&self, command: &mut Command, folder: &Path) -> Result<()> {
        let path = folder.join("apt.log");
        let log = File::create(&path)?;
        command.stdout(log.try_clone()?).stderr(log);
        let status = Process::spawn(command, EndSignal::Terminate)?.wait().await?;
        if status.success() {
            return Ok(());
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let complaints: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("E:") || line.starts_with("Err:"))
            .collect();
        bail!(
            "`{}` failed: {status}\n{}",
            crate::process::command_line(command),
            complaints.join("\n")
        );
    }

    /// The wanted packages, and of all their dependencies: those of the same family, and the libraries that the system
    /// lacks.
    fn closure(&self, wanted: &WantedPackage<'_>) -> Result<Vec<String>> {
        let installed = parse_installed(&output(Command::new("dpkg-query").args([
            "--show",
            "--showformat",
            "${Package} ${db:Status-Abbrev}\\n",
        ]))?);
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let mut next: BTreeSet<String> = wanted.packages.iter().map(|name| (*name).to_owned()).collect();
        while !next.is_empty() {
            let text = output(self.command("apt-cache").args(DEPENDS_ONLY).args(&next))?;
            let dependencies = parse_depends(&text);
            if let Some(missing) = next.iter().find(|name| !dependencies.contains_key(*name)) {
                bail!("no package `{missing}` in apt's lists");
            }
            taken.append(&mut next);
            let groups = dependencies.values().flatten();
            next = groups
                .filter_map(|group| choose(group, wanted.family, &installed, &taken))
                .collect();
        }
        Ok(taken.into_iter().collect())
    }
}

const DEPENDS_ONLY: [&str; 7] = [
    "depends",
    "--no-recommends",
    "--no-suggests",
    "--no-conflicts",
    "--no-breaks",
    "--no-replaces",
    "--no-enhances",
];

/// Packages of which one is required, in Debian's order of preference.
type Alternatives = Vec<String>;

/// Reads the output of `apt-cache depends`: the dependencies of each package.
///
/// A package starts in the first column. ` |Depends: a` and the next `  Depends: b` are alternatives. Deeper lines name
/// the packages that provide the one above. `<x>` is a virtual package, which only other packages provide.
fn parse_depends(text: &str) -> BTreeMap<String, Vec<Alternatives>> {
    let mut packages: BTreeMap<String, Vec<Alternatives>> = BTreeMap::new();
    let mut groups: Option<&mut Vec<Alternatives>> = None;
    let mut goes_on = false;
    for line in text.lines() {
        if !line.starts_with(' ') {
            groups = Some(packages.entry(without_architecture(line).to_owned()).or_default());
            goes_on = false;
            continue;
        }
        let Some(groups) = groups.as_deref_mut() else {
            continue;
        };
        match line.trim_start().split_once("Depends: ") {
            Some((mark, name)) => {
                if !goes_on {
                    groups.push(Alternatives::new());
                }
                add(groups, name);
                goes_on = mark.starts_with('|');
            }
            None => add(groups, line.trim()),
        }
    }
    packages
}

fn add(groups: &mut [Alternatives], name: &str) {
    if let Some(group) = groups.last_mut()
        && !name.starts_with('<')
    {
        group.push(without_architecture(name).to_owned());
    }
}

/// `libc6:amd64` → `libc6`.
fn without_architecture(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// Which of the alternatives to unpack, if any.
fn choose(
    group: &Alternatives,
    family: &[&str],
    installed: &BTreeSet<String>,
    taken: &BTreeSet<String>,
) -> Option<String> {
    if group.iter().any(|name| taken.contains(name)) {
        return None;
    }
    let of_the_family = |name: &&String| family.iter().any(|prefix| name.starts_with(prefix));
    if let Some(name) = group.iter().find(of_the_family) {
        return Some(name.clone());
    }
    if group.iter().any(|name| installed.contains(name)) {
        return None;
    }
    group.iter().find(|name| name.starts_with("lib")).cloned()
}

/// Reads lines of `NAME STATUS` and returns the packages that are installed (`ii`).
fn parse_installed(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(_, status)| status.starts_with("ii"))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDS: &str = "\
redis-tools
  Depends: libc6
  Depends: libssl3
  Depends: libsystemd0
    libelogind0
postgresql-15
  PreDepends: init-system-helpers
 |Depends: locales
  Depends: locales-all
 |Depends: debconf
  Depends: <debconf-2.0>
    cdebconf
    debconf
  Depends: libpq5:amd64
";

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn dependencies_are_groups_of_alternatives() {
        let parsed = parse_depends(DEPENDS);
        assert_eq!(
            parsed["redis-tools"],
            [vec!["libc6"], vec!["libssl3"], vec!["libsystemd0", "libelogind0"]]
        );
        assert_eq!(
            parsed["postgresql-15"],
            [
                vec!["init-system-helpers"],
                vec!["locales", "locales-all"],
                vec!["debconf", "cdebconf", "debconf"],
                vec!["libpq5"]
            ]
        );
    }

    #[test]
    fn only_missing_libraries_and_the_family_are_chosen() {
        let parsed = parse_depends(DEPENDS);
        let chosen = |package: &str, family: &[&str], installed: &[&str]| -> Vec<String> {
            let groups = parsed[package].iter();
            groups
                .filter_map(|group| choose(group, family, &set(installed), &set(&[])))
                .collect()
        };
        assert_eq!(chosen("redis-tools", &[], &["libc6", "libelogind0"]), ["libssl3"]);
        assert_eq!(
            chosen("postgresql-15", &[], &["libpq5"]),
            [""; 0],
            "locales and debconf are not libraries"
        );
        assert_eq!(
            chosen("redis-tools", &["libssl"], &["libc6", "libssl3", "libsystemd0"]),
            ["libssl3"],
            "the family is unpacked even where it is installed"
        );
    }

    #[test]
    fn a_package_that_was_removed_is_not_installed() {
        assert_eq!(
            parse_installed("libc6 ii \nlibfoo rc \nlibbar iU \n"),
            set(&["libc6"])
        );
    }
}
