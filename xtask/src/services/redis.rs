//! A private Redis server.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use keyspace::{GRANTS, RedisGrant};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::programs::{self, Programs};
use super::{Home, POLL, SECRETS_FILE, START_LIMIT, STOP_LIMIT, create_log, free_port, log_tail};
use crate::process::{EndSignal, Process};
use crate::secret::{Secret, Secrets, write_private};

/// A running server. Dropping it shuts it down.
#[derive(Debug)]
pub struct Redis {
    home: Home,
    programs: Programs,
    folder: PathBuf,
    admin_password: Secret,
    /// Of [`GRANTS`], in the same order.
    passwords: Vec<Secret>,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Starts an empty server whose files are in `folder`/redis, and waits until it answers. It saves nothing: Redis is a cache.
    ///
    /// # Errors
    /// There is no Redis and none can be unpacked, or the server does not start. Then the message ends with its log.
    pub async fn start(folder: &Path) -> Result<Redis> {
        let home = Home::at(folder)?;
        let programs = programs::redis().await?;
        let mut secrets = Secrets::open(&folder.join(SECRETS_FILE))?;
        let admin_password = secrets.get("redis.admin")?;
        let passwords = GRANTS.map(|grant| secrets.get(&secret(&grant)));
        let passwords = passwords.into_iter().collect::<Result<_>>()?;
        let folder = home.owned_folder("redis")?;
        let mut redis = Redis {
            home,
            programs,
            folder,
            admin_password,
            passwords,
            port: 0,
            process: None,
        };
        redis.launch_on_a_free_port().await?;
        Ok(redis)
    }

    /// The names of [`Redis::users`].
    pub fn component_users() -> impl Iterator<Item = &'static str> {
        GRANTS.iter().map(|grant| grant.component)
    }

    /// The port on 127.0.0.1. [`Redis::stop`] and [`Redis::start_again`] do not change it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the user `admin`, which may do everything.
    pub fn admin_url(&self) -> Secret {
        Secret::new(format!(
            "redis://admin:{}@127.0.0.1:{}",
            self.admin_password.reveal(),
            self.port
        ))
    }

    /// The components' users, each with its password. A user has the name of its component, and may do what the component needs,
    /// and no more.
    pub fn users(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        Self::component_users().zip(&self.passwords)
    }

    /// An ACL file for a server elsewhere: `admin` and the components' users, with the passwords that they have here.
    ///
    /// # Errors
    /// A new password cannot be saved.
    pub fn acl(secrets: &mut Secrets) -> Result<Secret> {
        let admin = secrets.get("redis.admin")?;
        let mut lines = format!(
            "user default off\nuser admin on >{} ~* &* +@all\n",
            admin.reveal()
        );
        for grant in &GRANTS {
            lines += &access_rule(grant, &secrets.get(&secret(grant))?);
        }
        Ok(Secret::new(lines))
    }

    /// Stops the server. Its content is lost. A second call does nothing.
    ///
    /// # Errors
    /// The operating system refuses.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(STOP_LIMIT).await,
            None => Ok(()),
        }
    }

    /// Suspends the server: connections stay open, and no command is answered until [`Redis::thaw`].
    ///
    /// # Errors
    /// The server does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Resumes a suspended server.
    ///
    /// # Errors
    /// The server does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .context("Redis does not run")?
            .signal(signal)
    }

    /// Starts a stopped server, empty, on the same port. A second call does nothing.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        if self.process.is_none() {
            self.launch().await?;
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
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
        // In a file, because all users of the machine can read a command line.
        let file = self.folder.join("redis.conf");
        write_private(&file, &self.configuration())?;
        self.home.change_owner(&file)?;
        let log = create_log(&self.log())?;
        let mut command = self.programs.command("redis-server");
        self.home
            .as_service_user(&mut command)
            .arg(&file)
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = Process::spawn(&mut command, EndSignal::Terminate)?;
        let deadline = Instant::now() + START_LIMIT;
        while self.ping().await.is_err() {
            if process.try_wait()?.is_some() {
                bail!("Redis ended while starting; {}", log_tail(&self.log()));
            }
            if Instant::now() > deadline {
                bail!(
                    "Redis was not ready after {} s; {}",
                    START_LIMIT.as_secs(),
                    log_tail(&self.log())
                );
            }
            tokio::time::sleep(POLL).await;
        }
        self.process = Some(process);
        Ok(())
    }

    fn configuration(&self) -> String {
        format!(
            "bind 127.0.0.1\n\
             port {port}\n\
             dir {folder}\n\
             save \"\"\n\
             appendonly no\n\
             # A cache removes the keys that were not used for the longest time instead of growing.\n\
             maxmemory 256mb\n\
             maxmemory-policy allkeys-lru\n\
             user default off\n\
             user admin on >{admin} ~* &* +@all\n\
             {users}",
            port = self.port,
            folder = self.folder.display(),
            admin = self.admin_password.reveal(),
            users = self.access_rules(),
        )
    }

    fn access_rules(&self) -> String {
        let users = GRANTS.iter().zip(&self.passwords);
        users
            .map(|(grant, password)| access_rule(grant, password))
            .collect()
    }

    async fn ping(&self) -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!("AUTH admin {}\r\nPING\r\n", self.admin_password.reveal());
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.context("no answer")?;
        if &answer != b"+OK\r\n+PONG\r\n" {
            bail!("not ready: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }
}

/// The name of the secret with the password of a component's user.
fn secret(grant: &RedisGrant) -> String {
    format!("redis.{}", grant.component)
}

/// The line of an ACL file for a component's user.
fn access_rule(grant: &RedisGrant, password: &Secret) -> String {
    format!(
        "user {user} on >{password} resetkeys resetchannels -@all +@connection -@dangerous {rules}\n",
        user = grant.component,
        password = password.reveal(),
        rules = grant.acl_rules(),
    )
}

#[cfg(test)]
mod tests {
    use keyspace::LOGOUT_CHANNEL;

    use crate::workspace::Workspace;

    #[test]
    fn events_subscribes_to_the_channel_that_the_user_component_publishes_on() {
        let manifest = std::fs::read_to_string(Workspace::here().events_manifest()).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let channels: Vec<_> = manifest["trigger"]["redis"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|trigger| trigger["channel"].as_str())
            .collect();
        assert_eq!(channels, [Some(LOGOUT_CHANNEL)]);
    }
}
