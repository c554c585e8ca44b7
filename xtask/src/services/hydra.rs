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

/// How long Hydra may take to make its tables.
const MIGRATION_LIMIT: Duration = Duration::from_secs(60);

/// How long one answer to the question whether it is ready may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A running Hydra. Dropping it shuts it down.
#[derive(Debug)]
pub struct Hydra {
    place: Place,
    process: Process,
}

impl Hydra {
    /// Brings Hydra's own tables up to date: those of the database that `private` names. Its files are in `folder`/hydra.
    ///
    /// # Errors
    /// The database does not answer, or is another Hydra's, newer than ours; the message ends with what Hydra said.
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
        // Hydra goes on asking a database that does not answer for minutes.
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

    /// Starts Hydra over migrated tables, and waits until it answers. Its configuration is `deployments/hydra/hydra.yml`, and what
    /// `private` and `place` say beyond it.
    ///
    /// # Errors
    /// One of the addresses is taken, or Hydra does not come up; the message ends with its log.
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
            // `--dev`: our addresses are http ones, which Hydra refuses otherwise.
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

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Shuts it down. Harmless when it is down.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.stop(STOP_LIMIT).await
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The operating system does not know it any more.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait().await
    }

    /// Its key set is there when its database answers and its keys are made, which takes the first start some seconds.
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

/// What a Hydra writes, and what is written for it.
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
