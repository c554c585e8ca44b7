//! A private Redis server.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::programs::{self, Programs};
use super::{Home, POLL, SECRETS_FILE, START_LIMIT, STOP_LIMIT, create_log, free_port, log_tail};
use crate::process::{EndSignal, Process};
use crate::secret::{Secret, Secrets, write_private};

/// The users that components log in as, and what each of them may do.
const USERS: [(&str, &str); 4] = [
    (
        "bff",
        "~akinai:* +eval +evalsha +get +set +incr +pexpire +pttl +time +zadd +zremrangebyscore \
         (~akinai*:breaker:* +del)",
    ),
    (
        "user",
        "~akinai*:revoked:* &user.logout +eval +evalsha +set +time +publish \
         (~akinai*:attempts:* +eval +evalsha +incr +expire +ttl +del)",
    ),
    (
        "order",
        "~akinai*:order.events ~akinai*:order.events:version:* +eval +evalsha +get +set +expire +xadd",
    ),
    (
        "events",
        "~akinai*:verdict:* ~akinai*:verdicts:* ~akinai*:copy:user:* &user.logout +subscribe +zrange +del",
    ),
];

/// A running server. Dropping it shuts it down.
#[derive(Debug)]
pub struct Redis {
    home: Home,
    programs: Programs,
    folder: PathBuf,
    admin_password: Secret,
    /// Of [`USERS`], in their order.
    passwords: Vec<Secret>,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Starts an empty server whose files are in `folder`/redis, and waits until it answers. It keeps nothing: to us,
    /// Redis is a cache.
    ///
    /// # Errors
    /// There is no Redis and none can be unpacked, or the server does not come up: then the message ends with its log.
    pub async fn start(folder: &Path) -> Result<Redis> {
        let home = Home::at(folder)?;
        let programs = programs::redis().await?;
        let mut secrets = Secrets::open(&folder.join(SECRETS_FILE))?;
        let admin_password = secrets.get("redis.admin")?;
        let passwords = USERS.map(|(user, _)| secrets.get(&format!("redis.{user}")));
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
        USERS.iter().map(|(user, _)| *user)
    }

    /// The port on 127.0.0.1. It stays the same over [`Redis::stop`] and [`Redis::start_again`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of `admin`, who may do everything.
    pub fn admin_url(&self) -> Secret {
        Secret::new(format!(
            "redis://admin:{}@127.0.0.1:{}",
            self.admin_password.reveal(),
            self.port
        ))
    }

    /// The users that components log in as, each with its password. One is named like its component, and may do there what
    /// that needs, and no more.
    pub fn users(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        Self::component_users().zip(&self.passwords)
    }

    /// An ACL file for a server elsewhere: `admin`, and the users that components log in as, with the passwords that they have here.
    ///
    /// # Errors
    /// A new password cannot be saved.
    pub fn acl(secrets: &mut Secrets) -> Result<Secret> {
        let admin = secrets.get("redis.admin")?;
        let mut lines = format!(
            "user default off\nuser admin on >{} ~* &* +@all\n",
            admin.reveal()
        );
        for (user, rules) in USERS {
            lines += &access_rule(user, rules, &secrets.get(&format!("redis.{user}"))?);
        }
        Ok(Secret::new(lines))
    }

    /// Shuts the server down; what it held is gone. Harmless when it is down.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(STOP_LIMIT).await,
            None => Ok(()),
        }
    }

    /// Stops the server where it stands: connections stay open, and nothing is answered until [`Redis::thaw`].
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Has a frozen server go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .context("Redis does not run")?
            .signal(signal)
    }

    /// Starts a stopped server, empty, on the port it had. Harmless when it is up.
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
        // In a file, because every user of the machine can read a command line.
        let file = self.folder.join("redis.conf");
        write_private(&file, &self.configuration())?;
        self.home.give(&file)?;
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
             # A cache forgets what was not used for longest, rather than growing.\n\
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
        let users = USERS.iter().zip(&self.passwords);
        users
            .map(|((user, rules), password)| access_rule(user, rules, password))
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

fn access_rule(user: &str, rules: &str, password: &Secret) -> String {
    let password = password.reveal();
    format!("user {user} on >{password} resetkeys resetchannels -@all +@connection -@dangerous {rules}\n")
}
