//! `akinai-host`: serves the application of a manifest until it gets a signal to stop.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use host::{App, Config, Limits, ProxyNetworks, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// One thread often frees the memory that another thread allocated for a request. glibc's malloc waits in this case
/// (docs/decisions/0007).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long requests may continue after the signal to stop. It is less than the 10 s after which Docker kills a process, and
/// the 30 s of Kubernetes.
const GRACE: Duration = Duration::from_secs(8);

/// Serves the application of a spin.toml on wasmtime: its HTTP routes, and the Redis channels that it subscribes to.
///
/// Application variables are set with --variable, or in the environment as SPIN_VARIABLE_<NAME>. The log goes to
/// stderr; RUST_LOG selects its content (default: info).
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The manifest of the application.
    #[arg(long, value_name = "PATH", default_value = "spin.toml")]
    manifest: PathBuf,

    /// The address to listen on, for an application that answers HTTP. Port 0 takes a free one. The first line on
    /// stdout shows it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Set an application variable. May be given more than once.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = parse_variable)]
    variables: Vec<(String, String)>,

    /// Keep compiled components in this folder, so that the next start is fast.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// The servers that components call by HTTP/2 without TLS, which gRPC needs, separated by commas.
    #[arg(
        long = "h2c",
        value_name = "HOST:PORT",
        env = "SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE",
        value_delimiter = ','
    )]
    h2c: Vec<String>,

    /// The proxies in front of this host: networks or addresses, separated by commas. For their requests, the client is taken
    /// from X-Forwarded-For.
    #[arg(
        long,
        value_name = "NETWORKS",
        env = "AKINAI_TRUSTED_PROXIES",
        default_value = "",
        value_parser = ProxyNetworks::parse
    )]
    trusted_proxies: ProxyNetworks,

    /// The number of requests that one client address may have in flight. Further requests get 429.
    #[arg(
        long,
        value_name = "NUMBER",
        env = "AKINAI_REQUESTS_PER_ADDRESS",
        default_value_t = positive(Limits::default().requests_per_address)
    )]
    requests_per_address: NonZeroUsize,

    /// The number of connections that one client address may have open. Further connections are closed.
    #[arg(
        long,
        value_name = "NUMBER",
        env = "AKINAI_CONNECTIONS_PER_ADDRESS",
        default_value_t = positive(Limits::default().connections_per_address)
    )]
    connections_per_address: NonZeroUsize,
}

fn positive(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN)
}

fn parse_variable(argument: &str) -> Result<(String, String), &'static str> {
    let (name, value) = argument.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    log_to_stderr();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr() {
    let chosen = std::env::var("RUST_LOG")
        .ok()
        .and_then(|targets| targets.parse::<Targets>().ok());
    let chosen = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let color = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(color)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(chosen).with(lines).init();
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    raise_file_limit();
    let app = App::load(Config {
        variables: BTreeMap::from_iter(arguments.variables),
        cache_dir: arguments.cache_dir,
        h2c: arguments.h2c.into_iter().collect(),
        trusted_proxies: arguments.trusted_proxies,
        limits: Limits {
            requests_per_address: arguments.requests_per_address.get(),
            connections_per_address: arguments.connections_per_address.get(),
            ..Limits::default()
        },
        ..Config::new(arguments.manifest)
    })
    .await?;
    let _subscribers = app.subscribe();
    let server = match app.answers_http() {
        true => Some(serve(&app, arguments.listen).await?),
        false => None,
    };

    stopped(interrupt, terminate).await;
    if let Some(server) = server {
        tracing::info!("stopping: requests in flight have {GRACE:?} to finish");
        server.shutdown(GRACE).await;
    }
    Ok(())
}

/// Raises the limit of open files to what the system allows. Each connection is a file, and many systems start programs with a
/// limit of 1,024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
}

async fn serve(app: &App, listen: SocketAddr) -> anyhow::Result<Server> {
    let server = app.serve(listen).await.with_context(|| {
        format!("cannot listen on {listen}. If something else does, choose another port with --listen, or 0 for any")
    })?;
    announce(server.local_addr())?;
    Ok(server)
}

/// The only line on stdout, for people and for programs that wait until the application is ready.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()
}

async fn stopped(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
