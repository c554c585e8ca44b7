//! Addresses: parsed as in tokio-postgres, and checked against the grants of the component.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::wit::Error;
use crate::networking::AllowedHosts;

/// Reads an address (`postgres://user:password@host:port/database` or `host=… user=…`) and checks every host in it.
pub(super) fn parse(address: &str, allowed: &AllowedHosts) -> Result<Config, Error> {
    let config: Config = address
        .parse()
        .map_err(|error: tokio_postgres::Error| refused(error.to_string()))?;
    for target in targets(&config)? {
        if !allowed.allows(&target, "postgres") {
            return Err(refused(format!("address postgres://{target} is not permitted")));
        }
    }
    Ok(config)
}

/// All hosts to which a connection with this address may be made, as `HOST[:PORT]`.
fn targets(config: &Config) -> Result<Vec<String>, Error> {
    let ports = config.get_ports();
    // One port applies to all hosts, or each host has its own.
    let port = |index: usize| {
        ports
            .get(index)
            .or(if ports.len() == 1 { ports.first() } else { None })
    };
    let target = |index: usize, host: &str| match port(index) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut targets = Vec::new();
    for (index, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(name) => targets.push(target(index, name)),
            Host::Unix(_) => {
                return Err(refused(
                    "Unix sockets are not supported on WebAssembly".to_owned(),
                ));
            }
        }
    }
    // The connection is made to `hostaddr`. In this case `host` is only its name.
    for (index, ip) in config.get_hostaddrs().iter().enumerate() {
        targets.push(target(
            index,
            &if ip.is_ipv6() {
                format!("[{ip}]")
            } else {
                ip.to_string()
            },
        ));
    }
    Ok(targets)
}

fn refused(message: String) -> Error {
    Error::ConnectionFailed(message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::env::VarError;

    use super::*;
    use crate::variables::Resolver;

    fn allowed(entries: &[&str]) -> AllowedHosts {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        let resolver =
            Resolver::new(BTreeMap::new(), &BTreeMap::new(), |_| Err(VarError::NotPresent)).unwrap();
        AllowedHosts::parse(&entries, &resolver, &[]).unwrap()
    }

    /// Spin: factor-outbound-pg/src/allowed_hosts.rs ensure_address_allowed; the rows with `hostaddr` are our own.
    #[test]
    fn addresses_are_checked_before_anything_is_connected() {
        let hosts = allowed(&["postgres://db.example:5432", "postgres://10.0.0.1:6432"]);
        let rows = [
            ("postgres://u:p@db.example/d", None),
            ("postgres://u:p@db.example:5432/d", None),
            ("host=db.example user=u", None),
            ("host=db.example,10.0.0.1 port=5432,6432 user=u", None),
            (
                "postgres://u:p@db.example:5433/d",
                Some("address postgres://db.example:5433 is not permitted"),
            ),
            (
                "postgres://u:p@evil.example/d",
                Some("address postgres://evil.example:5432 is not permitted"),
            ),
            (
                "host=db.example,evil.example user=u",
                Some("address postgres://evil.example is not permitted"),
            ),
            (
                "host=db.example hostaddr=10.9.9.9 user=u",
                Some("address postgres://10.9.9.9 is not permitted"),
            ),
            (
                "hostaddr=::1 port=5432 user=u",
                Some("address postgres://[::1]:5432 is not permitted"),
            ),
            (
                "host=/run/postgresql user=u",
                Some("Unix sockets are not supported on WebAssembly"),
            ),
            ("nonsense", Some("invalid connection string")),
            ("postgres://u:p@db.example:notaport/d", Some("invalid")),
        ];
        for (address, refusal) in rows {
            match (parse(address, &hosts), refusal) {
                (Ok(_), None) => {}
                (Err(Error::ConnectionFailed(message)), Some(expected)) => {
                    assert!(
                        message.contains(expected),
                        "{address:?}: expected {expected:?}, got {message:?}"
                    );
                }
                (outcome, _) => panic!("{address:?}: expected {refusal:?}, got {:?}", outcome.map(drop)),
            }
        }
    }
}
