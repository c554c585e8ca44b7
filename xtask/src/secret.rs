//! Passwords that `up` and `test` generate, and the git-ignored file in which they are stored.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A password, or a URL that contains one. `Debug` hides it, and there is no `Display`. Only [`Secret::reveal`] shows
/// it, and a reviewer can search for that call.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that must not be shown.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// 192 random bits from the operating system, as 48 hexadecimal digits. A URL or a shell needs no escaping for
    /// them.
    ///
    /// # Errors
    /// The system has no `/dev/urandom`.
    pub fn random() -> Result<Secret> {
        let mut bytes = [0; 24];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bytes))
            .context("cannot read random bytes from /dev/urandom")?;
        Ok(Secret(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Named passwords in a JSON file that only its owner can read. A missing password is generated when it is first
/// needed.
#[derive(Debug)]
pub struct Secrets {
    file: PathBuf,
    known: BTreeMap<String, Secret>,
}

impl Secrets {
    /// Opens `file`. A missing file counts as an empty one.
    ///
    /// # Errors
    /// The file cannot be read, or is not a JSON object of texts.
    pub fn open(file: &Path) -> Result<Secrets> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "{}".to_owned(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let known: BTreeMap<String, String> = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is damaged: delete it and its folder to start afresh",
                file.display()
            )
        })?;
        let known = known
            .into_iter()
            .map(|(name, text)| (name, Secret(text)))
            .collect();
        Ok(Secrets {
            file: file.to_owned(),
            known,
        })
    }

    /// The password called `name`. A new one is on disk before this returns, so that it can be used again after a
    /// crash.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn get(&mut self, name: &str) -> Result<Secret> {
        if let Some(secret) = self.known.get(name) {
            return Ok(secret.clone());
        }
        let secret = Secret::random()?;
        self.known.insert(name.to_owned(), secret.clone());
        self.save()?;
        Ok(secret)
    }

    /// The password called `name`, if there is one.
    pub fn find(&self, name: &str) -> Option<Secret> {
        self.known.get(name).cloned()
    }

    /// The file in which the passwords are stored.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn save(&self) -> Result<()> {
        let plain: BTreeMap<&str, &str> = self
            .known
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.reveal()))
            .collect();
        write_private(&self.file, &serde_json::to_string_pretty(&plain)?)
    }
}

/// Writes a file that only its owner can read. The write is atomic.
///
/// # Errors
/// The folder is missing or not writable.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secret_is_hidden_in_its_debug_output() {
        let secret = Secret::new("hunter2");
        assert!(
            !format!("{secret:?}").contains("hunter2"),
            "Debug shows the secret"
        );
    }

    #[test]
    fn secrets_are_unique_stored_and_private() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secrets.json");
        let mut secrets = Secrets::open(&file).expect("an absent file is an empty one");
        let (a, b) = (secrets.get("a").expect("made"), secrets.get("b").expect("made"));
        assert!(a != b, "two secrets are equal");

        let mut again = Secrets::open(&file).expect("what was saved can be read");
        assert!(
            again.get("a").expect("kept") == a,
            "another password after reopening"
        );
        let mode = std::fs::metadata(&file)
            .expect("the file exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "other users may read the passwords");
    }
}
