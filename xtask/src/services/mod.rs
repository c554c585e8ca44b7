//! Private Postgres, Redis and Hydra servers for `up` and for tests. They are real servers on free ports of the
//! loopback interface, with passwords of their own. They end when this process ends.
//!
//! A server has a folder with its data, its log (`postgres/log`, `redis/log`) and, in `secrets.json`, its passwords.

mod home;
mod hydra;
mod postgres;
mod programs;
mod redis;

use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

pub use home::{Home, ServiceUser};
pub use hydra::Hydra;
pub use postgres::{Durability, Postgres};
pub use redis::Redis;

/// The name of the secrets file in a server's folder.
pub const SECRETS_FILE: &str = "secrets.json";

/// How long a server may take until it answers. After a crash, Postgres first replays its log.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long a server may take to shut down before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// The ports for servers. They are below the ports that Linux uses for outgoing connections (from 32768 on, see
/// `net.ipv4.ip_local_port_range`), because any client could take one of those before the server listens.
const SERVER_PORTS: Range<u16> = 15_000..32_000;

/// How often to check whether a starting server is ready.
const POLL: Duration = Duration::from_millis(20);

/// A port of the loopback interface on which no program listens, chosen at random from [`SERVER_PORTS`]. Another
/// process can still take it before the server does.
///
/// # Errors
/// No port is free, or there is no loopback interface.
pub fn free_port() -> Result<u16> {
    let [port] = free_ports()?;
    Ok(port)
}

/// As many different free ports as needed. Two calls of [`free_port`] may return the same port.
///
/// # Errors
/// As [`free_port`].
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    // All are held until the last one is found.
    let listeners = (0..COUNT).map(|_| listen()).collect::<Result<Vec<_>>>()?;
    let mut ports = [0; COUNT];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Listens on a free port of [`SERVER_PORTS`], or on a port that the system chooses if many of them are in use.
fn listen() -> Result<TcpListener> {
    const ATTEMPTS: usize = 100;
    let count = u64::from(SERVER_PORTS.end - SERVER_PORTS.start);
    // A new RandomState has random keys, so the hash of an empty input is random too.
    let random = || SERVER_PORTS.start + (RandomState::new().build_hasher().finish() % count) as u16;
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    (0..ATTEMPTS)
        .find_map(|_| bind(random()).ok())
        .map_or_else(|| bind(0), Ok)
        .context("cannot listen on 127.0.0.1")
}

/// The last lines of a log, indented, for the error of a server that does not start.
fn log_tail(log: &Path) -> String {
    const LINES: usize = 15;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(LINES)..];
    if tail.is_empty() {
        return format!("(nothing in {})", log.display());
    }
    format!("the end of {}:\n    {}", log.display(), tail.join("\n    "))
}

/// Creates an empty log file.
fn create_log(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let mut ports = free_ports::<100>().expect("free ports");
        ports.sort_unstable();
        assert!(
            ports.windows(2).all(|pair| pair[0] != pair[1]),
            "a port came twice: {ports:?}"
        );
        assert!(
            ports.iter().all(|port| SERVER_PORTS.contains(port)),
            "a port is one that a client's connection could take: {ports:?}"
        );
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        assert!(
            log_tail(&log).starts_with("(nothing in"),
            "an absent log has no lines"
        );
        let lines: Vec<String> = (1..=40).map(|n| format!("line {n}.")).collect();
        std::fs::write(&log, lines.join("\n")).expect("written");
        let tail = log_tail(&log);
        assert!(
            tail.contains("line 40.") && tail.contains("line 26.") && !tail.contains("line 25."),
            "{tail}"
        );
    }
}
