//! The user that the servers run as, and the folder in which that user may store files.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// The user that the servers run as when this process runs as root. Postgres refuses to run as root, and Redis does not
/// need to.
#[derive(Clone, Debug)]
pub struct ServiceUser {
    name: String,
    uid: u32,
    gid: u32,
}

impl ServiceUser {
    /// `None` unless this process runs as root. Then the servers run as the same user.
    ///
    /// # Errors
    /// This process runs as root, and the system has neither a user `postgres` nor `nobody`.
    pub fn needed() -> Result<Option<ServiceUser>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        match ["postgres", "nobody"]
            .iter()
            .find_map(|name| parse_account(&accounts, name))
        {
            Some(user) => Ok(Some(user)),
            None => bail!(
                "Postgres refuses to run as root, and there is no other user to run it as.\n\
                 Add one (`useradd --system postgres`), or run this as an ordinary user."
            ),
        }
    }

    /// Whether this user may pass through every folder on the way to `path`.
    fn reaches(&self, path: &Path) -> bool {
        path.ancestors()
            .filter_map(|folder| folder.metadata().ok())
            .all(|folder| {
                let bit = if folder.uid() == self.uid { 0o100 } else { 0o001 };
                folder.mode() & bit != 0
            })
    }
}

fn parse_account(accounts: &str, name: &str) -> Option<ServiceUser> {
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [account, _, uid, gid, ..] if *account == name => Some(ServiceUser {
                name: name.to_owned(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            }),
            _ => None,
        }
    })
}

/// A folder for the files of servers. It is ours, and parts of it belong to the user that they run as.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
    user: Option<ServiceUser>,
}

impl Home {
    /// Prepares `folder` for the files of servers, and creates it if it is missing.
    ///
    /// # Errors
    /// It cannot be created, belongs to another user, or the user that the servers run as cannot reach it.
    pub fn at(folder: &Path) -> Result<Home> {
        let user = ServiceUser::needed()?;
        if !folder.is_dir() {
            // Other users may enter the folder, but not list it. The servers' user needs to enter it, and secrets have
            // the mode 0600.
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o711)
                .create(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let metadata = folder.metadata()?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            bail!(
                "{} belongs to another user: remove it, or run this as that user",
                folder.display()
            );
        }
        if let Some(user) = &user
            && !user.reaches(folder)
        {
            bail!(
                "the servers run as the user `{}`, who may not enter {}: choose a folder that every user may enter",
                user.name,
                folder.display()
            );
        }
        Ok(Home {
            folder: folder.to_owned(),
            user,
        })
    }

    /// The home of a checkout: its `.akinai`. Root's checkout is often under `/root`, which the servers' user cannot
    /// enter. Then the home is a folder in `/var/tmp` that is named after the checkout.
    ///
    /// # Errors
    /// As [`Home::at`].
    pub fn of(workspace: &Workspace) -> Result<Home> {
        let private = workspace.private();
        match ServiceUser::needed()? {
            Some(user) if !user.reaches(workspace.root()) => Home::at(&home_elsewhere(workspace.root())),
            _ => Home::at(&private),
        }
    }

    /// The path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder in this home that the servers' user owns and no other user may enter.
    pub(super) fn owned_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        self.change_owner(&folder)?;
        Ok(folder)
    }

    /// Makes the servers' user the owner of a file or folder.
    pub(super) fn change_owner(&self, path: &Path) -> Result<()> {
        match &self.user {
            Some(user) => chown(path, Some(user.uid), Some(user.gid)).with_context(|| {
                format!(
                    "cannot change the owner of {} to the user `{}`",
                    path.display(),
                    user.name
                )
            }),
            None => Ok(()),
        }
    }

    /// Makes `command` run as the servers' user. Its messages are in English, because this program reads them.
    pub(super) fn as_service_user<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command.current_dir("/").env("LC_ALL", "C.UTF-8")
    }
}

/// `/srv/shop` → `/var/tmp/akinai-srv-shop`. The name is stable, so that the demo data is found again, and each
/// checkout has its own.
fn home_elsewhere(root: &Path) -> PathBuf {
    let name = root.to_string_lossy().trim_matches('/').replace('/', "-");
    Path::new("/var/tmp").join(format!("akinai-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_full_name() {
        let accounts =
            "postgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\nbroken\n";
        let user = parse_account(accounts, "postgres").expect("the account is there");
        assert_eq!((user.uid, user.gid), (101, 104));
        assert!(
            parse_account(accounts, "nobody").is_none(),
            "an account that is not there was found"
        );
    }

    #[test]
    fn folder_without_permission_on_the_way_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("created");
        let stranger = ServiceUser {
            name: "stranger".to_owned(),
            uid: 4_000_000,
            gid: 4_000_000,
        };
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("ours");
        assert!(
            !stranger.reaches(&inner),
            "another user passes through a folder of mode 0700"
        );
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("ours");
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o711)).expect("ours");
        assert!(
            stranger.reaches(&inner),
            "another user cannot pass through folders of mode 0711"
        );
    }

    #[test]
    fn home_outside_the_checkout_is_named_after_it() {
        assert_eq!(
            home_elsewhere(Path::new("/root/akinai")),
            Path::new("/var/tmp/akinai-root-akinai")
        );
    }
}
