//! The client's address of a request. Limits for requests without a token count by it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The host's name for the peer of a connection. Values that the caller has sent under this name come first, the host's own value
/// comes last (Spin appends it; our host replaces the header).
const SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The addresses that share a limit: an IPv4 address, or the /64 of an IPv6 address, because one customer has a /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address that a request comes from. Without one that can be read, all such requests are counted together.
    pub fn of(headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let peer = headers.get_all(SPIN_CLIENT_ADDR).iter().next_back();
        let peer = peer.and_then(|peer| parse(peer.as_bytes()));
        Self::counted(peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| {
            behind(peer, headers, trusted)
        }))
    }

    /// The address, or the first of its /64.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    fn counted(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        })
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The client behind a chain of proxies. Each trusted proxy has appended the address of its peer on the right. From the right, the
/// first address that is not trusted is the client. Values to the left of it come from that client, and are ignored.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while trusted.contains(client) {
        match hops.next().and_then(parse) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    client
}

/// An address, with or without a port.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let without_port = || text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let address = text.parse::<SocketAddr>().ok().map(|address| address.ip());
    address
        .or_else(without_port)
        .map(|address| address.to_canonical())
}

/// The proxies whose `X-Forwarded-For` is believed: the variable `trusted_proxies`, networks like `10.0.0.0/8` or single
/// addresses, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads the variable.
    ///
    /// # Errors
    /// An entry is no network; the text quotes it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let parsed = text.parse().ok().or_else(|| single().ok());
    parsed.ok_or_else(|| {
        format!("{text:?} in trusted_proxies is neither an address nor a network like 10.0.0.0/8")
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(peers: &[&'static str], forwarded: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for peer in peers {
            headers.append(SPIN_CLIENT_ADDR, HeaderValue::from_static(peer));
        }
        for line in forwarded {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a header's value");
            headers.append(X_FORWARDED_FOR, line);
        }
        headers
    }

    #[test]
    fn last_address_in_the_header_is_the_hosts_own() {
        let cases: &[(&[&str], &str)] = &[
            (&["203.0.113.7:4711"], "203.0.113.7"),
            (&["203.0.113.7"], "203.0.113.7"),
            (&["[2001:db8:1:2:3:4:5:6]:4711"], "2001:db8:1:2::"),
            (&["[::ffff:203.0.113.7]:4711"], "203.0.113.7"),
            (&["198.51.100.1:1", "203.0.113.7:4711"], "203.0.113.7"),
            (&["nonsense"], "::"),
            (&[], "::"),
        ];
        for (peers, expected) in cases {
            let address = ClientAddress::of(&headers(peers, &["192.0.2.1"]), &TrustedProxies::default());
            assert_eq!(address.to_string(), *expected, "{peers:?}");
        }
    }

    #[test]
    fn neighbours_in_a_64_are_counted_together_and_others_are_not() {
        let of = |peer| ClientAddress::of(&headers(&[peer], &[]), &TrustedProxies::default());
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_ne!(of("203.0.113.7:1"), of("203.0.113.8:1"));
    }

    #[test]
    fn forwarded_addresses_count_only_behind_trusted_proxies() {
        let trusted = TrustedProxies::parse("10.0.0.0/8, 2001:db8::/32,192.0.2.9").unwrap();
        let cases: &[(&str, &[&str], &str)] = &[
            ("203.0.113.7:1", &["198.51.100.1"], "203.0.113.7"),
            ("10.1.2.3:1", &["198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3:1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3:1", &["6.6.6.6, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            (
                "10.1.2.3:1",
                &["6.6.6.6", "198.51.100.1, 192.0.2.9"],
                "198.51.100.1",
            ),
            ("[2001:db8::5]:1", &["[2001:db9::1]:99"], "2001:db9::"),
            ("10.1.2.3:1", &["198.51.100.1, unknown"], "10.1.2.3"),
            ("10.1.2.3:1", &["caf\u{e9}, 198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3:1", &[""], "10.1.2.3"),
            ("10.1.2.3:1", &["10.4.4.4"], "10.4.4.4"),
            ("10.1.2.3:1", &[], "10.1.2.3"),
        ];
        for (peer, forwarded, expected) in cases {
            let address = ClientAddress::of(&headers(&[peer], forwarded), &trusted);
            assert_eq!(address.to_string(), *expected, "{peer} with {forwarded:?}");
        }
    }

    #[test]
    fn entry_that_is_no_network_is_quoted() {
        for wrong in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "proxy.example",
            "10.0.0.0/8;::1",
        ] {
            let error = TrustedProxies::parse(wrong).unwrap_err();
            assert!(error.contains(wrong), "{error} should quote {wrong:?}");
        }
        assert_eq!(TrustedProxies::parse(" , "), Ok(TrustedProxies::default()));
        let all = TrustedProxies::parse("0.0.0.0/0, ::/0").unwrap();
        assert!(all.contains("203.0.113.7".parse().unwrap()));
        assert!(all.contains("2001:db8::1".parse().unwrap()));
    }
}
