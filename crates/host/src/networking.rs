//! The hosts that a component may reach: `allowed_outbound_hosts` of the manifest.
//!
//! An entry is `SCHEME://HOST[:PORT]`. Each part may be `*`. A host may also be `*.DOMAIN`, an IP network
//! (`10.0.0.0/8`), or `self` (this application's own listener). A port may be a range `FIRST..END` without END. Without
//! a port it is the usual one of the scheme. `{{ variables }}` are replaced first.
//!
//! An entry has the same meaning as in Spin's `outbound-networking-config`, so a manifest grants the same in both
//! hosts. A component can reach only addresses that an entry grants.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::Range;

use http::uri::{Authority, Scheme};
use url::{Host, Url};

use crate::variables::{self, Resolver};

/// The domain of the addresses that the components of one application use for each other.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// An invalid entry. The whole application is refused then, because it is not safe to guess a grant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The entry has no meaning.
    #[error("allowed_outbound_hosts: {entry:?}: {reason}")]
    Entry {
        /// The entry, with resolved variables.
        entry: String,
        /// The mistake, and a valid form.
        reason: String,
    },
    /// A variable in the entry cannot be resolved.
    #[error("allowed_outbound_hosts: {0}")]
    Variable(#[from] variables::Error),
}

/// The hosts that one component may reach.
#[derive(Debug, Default)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
    /// The components of the application that may be reached at `http://NAME.spin.internal`. They are determined once,
    /// because a call between components happens in every request.
    components: HashSet<String>,
}

impl AllowedHosts {
    /// Reads the entries of one component. `components` are the ids of the application's components:
    /// `http://*.spin.internal` stands for all of them.
    ///
    /// An entry that is empty only because of its variables grants nothing and is not an error. So a variable with an empty
    /// default can make an endpoint optional.
    ///
    /// # Errors
    /// The first entry that has no meaning or names an unknown variable.
    pub fn parse(entries: &[String], resolver: &Resolver, components: &[String]) -> Result<Self, Error> {
        let mut parsed = Self::default();
        for entry in entries {
            let resolved = resolver.resolve(entry)?;
            let emptied = resolved != *entry && matches!(&*resolved, "" | "http://" | "https://");
            if !emptied {
                parsed.entries.extend(Entry::parse(&resolved)?.expand(components));
            }
        }
        let reachable = |id: &&String| parsed.allows(&format!("http://{id}{CHAINING_SUFFIX}"), "http");
        parsed.components = components.iter().filter(reachable).cloned().collect();
        Ok(parsed)
    }

    /// Whether the component may send this request, to another component or to the outside.
    pub(crate) fn allows_request(&self, uri: &http::Uri) -> bool {
        let is_plain =
            uri.scheme() == Some(&Scheme::HTTP) && uri.authority().map(Authority::as_str) == uri.host();
        let id = service_chaining_target(uri).filter(|_| is_plain);
        id.is_some_and(|id| self.components.contains(id)) || self.allows(&uri.to_string(), "https")
    }

    /// Whether the component may reach this address: a URL, or a URL without a scheme, which is then `default_scheme`. An
    /// address that is neither is not allowed.
    #[must_use]
    pub fn allows(&self, address: &str, default_scheme: &str) -> bool {
        Target::parse(address, default_scheme)
            .is_some_and(|target| self.entries.iter().any(|entry| entry.allows(&target)))
    }

    /// Whether the component may send requests to the application's own listener (`self`) over one of the schemes.
    #[must_use]
    pub fn allows_relative(&self, schemes: &[&str]) -> bool {
        self.entries.iter().any(|entry| entry.allows_relative(schemes))
    }

    /// The components that entries name individually (`http://NAME.spin.internal`), to check that they exist.
    pub fn chained_components(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.host {
            HostRule::Exact(Host::Domain(domain)) => chained_component(domain),
            _ => None,
        })
    }
}

/// The target component of a request, if its host is `NAME.spin.internal`.
#[must_use]
pub fn service_chaining_target(uri: &http::Uri) -> Option<&str> {
    chained_component(uri.host()?)
}

fn chained_component(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING_SUFFIX)
        .filter(|name| !name.contains('.'))
}

/// The target address of a component's request.
struct Target {
    scheme: String,
    host: Host,
    port: Option<u16>,
}

impl Target {
    fn parse(address: &str, default_scheme: &str) -> Option<Self> {
        let address = without_userinfo(address);
        let url = match Url::parse(&address) {
            Ok(url) if url.has_host() => url,
            _ => Url::parse(&format!("{default_scheme}://{address}")).ok()?,
        };
        Some(Self {
            scheme: url.scheme().to_owned(),
            // `Url` distinguishes names from addresses and folds case only for http and similar schemes.
            host: Host::parse(url.host_str()?).ok()?,
            port: url.port(),
        })
    }
}

/// The address without user and password. They are not needed here, and an unescaped `#` or `?` in a password would end
/// the host too early.
fn without_userinfo(address: &str) -> String {
    let authority = address.find("://").map_or(0, |at| at + 3);
    let path = address[authority..]
        .find('/')
        .map_or(address.len(), |at| authority + at);
    match address.find('@') {
        Some(at) if authority <= at && at < path => {
            format!("{}{}", &address[..authority], &address[at + 1..])
        }
        _ => address.to_owned(),
    }
}

/// One entry of `allowed_outbound_hosts`.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    scheme: SchemeRule,
    host: HostRule,
    port: PortRule,
}

impl Entry {
    fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text.trim()).map_err(|reason| Error::Entry {
            entry: text.to_owned(),
            reason,
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("there is no scheme; write SCHEME://HOST[:PORT], each of them * for any, e.g. \"https://api.example.com\"")?;
        let (host, port) = split_port(rest)?;
        Ok(Self {
            port: PortRule::parse(port, scheme)?,
            scheme: SchemeRule::parse(scheme)?,
            host: HostRule::parse(host)?,
        })
    }

    fn allows(&self, target: &Target) -> bool {
        self.scheme.allows(&target.scheme)
            && self.host.allows(&target.host)
            && self
                .port
                .allows(target.port.or_else(|| usual_port(&target.scheme)))
    }

    fn allows_relative(&self, schemes: &[&str]) -> bool {
        matches!(self.host, HostRule::Any | HostRule::Itself) && schemes.iter().any(|s| self.scheme.allows(s))
    }

    /// `*.spin.internal` means this application's components, not all names under that domain.
    fn expand(self, components: &[String]) -> Vec<Self> {
        if self.host != HostRule::Subdomains(CHAINING_SUFFIX.to_owned()) {
            return vec![self];
        }
        let one = |id| Self {
            host: HostRule::Exact(Host::Domain(format!("{id}{CHAINING_SUFFIX}"))),
            ..self.clone()
        };
        components.iter().map(one).collect()
    }
}

/// Splits `HOST[:PORT][/]`. A colon may also belong to an IPv6 address, so a text that is a valid host without a split
/// has no port.
fn split_port(rest: &str) -> Result<(&str, &str), String> {
    match rest.rsplit_once(':') {
        None => Ok((rest, "")),
        Some((host, "")) => Ok((host, "")),
        Some(_) if HostRule::parse(rest).is_ok() => Ok((rest, "")),
        Some((host, tail)) => match tail.split_once('/') {
            None => Ok((host, tail)),
            Some((port, "")) => Ok((host, port)),
            Some(_) => Err("it must not have a path: grants are for whole hosts".to_owned()),
        },
    }
}

#[derive(Clone, Debug, PartialEq)]
enum SchemeRule {
    Any,
    Exact(String),
}

impl SchemeRule {
    fn parse(scheme: &str) -> Result<Self, String> {
        match scheme {
            "*" => Ok(Self::Any),
            _ if scheme.chars().all(char::is_alphabetic) => Ok(Self::Exact(scheme.to_owned())),
            _ => Err(format!("{scheme:?} is not a scheme: letters only, or *")),
        }
    }

    fn allows(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == scheme,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum HostRule {
    Any,
    /// The application's own listener.
    Itself,
    /// All names that end in this text: a dot and the domain.
    Subdomains(String),
    Exact(Host),
    Network(Network),
}

impl HostRule {
    fn parse(host: &str) -> Result<Self, String> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if host.starts_with('{') {
            return Err("lists of hosts are not supported, as in Spin: write an entry for each".to_owned());
        }
        if let Some(network) = Network::parse(host) {
            return Ok(Self::Network(network));
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('/') {
            return Err("it must not have a path: grants are for whole hosts".to_owned());
        }
        if let Some(domain) = host.strip_prefix("*.") {
            return Self::subdomains(domain);
        }
        if host.contains('*') {
            return Err(
                "* stands for a whole host or for what comes before a domain: \"*.example.com\"".to_owned(),
            );
        }
        Host::parse(host)
            .map(Self::Exact)
            .map_err(|error| format!("{host:?} is not a host: {error}"))
    }

    fn subdomains(domain: &str) -> Result<Self, String> {
        match Host::parse(domain) {
            Ok(Host::Domain(domain)) if !domain.contains('*') => Ok(Self::Subdomains(format!(".{domain}"))),
            _ => Err(format!("after \"*.\" comes a domain, and {domain:?} is none")),
        }
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Exact(exact), host) => exact == host,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Network(network), Host::Ipv4(ip)) => network.contains(IpAddr::V4(*ip)),
            (Self::Network(network), Host::Ipv6(ip)) => network.contains(IpAddr::V6(*ip)),
            (Self::Itself | Self::Subdomains(_) | Self::Network(_), _) => false,
        }
    }
}

/// An IP network, `ADDRESS/BITS`. The bits of ADDRESS after the first BITS are ignored.
#[derive(Clone, Debug, PartialEq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (bits <= longest).then_some(Self { address, bits })
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let differing = match (self.address, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= self.bits
    }
}

#[derive(Clone, Debug, PartialEq)]
enum PortRule {
    Any,
    Exact(u16),
    Within(Range<u16>),
}

impl PortRule {
    fn parse(port: &str, scheme: &str) -> Result<Self, String> {
        if port == "*" {
            return Ok(Self::Any);
        }
        if port.is_empty() {
            return usual_port(scheme)
                .map(Self::Exact)
                .ok_or_else(|| format!("{scheme:?} has no usual port: add one, as :PORT or :*"));
        }
        let number = |text: &str| {
            text.parse().map_err(|_| {
                format!("{text:?} is not a port: a number up to 65535, a range as 8000..9000, or *")
            })
        };
        match port.split_once("..") {
            Some((first, end)) => Ok(Self::Within(number(first)?..number(end)?)),
            None => Ok(Self::Exact(number(port)?)),
        }
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::Exact(exact), Some(port)) => *exact == port,
            (Self::Within(range), Some(port)) => range.contains(&port),
            (_, None) => false,
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
