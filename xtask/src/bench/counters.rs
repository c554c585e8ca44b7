//! Counts the commands to Postgres and Redis with the servers' own statistics.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::migrate;
use crate::secret::Secret;
use crate::services::Redis;

/// The setting that makes Postgres count statements. The module must be loaded when Postgres starts.
pub(super) const SETTINGS: &[&str] = &["shared_preload_libraries=pg_stat_statements"];

/// The scripts that run in Redis for a component on the path of a request. For the component, a script is one round
/// trip. Plain commands, such as those that store what was read, are not counted. Redis also counts the commands that a
/// script calls, but these are no round trips. A count of the reads from sockets would be too low: commands that
/// requests send at the same time share a connection, and often a packet.
const SCRIPTS: [&str; 2] = ["eval", "evalsha"];

/// How long the servers must have been idle.
const REST: Duration = Duration::from_millis(500);

/// How long to wait for the servers to become idle.
const REST_LIMIT: Duration = Duration::from_secs(30);

/// The commands of the services since their servers started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// SQL statements.
    pub(super) statements: u64,
    /// Round trips to Redis.
    pub(super) questions: u64,
}

/// Reads the counts. Reading does not slow the services, and its own commands are not counted.
pub(super) struct Counters {
    postgres: PgConnection,
    redis: Url,
    roles: Vec<String>,
}

impl Counters {
    /// Counts the statements of these roles in a database, whose server was started with [`SETTINGS`], and the scripts
    /// of all clients of Redis.
    pub(super) async fn open(database: &Secret, redis: &Redis, roles: Vec<String>) -> Result<Counters> {
        let mut postgres = PgConnection::connect_with(&migrate::connect_options(database)?).await?;
        postgres
            .execute("create extension if not exists pg_stat_statements")
            .await?;
        Ok(Counters {
            postgres,
            redis: redis.admin_url().reveal().parse()?,
            roles,
        })
    }

    /// The counts once the servers are idle. Work that one load left unfinished must not count for the next load.
    ///
    /// # Errors
    /// The servers do not become idle, or do not answer.
    pub(super) async fn when_idle(&mut self) -> Result<Counts> {
        let began = Instant::now();
        let mut last = self.read().await?;
        while began.elapsed() < REST_LIMIT {
            tokio::time::sleep(REST).await;
            let now = self.read().await?;
            if now == last {
                return Ok(now);
            }
            last = now;
        }
        bail!("Postgres or Redis is still busy {REST_LIMIT:?} after the requests ended")
    }

    async fn read(&mut self) -> Result<Counts> {
        let statements: i64 = sqlx::query_scalar(
            "select coalesce(sum(calls), 0)::bigint \
             from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname = any($1)",
        )
        .bind(&self.roles)
        .fetch_one(&mut self.postgres)
        .await
        .context("Postgres does not return the number of its statements")?;
        Ok(Counts {
            statements: statements.try_into()?,
            questions: scripts_run(&self.send_to_redis("INFO commandstats").await?),
        })
    }

    async fn send_to_redis(&self, command: &str) -> Result<String> {
        let address = (
            self.redis.host_str().unwrap_or_default(),
            self.redis.port().unwrap_or_default(),
        );
        let mut stream = TcpStream::connect(address).await?;
        let password = self.redis.password().unwrap_or_default();
        let lines = format!(
            "AUTH {} {password}\r\n{command}\r\nQUIT\r\n",
            self.redis.username()
        );
        stream.write_all(lines.as_bytes()).await?;
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await?;
        match answers.split_once("\r\n") {
            Some(("+OK", answer)) => {
                ensure!(!answer.starts_with('-'), "Redis refuses `{command}`: {answer}");
                Ok(answer.to_owned())
            }
            _ => bail!("Redis refuses the login"),
        }
    }
}

/// Reads lines as `cmdstat_evalsha:calls=12,usec=345,…`.
fn scripts_run(statistics: &str) -> u64 {
    let calls = |line: &str| {
        let (command, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = numbers.split(',').next()?.parse::<u64>().ok()?;
        SCRIPTS.contains(&command).then_some(calls)
    };
    statistics.lines().filter_map(calls).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_counted_but_not_the_commands_that_they_call() {
        let statistics = "# Commandstats\r\n\
                          cmdstat_get:calls=90,usec=1\r\n\
                          cmdstat_evalsha:calls=30,usec=345,usec_per_call=11.50,rejected_calls=0\r\n\
                          cmdstat_eval:calls=2,usec=9\r\n";
        assert_eq!(scripts_run(statistics), 32);
        assert_eq!(scripts_run(""), 0, "a server that ran no command");
    }
}
