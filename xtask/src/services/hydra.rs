//! A private Ory Hydra.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{POLL, START_LIMIT, STOP_LIMIT, create_log, log_tail};
use crate::http::{self, Request};
use crate::hydra::{Place, Private, merged};
use crate::process::{EndSignal, Process};
use crate::secret::write_private;
use crate::workspace::Workspace;

/// How long Hydra may take to create its tables.
const MIGRATION_LIMIT: Duration = Duration::from_secs(60);

/// How long one answer to the readiness check may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A running Hydra. Dropping it shuts it down.
#[derive(Debug)]
pub struct Hydra {
    place: Place,
    process: Process,
}

impl Hydra {
    /// Migrates Hydra's own tables in the database that `private` names. Hydra's files are in `folder`/hydra.
    ///
    /// # Errors
    /// The database does not answer, or belongs to another Hydra that is newer than ours. The message ends with Hydra's
    /// output.
    pub async fn migrate(program: &Path, folder: &Path, private: &Private) -> Result<()> {
        let files = Files::in_folder(folder)?;
        write_private(&files.settings, &format!("{:#}\n", private.settings()))?;
        let log = create_log(&files.log)?;
        let mut command = Command::new(program);
        command
            .args(["migrate", "sql", "up", "--read-from-env", "--yes", "--config"])
            .arg(&files.settings)
            .stderr(log.try_clone()?)
            .stdout(log);
        let mut process = Process::spawn(&mut command, EndSignal::Terminate)?;
        // If a database does not answer, Hydra retries for minutes.
        let Ok(status) = tokio::time::timeout(MIGRATION_LIMIT, process.wait()).await else {
            bail!(
                "Hydra has not made its tables after {} s: does its database answer? {}",
                MIGRATION_LIMIT.as_secs(),
                log_tail(&files.log)
            );
        };
        let status = status?;
        if !status.success() {
            bail!(
                "Hydra cannot make its tables ({status}); {}",
                log_tail(&files.log)
            );
        }
        Ok(())
    }

    /// Starts Hydra with migrated tables, and waits until it answers. Its configuration is
    /// `deployments/hydra/hydra.yml` and the settings of `private` and `place`.
    ///
    /// # Errors
    /// One of the addresses is in use, or Hydra does not start. The message ends with its log.
    pub async fn start(
        workspace: &Workspace,
        program: &Path,
        folder: &Path,
        private: &Private,
        place: Place,
    ) -> Result<Hydra> {
        let files = Files::in_folder(folder)?;
        let settings = merged([private.settings(), place.settings()]);
        write_private(&files.settings, &format!("{settings:#}\n"))?;
        let log = create_log(&files.log)?;
        let mut command = Command::new(program);
        command
            // `--dev`: Hydra refuses `http` addresses like ours without it.
            .args(["serve", "all", "--dev", "--config"])
            .arg(workspace.root().join("deployments/hydra/hydra.yml"))
            .arg("--config")
            .arg(&files.settings)
            .stderr(log.try_clone()?)
            .stdout(log);
        let process = Process::spawn(&mut command, EndSignal::Terminate)?;
        let mut hydra = Hydra { place, process };
        hydra.wait_until_ready(&files.log).await?;
        Ok(hydra)
    }

    /// Its addresses.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Shuts it down. A second call does nothing.
    ///
    /// # Errors
    /// The operating system refuses.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(STOP_LIMIT).await
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The operating system no longer has the process.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait().await
    }

    /// The key set is available when the database answers and the keys exist. At the first start, creating them takes
    /// some seconds.
    async fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let keys = format!("http://{}/.well-known/jwks.json", self.place.public);
        let question = Request::get(keys.parse().context("no URL")?);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.process.try_wait()? {
                bail!("Hydra ended while starting ({status}); {}", log_tail(log));
            }
            let answer = http::send(&question, ANSWER_LIMIT).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "Hydra was not ready after {} s; {}",
                    START_LIMIT.as_secs(),
                    log_tail(log)
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The files of a Hydra: its log, and the settings that are written for it.
struct Files {
    settings: PathBuf,
    log: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Result<Files> {
        let folder = folder.join("hydra");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Files {
            settings: folder.join("settings.json"),
            log: folder.join("log"),
        })
    }
}
