//! A private PostgreSQL server.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::programs::{self, Programs};
use super::{Home, POLL, SECRETS_FILE, START_LIMIT, STOP_LIMIT, create_log, free_port, log_tail};
use crate::process::{EndSignal, Process};
use crate::secret::{Secret, Secrets, write_private};

/// The superuser of a private server.
const SUPERUSER: &str = "postgres";

/// The name under which its password is stored.
const SECRET: &str = "postgres.postgres";

/// The largest number of clients at once. A host keeps up to 64 connections for each service, and tests run several
/// hosts.
const MAX_CONNECTIONS: &str = "400";

/// Whether the data survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives, as in production.
    Kept,
    /// It need not survive: the server does not wait for the disk. For tests.
    Disposable,
}

/// A running server. Dropping it shuts it down.
#[derive(Debug)]
pub struct Postgres {
    home: Home,
    programs: Programs,
    folder: PathBuf,
    durability: Durability,
    settings: &'static [&'static str],
    password: Secret,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts a server whose files are in `folder`/postgres, and waits until it answers. The first start creates the
    /// database cluster: UTF-8, sorted by code point, password authentication for every user.
    ///
    /// # Errors
    /// There is no PostgreSQL and none can be unpacked; the files belong to another major version, or are in use; or
    /// the server does not start. In the last case the message ends with its log.
    pub async fn start(folder: &Path, durability: Durability) -> Result<Postgres> {
        Postgres::start_with(folder, durability, &[]).await
    }

    /// The same with settings (`NAME=VALUE`) in addition to our own.
    ///
    /// # Errors
    /// As [`Postgres::start`]; or the server refuses a setting.
    pub async fn start_with(
        folder: &Path,
        durability: Durability,
        settings: &'static [&'static str],
    ) -> Result<Postgres> {
        let home = Home::at(folder)?;
        let programs = programs::postgres().await?;
        let password = Secrets::open(&folder.join(SECRETS_FILE))?.get(SECRET)?;
        let folder = home.owned_folder("postgres")?;
        let mut postgres = Postgres {
            home,
            programs,
            folder,
            durability,
            settings,
            password,
            port: 0,
            process: None,
        };
        postgres.initialize().await?;
        postgres.end_leftover().await?;
        postgres.launch_on_a_free_port().await?;
        Ok(postgres)
    }

    /// The superuser's URL for `database` on the server that another process runs in `folder`; `None` when none runs.
    ///
    /// # Errors
    /// The passwords in `folder` cannot be read.
    pub fn running(folder: &Path, database: &str) -> Result<Option<Secret>> {
        let data = folder.join("postgres/data");
        let pid_file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = pid_file.lines().collect();
        let port = match lines.as_slice() {
            // The format is fixed, because other programs of PostgreSQL also read it.
            [pid, _, _, port, ..] if is_served_by(&data, pid) => port.parse().ok(),
            _ => None,
        };
        let Some(port) = port else { return Ok(None) };
        let password = Secrets::open(&folder.join(SECRETS_FILE))?.get(SECRET)?;
        Ok(Some(superuser_url(&password, port, database)))
    }

    /// The port on 127.0.0.1. [`Postgres::stop`] and [`Postgres::start_again`] do not change it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's URL for the database `postgres`, which always exists.
    pub fn admin_url(&self) -> Secret {
        self.admin_url_of("postgres")
    }

    /// The superuser's URL for `database`.
    pub fn admin_url_of(&self, database: &str) -> Secret {
        let (password, port) = (self.password.reveal(), self.port);
        Secret::new(format!(
            "postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}"
        ))
    }

    /// Shuts the server down. Open connections are closed, and committed data is on disk. A second call does nothing.
    ///
    /// # Errors
    /// The operating system refuses.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(STOP_LIMIT).await,
            None => Ok(()),
        }
    }

    /// Starts a stopped server on the same port. A second call does nothing.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        if self.process.is_none() {
            self.launch().await?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.programs.command(name);
        self.home.as_service_user(&mut command);
        command
    }

    /// Creates the database cluster under another name and then renames it, so that an incomplete cluster is never
    /// used.
    async fn initialize(&self) -> Result<()> {
        if self.data().join("PG_VERSION").exists() {
            return self.check_version();
        }
        let new = self.folder.join("data.new");
        match std::fs::remove_dir_all(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", new.display()));
            }
            _ => {}
        }
        let password_file = self.folder.join("password");
        write_private(&password_file, self.password.reveal())?;
        self.home.change_owner(&password_file)?;
        let log = create_log(&self.log())?;
        let mut command = self.program("initdb");
        command
            .args([
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth=scram-sha-256",
                "--username",
                SUPERUSER,
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&new)
            .stderr(log.try_clone()?)
            .stdout(log);
        if self.durability == Durability::Disposable {
            command.arg("--no-sync");
        }
        let status = Process::spawn(&mut command, EndSignal::Terminate)?.wait().await;
        std::fs::remove_file(&password_file)?;
        if !status?.success() {
            bail!("cannot create a database cluster; {}", log_tail(&self.log()));
        }
        std::fs::rename(&new, self.data()).context("cannot move the new database cluster to its place")
    }

    fn check_version(&self) -> Result<()> {
        let made_by = std::fs::read_to_string(self.data().join("PG_VERSION"))?;
        let program = crate::process::output(self.program("postgres").arg("--version"))?;
        match major_version(&program) {
            Some(found) if found == made_by.trim() => Ok(()),
            found => bail!(
                "{} was made by PostgreSQL {}, but {} is version {}.\n\
                 Install that version, or delete the folder to start with empty databases.",
                self.folder.display(),
                made_by.trim(),
                self.programs.path("postgres").display(),
                found.unwrap_or("unknown")
            ),
        }
    }

    /// If an earlier run was killed a moment ago, its server may still be shutting down. If the machine crashed, only
    /// the pid file is left, and its number may belong to any other process now.
    async fn end_leftover(&self) -> Result<()> {
        let pid_file = self.data().join("postmaster.pid");
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            let Ok(text) = std::fs::read_to_string(&pid_file) else {
                return Ok(());
            };
            let serves_this_folder = text
                .lines()
                .next()
                .is_some_and(|pid| is_served_by(&self.data(), pid));
            if !serves_this_folder {
                return match std::fs::remove_file(&pid_file) {
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
                    _ => Ok(()),
                };
            }
            if Instant::now() > deadline {
                bail!(
                    "another PostgreSQL server (process {}) uses {}: stop it first",
                    text.lines().next().unwrap_or_default(),
                    self.data().display()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn launch_on_a_free_port(&mut self) -> Result<()> {
        const ATTEMPTS: u32 = 3;
        for attempt in 1.. {
            self.port = free_port()?;
            match self.launch().await {
                Err(error)
                    if attempt < ATTEMPTS && format!("{error:#}").contains("Address already in use") => {}
                done => return done,
            }
        }
        Ok(())
    }

    async fn launch(&mut self) -> Result<()> {
        let log = create_log(&self.log())?;
        let mut command = self.program("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-N", MAX_CONNECTIONS])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                // No socket in the file system, so that the only way in requires a password.
                "-c",
                "unix_socket_directories=",
            ]);
        if self.durability == Durability::Disposable {
            command.args([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
            ]);
        }
        for setting in self.settings {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone()?).stderr(log);
        let mut process = Process::spawn(&mut command, EndSignal::Interrupt)?;
        let deadline = Instant::now() + START_LIMIT;
        while !self.is_ready(process.id()) {
            if process.try_wait()?.is_some() {
                bail!("PostgreSQL ended while starting; {}", log_tail(&self.log()));
            }
            if Instant::now() > deadline {
                let seconds = START_LIMIT.as_secs();
                bail!(
                    "PostgreSQL was not ready after {seconds} s; {}",
                    log_tail(&self.log())
                );
            }
            tokio::time::sleep(POLL).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// The server writes its state into the pid file. PostgreSQL's own `pg_ctl` waits for the same line.
    fn is_ready(&self, pid: u32) -> bool {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(pid.to_string().as_str()) && lines.any(|line| line.trim() == "ready")
    }
}

fn superuser_url(password: &Secret, port: u16, database: &str) -> Secret {
    Secret::new(format!(
        "postgres://{SUPERUSER}:{}@127.0.0.1:{port}/{database}",
        password.reveal()
    ))
}

/// Whether `pid` is a server that uses the files in `data`.
fn is_served_by(data: &Path, pid: &str) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments
        .split(|byte| *byte == 0)
        .any(|argument| argument == data.as_os_str().as_encoded_bytes())
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` → `15`.
fn major_version(text: &str) -> Option<&str> {
    text.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_are_read_from_the_output_of_postgres() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some("15")
        );
        assert_eq!(major_version("postgres (PostgreSQL) 17beta1"), Some("17"));
        assert_eq!(major_version("postgres"), None);
    }
}
