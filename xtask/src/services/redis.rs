//! A private Redis server.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
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
    bff_password: Secret,
    user_password: Secret,
    order_password: Secret,
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
        let (admin_password, bff_password) = (secrets.get("redis.admin")?, secrets.get("redis.bff")?);
        let (user_password, order_password) = (secrets.get("redis.user")?, secrets.get("redis.order")?);
        let folder = home.owned_folder("redis")?;
        let mut redis = Redis {
            home,
            programs,
            folder,
            admin_password,
            bff_password,
            user_password,
            order_password,
            port: 0,
            process: None,
        };
        redis.launch_on_a_free_port().await?;
        Ok(redis)
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

    /// The password of `bff`, who may do what the bff component needs, and no more.
    pub fn bff_password(&self) -> &Secret {
        &self.bff_password
    }

    /// The password of `user`, who may tell of revocations as the user component does, and no more.
    pub fn user_password(&self) -> &Secret {
        &self.user_password
    }

    /// The password of `order`, who may tell of changes as the order component does, and no more.
    pub fn order_password(&self) -> &Secret {
        &self.order_password
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
             user bff on >{bff} resetkeys ~akinai:* resetchannels -@all +@connection -@dangerous \
             +eval +evalsha +get +set +incr +pexpire +pttl +time\n\
             user user on >{user} resetkeys ~akinai*:revoked:* resetchannels &user.logout \
             -@all +@connection -@dangerous +eval +evalsha +set +time +publish\n\
             user order on >{order} resetkeys ~akinai*:order.events ~akinai*:order.events:version:* resetchannels \
             -@all +@connection -@dangerous +eval +evalsha +get +set +expire +xadd\n",
            port = self.port,
            folder = self.folder.display(),
            admin = self.admin_password.reveal(),
            bff = self.bff_password.reveal(),
            user = self.user_password.reveal(),
            order = self.order_password.reveal(),
        )
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
