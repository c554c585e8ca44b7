//! The running servers: the platform, the native program, the hello component, and their Postgres and Redis.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::counters::{self, Counters};
use super::seed;
use super::wrk::BenchRequest;
use crate::backing::{self, Variables};
use crate::migrate::{self, ServiceSchema};
use crate::process::{EndSignal, Process};
use crate::secret::{Secret, Secrets};
use crate::services::{Durability, Postgres, Redis, SECRETS_FILE, free_port};
use crate::ui;
use crate::workspace::{BuildProfile, Workspace};

const DATABASE: &str = "akinai";

/// How long a server may take until it answers. The host compiles components when it starts for the first time.
const START_LIMIT: Duration = Duration::from_secs(180);

/// How long the issuer may take to sign a token before it answers: several times what one token takes on a slow
/// processor.
const SIGNING_LIMIT: Duration = Duration::from_millis(50);

/// Postgres with a catalogue, and Redis.
pub(super) struct Servers {
    postgres: Postgres,
    redis: Redis,
    passwords: Vec<(ServiceSchema, Secret)>,
    keys: Variables,
}

impl Servers {
    /// Starts both in `folder`, as durable as in production: writes are measured with their real cost.
    pub(super) async fn start(workspace: &Workspace, folder: &Path) -> Result<Servers> {
        let postgres = start_postgres(folder).await?;
        let redis = Redis::start(folder).await?;
        let schemas = migrate::service_schemas(&workspace.migrations())?;
        let mut secrets = Secrets::open(&folder.join(SECRETS_FILE))?;
        let url = postgres.admin_url_of(DATABASE);
        migrate::create_database(&postgres.admin_url(), DATABASE).await?;
        migrate::migrate(&url, &schemas, &mut secrets).await?;
        seed(&url).await?;
        let password = |schema: ServiceSchema| -> Result<_> {
            let password = schema.password(&mut secrets)?;
            Ok((schema, password))
        };
        let passwords = schemas.into_iter().map(password).collect::<Result<_>>()?;
        Ok(Servers {
            postgres,
            redis,
            passwords,
            keys: backing::keys(&mut secrets)?,
        })
    }

    /// Counts the commands of the services.
    pub(super) async fn counters(&self) -> Result<Counters> {
        let roles = self.passwords.iter().map(|(schema, _)| schema.role()).collect();
        Counters::open(&self.postgres.admin_url_of(DATABASE), &self.redis, roles).await
    }

    /// Starts the issuer of the tokens. It writes `count` tokens into `file`.
    pub(super) async fn issuer(&self, workspace: &Workspace, file: &Path, count: u32) -> Result<BenchServer> {
        let mut command = Command::new(workspace.native_program(BuildProfile::Dist, "akinai-bench-issuer"));
        command
            .args(["--user", seed::USER, "--count", &count.to_string(), "--tokens"])
            .arg(file);
        BenchServer::start_within(START_LIMIT + SIGNING_LIMIT * count, command, "/jwks").await
    }

    /// The application of `spin.toml` on our host.
    pub(super) async fn platform(&self, workspace: &Workspace, issuer: &BenchServer) -> Result<BenchServer> {
        let issuer = format!("http://{}", issuer.address());
        let mut command = host(workspace, &workspace.manifest());
        command
            .env("SPIN_VARIABLE_DB_PORT", self.postgres.port().to_string())
            .env("SPIN_VARIABLE_DB_NAME", DATABASE)
            .env("SPIN_VARIABLE_REDIS_PORT", self.redis.port().to_string())
            .env("SPIN_VARIABLE_ISSUER", &issuer)
            .env("SPIN_VARIABLE_ISSUER_ORIGIN", &issuer)
            // The benchmark measures the platform, not its limits.
            .env("SPIN_VARIABLE_RATE_PER_SECOND", "1000000")
            .env("SPIN_VARIABLE_RATE_BURST", "1000000");
        for (user, password) in self.redis.users() {
            let name = format!("SPIN_VARIABLE_{}_REDIS_PASSWORD", user.to_uppercase());
            command.env(name, password.reveal());
        }
        for (name, key) in &self.keys {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), key.reveal());
        }
        for (schema, password) in &self.passwords {
            let name = format!("SPIN_VARIABLE_{}_DB_PASSWORD", schema.service.to_uppercase());
            command.env(name, password.reveal());
        }
        BenchServer::start(command, "/ready").await
    }

    /// The same two hops without components.
    pub(super) async fn native(&self, workspace: &Workspace) -> Result<BenchServer> {
        let product = self
            .passwords
            .iter()
            .find(|(schema, _)| schema.service == "product");
        let (schema, password) = product.context("there are no migrations of the product service")?;
        let (role, port) = (schema.role(), self.postgres.port());
        let url = format!(
            "postgres://{role}:{}@127.0.0.1:{port}/{DATABASE}",
            password.reveal()
        );
        let mut command = Command::new(workspace.native_program(BuildProfile::Dist, "akinai-native"));
        command.env("DATABASE_URL", url);
        BenchServer::start(command, "/").await
    }

    /// The component that only answers "hello", on our host.
    pub(super) async fn hello(&self, workspace: &Workspace) -> Result<BenchServer> {
        BenchServer::start(
            host(workspace, &workspace.root().join("tests/hello/spin.toml")),
            "/",
        )
        .await
    }
}

async fn start_postgres(folder: &Path) -> Result<Postgres> {
    let started = Postgres::start_with(folder, Durability::Kept, counters::SETTINGS).await;
    started.map_err(|error| match format!("{error:#}") {
        said if said.contains("pg_stat_statements") => error.context(
            "PostgreSQL lacks the module that counts statements: install it (Debian has it in `postgresql`, others \
             in a package of its own, such as `postgresql-contrib`)",
        ),
        _ => error,
    })
}

/// Fills the tables, and finishes the server's background work, so that it is not measured.
async fn seed(url: &Secret) -> Result<()> {
    let mut connection = PgConnection::connect_with(&migrate::connect_options(url)?).await?;
    for sql in [seed::products(), seed::orders()] {
        connection
            .execute(sql.as_str())
            .await
            .context("the benchmark's data does not fit the tables")?;
    }
    for sql in ["vacuum (analyze)", "checkpoint"] {
        connection.execute(sql).await?;
    }
    Ok(connection.close().await?)
}

fn host(workspace: &Workspace, manifest: &Path) -> Command {
    let mut command = Command::new(workspace.native_program(BuildProfile::Dist, "akinai-host"));
    command
        .arg("--manifest")
        .arg(manifest)
        .arg("--cache-dir")
        .arg(workspace.private().join("cache"))
        // One program sends the requests of many clients.
        .args(["--requests-per-address", "100000"]);
    command
}

/// The unit of times in /proc: USER_HZ is 100 on every architecture that we know (time(7)).
const TICK: Duration = Duration::from_millis(10);

/// `utime` + `stime`: the 14th and 15th field. The 2nd field, the program's name, may contain any character. It ends
/// with the last `)`.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u32>().ok();
    Some(field()? + field()?)
}

/// A running HTTP server. Dropping it ends it.
pub(super) struct BenchServer {
    process: Process,
    address: SocketAddr,
}

impl BenchServer {
    /// Starts a program that is ready soon.
    async fn start(command: Command, path: &'static str) -> Result<BenchServer> {
        BenchServer::start_within(START_LIMIT, command, path).await
    }

    /// Starts a program that takes `--listen`, and waits until it answers `path` with any status.
    async fn start_within(limit: Duration, mut command: Command, path: &'static str) -> Result<BenchServer> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        command
            .args(["--listen", &address.to_string()])
            // A backtrace for each error makes errors slow, and some shells switch backtraces on.
            .env_remove("RUST_BACKTRACE")
            .stdout(Stdio::null());
        let process = Process::spawn(&mut command, EndSignal::Terminate)?;
        let mut server = BenchServer { process, address };
        let began = Instant::now();
        while exchange(address, &BenchRequest::get(path)).await.is_err() {
            if let Some(status) = server.process.try_wait()? {
                bail!(
                    "{} ended while starting ({status}); its output is above",
                    command.get_program().display()
                );
            }
            ensure!(
                began.elapsed() < limit,
                "{} does not answer after {}",
                command.get_program().display(),
                ui::seconds(limit)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(server)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls an RPC once, and returns its message.
    pub(super) async fn call(&self, path: &'static str, token: Option<&str>, message: &str) -> Result<Value> {
        let request = BenchRequest {
            method: "POST",
            path,
            token: token.map(str::to_owned),
            message: message.to_owned(),
        };
        let body = self.send(request).await?;
        serde_json::from_str(&body).with_context(|| format!("{path} does not answer with JSON: {body}"))
    }

    /// Sends a request, and returns the body of its answer. Any answer but a success is an error.
    pub(super) fn send(&self, request: BenchRequest) -> impl Future<Output = Result<String>> + use<> {
        let address = self.address;
        async move {
            let response = exchange(address, &request).await?;
            let (head, body) = response.split_once("\r\n\r\n").context("half a response")?;
            let status = head.split_whitespace().nth(1).unwrap_or_default();
            ensure!(status == "200", "{} answers {status}: {body}", request.path);
            Ok(body.to_owned())
        }
    }

    /// The time that processors have spent on the process, in user and kernel mode (`utime` and `stime`, proc(5)).
    pub(super) fn processor_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        ticks(&stat)
            .map(|ticks| TICK * ticks)
            .context("the kernel does not give the processor time")
    }

    /// The physical memory of the process in bytes (`VmRSS`, proc(5)).
    pub(super) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|text| text.parse::<u64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes << 10)
            .context("the kernel does not give the resident memory")
    }
}

/// HTTP/1.0 by hand: an HTTP client for these few requests would be the largest dependency of this crate.
async fn exchange(address: SocketAddr, request: &BenchRequest) -> Result<String> {
    let BenchRequest {
        method,
        path,
        token,
        message,
    } = request;
    let mut stream = TcpStream::connect(address).await?;
    let length = message.len();
    let mut head = format!(
        "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    );
    if let Some(token) = token {
        head += &format!("authorization: Bearer {token}\r\n");
    }
    stream
        .write_all(format!("{head}\r\n{message}").as_bytes())
        .await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    ensure!(!response.is_empty(), "the connection closed without a response");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_and_kernel_time() {
        let stat = "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 900 0 0 0 250 50 7 8 20 0 5 0 12345 1 2 3";
        assert_eq!(ticks(stat), Some(300), "utime 250 + stime 50");
        assert_eq!(ticks("4711 (a) S 1"), None, "half a line");
    }
}
