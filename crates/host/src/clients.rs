//! The addresses of clients, and the number of connections or requests that each may hold at the same time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// An IPv4 address, or the /64 network of an IPv6 address: providers assign a /64 to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        })
    }
}

/// The proxies in front of this host, whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyNetworks(Vec<IpNet>);

impl ProxyNetworks {
    /// Reads networks like `10.0.0.0/8`, or single addresses, separated by commas.
    ///
    /// # Errors
    /// An entry is neither. The text quotes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request. Each proxy appends the address of its peer to `X-Forwarded-For`. Read from the right, the first
    /// address that is not a trusted proxy's is the client. The addresses to its left come from the client, and are ignored.
    pub(crate) fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> ClientNetwork {
        let mut client = peer;
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.contains(client) {
            match hops.next().and_then(address) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        client.into()
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let parsed = text.parse().ok().or_else(|| single().ok());
    parsed.ok_or_else(|| format!("{text:?} is neither an address nor a network like 10.0.0.0/8"))
}

/// An address, with or without a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let without_port = || text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let with_port = text.parse::<SocketAddr>().ok().map(|address| address.ip());
    with_port.or_else(without_port)
}

/// What the clients hold: connections, or requests in flight.
pub(crate) struct Shares {
    held: Mutex<HashMap<ClientNetwork, usize>>,
    most: usize,
}

/// One connection, or one request in flight, of a client.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: ClientNetwork,
}

impl Shares {
    /// At most `most` for each client.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            most,
        })
    }

    /// One more for this client; `None` if it holds the maximum.
    pub(crate) fn take(self: &Arc<Self>, client: ClientNetwork) -> Option<Share> {
        let mut held = self.held();
        let count = held.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share {
            shares: self.clone(),
            client,
        })
    }

    /// What all clients hold together.
    pub(crate) fn total(&self) -> usize {
        self.held().values().sum()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ClientNetwork, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// The client whose share it is.
    pub(crate) fn client(&self) -> ClientNetwork {
        self.client
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(count) = held.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(address: &str) -> ClientNetwork {
        ClientNetwork::from(address.parse::<IpAddr>().expect("an address"))
    }

    #[test]
    fn client_holds_no_more_than_its_share_and_others_are_not_affected() {
        let shares = Shares::new(2);
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        let held = [shares.take(one), shares.take(one)];
        assert!(held.iter().all(Option::is_some), "two are allowed");
        assert!(shares.take(one).is_none(), "a third is not");
        assert!(shares.take(other).is_some(), "another client has its own share");
        drop(held);
        assert!(
            shares.take(one).is_some(),
            "what was given back can be taken again"
        );
        assert!(
            shares.held().is_empty(),
            "clients that hold nothing take no memory"
        );
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"), "IPv4 in IPv6");
    }

    #[test]
    fn client_behind_trusted_proxies_is_the_last_address_that_is_not_a_proxy() {
        let proxies = ProxyNetworks::parse("10.0.0.0/8, 192.0.2.9").expect("networks");
        for (peer, forwarded, expected) in [
            ("198.51.100.1", "203.0.113.1", "198.51.100.1"),
            ("10.1.2.3", "203.0.113.1", "203.0.113.1"),
            ("10.1.2.3", "8.8.8.8, 203.0.113.1, 192.0.2.9", "203.0.113.1"),
            ("10.1.2.3", "203.0.113.1:4711", "203.0.113.1"),
            ("10.1.2.3", "nonsense", "10.1.2.3"),
            ("10.1.2.3", "", "10.1.2.3"),
        ] {
            let headers = [(X_FORWARDED_FOR, HeaderValue::from_static(forwarded))];
            let found = proxies.client_of(peer.parse().expect("an address"), &headers.into_iter().collect());
            assert_eq!(
                found,
                client(expected),
                "peer {peer}, X-Forwarded-For: {forwarded}"
            );
        }
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        assert_eq!(ProxyNetworks::parse(" "), Ok(ProxyNetworks::default()));
        for wrong in ["10.0.0.0/33", "proxy", "10.0.0.0/8;10.0.0.1"] {
            let error = ProxyNetworks::parse(wrong).expect_err("not a network");
            assert!(error.contains(wrong), "{error}");
        }
    }
}
