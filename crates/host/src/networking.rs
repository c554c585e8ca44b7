//! Which hosts a component may reach: `allowed_outbound_hosts` of the manifest.
//!
//! An entry is `SCHEME://HOST[:PORT]`. Each part may be `*`; a host may also be `*.DOMAIN`, an IP network
//! (`10.0.0.0/8`), or `self` (this application's own listener); a port may be a range `FIRST..END`, END excluded.
//! Without a port it is the usual one of the scheme. `{{ variables }}` are put in first.
//!
//! What an entry means is what Spin's `outbound-networking-config` makes of it, so a manifest grants the same here and
//! there. Nothing is granted that no entry grants.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::Range;

use http::uri::{Authority, Scheme};
use url::{Host, Url};

use crate::variables::{self, Resolver};

/// The domain under which the components of one application reach each other.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// An entry that cannot be understood. The whole application is refused then: guessing at a grant is not safe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The entry has no meaning.
    #[error("allowed_outbound_hosts: {entry:?}: {reason}")]
    Entry {
        /// The entry, its variables put in.
        entry: String,
        /// What is wrong with it, and what would be right.
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
    /// The components of the application that may be reached at `http://NAME.spin.internal`. Decided once: a call
    /// between components happens in every request.
    components: HashSet<String>,
}

impl AllowedHosts {
    /// Reads the entries of one component. `components` are the ids of the application's components, which
    /// `http://*.spin.internal` stands for.
    ///
    /// An entry that is empty only because of its variables grants nothing and is no error, so that an endpoint can be
    /// made optional by a variable with an empty default.
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

    /// Whether the component may reach this address: a URL, or what is left of one without its scheme, which is then
    /// `default_scheme`. What cannot be read as either is not allowed.
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

    /// The components that entries name one by one (`http://NAME.spin.internal`), for checking that they exist.
    pub fn chained_components(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.host {
            HostRule::Exact(Host::Domain(domain)) => chained_component(domain),
            _ => None,
        })
    }
}

/// The component that a request is for, when its host is `NAME.spin.internal`.
#[must_use]
pub fn service_chaining_target(uri: &http::Uri) -> Option<&str> {
    chained_component(uri.host()?)
}

fn chained_component(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING_SUFFIX)
        .filter(|name| !name.contains('.'))
}

/// What is about to be reached.
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
            // Only for http and its kin does Url itself tell names from addresses and fold case.
            host: Host::parse(url.host_str()?).ok()?,
            port: url.port(),
        })
    }
}

/// The address without user and password. They do not matter here, and an unescaped `#` or `?` in a password would end
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

    /// `*.spin.internal` means this application's components, not whatever has a name under that domain.
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

/// Splits `HOST[:PORT][/]`. A colon may also belong to an IPv6 address, so whatever is a host as a whole has no port.
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
    /// Everything that ends in this: the dot, then the domain.
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

/// An IP network, `ADDRESS/BITS`; what ADDRESS says beyond the first BITS does not matter.
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
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(entries: &[&str]) -> Result<AllowedHosts, Error> {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        AllowedHosts::parse(&entries, &resolver(), &["user".to_owned(), "product".to_owned()])
    }

    fn resolver() -> Resolver {
        let values = [("db_host", "db.example"), ("db_port", "6432"), ("none", "")];
        let declared = values.map(|(name, value)| {
            (
                name.to_owned(),
                variables::Declaration {
                    default: Some(value.to_owned()),
                    secret: false,
                },
            )
        });
        Resolver::new(declared.into(), &BTreeMap::new(), |_| {
            Err(std::env::VarError::NotPresent)
        })
        .unwrap()
    }

    /// What one entry grants. Spin: outbound-networking-config/src/allowed_hosts.rs, AllowedHostConfig::allows and
    /// OutboundUrl::parse, with the tests below them.
    #[test]
    fn an_entry_grants_what_it_grants_in_spin() {
        #[rustfmt::skip]
        let rows = [
            // entry, address, scheme where the address has none, allowed?
            ("http://example.com", "http://example.com", "http", true),
            ("http://example.com", "http://example.com/a/b?c#d", "http", true),
            ("http://example.com", "http://example.com:80", "http", true),
            ("http://example.com", "http://example.com:81", "http", false),
            ("http://example.com", "https://example.com", "http", false),
            ("http://example.com", "http://example.org", "http", false),
            ("http://example.com/", "http://EXAMPLE.com/x", "http", true),
            ("http://EXAMPLE.com", "http://example.com", "http", true),
            ("http://example.com:8080", "http://example.com", "http", false),
            ("http://example.com:8080/", "http://example.com:8080", "http", true),
            ("http://example.com:", "http://example.com", "http", true),
            ("http://example.com:*", "http://example.com:1", "http", true),
            ("http://example.com:8000..9000", "http://example.com:8000", "http", true),
            ("http://example.com:8000..9000", "http://example.com:8999", "http", true),
            ("http://example.com:8000..9000", "http://example.com:9000", "http", false),
            ("*://example.com:443", "https://example.com", "https", true),
            ("*://example.com:443", "example.com:443", "https", true),
            ("*://example.com:443", "http://example.com", "https", false),
            ("*://*:*", "anything://anywhere:1", "http", true),
            ("*://*:*", "anything://anywhere", "http", true),
            ("*://*:80", "anything://anywhere", "http", false),
            ("*://*:*", "", "http", false),
            ("http://*.example.com", "http://a.example.com", "http", true),
            ("http://*.Example.COM", "http://a.b.example.com/x", "http", true),
            ("http://*.example.com", "http://example.com", "http", false),
            ("http://*.example.com", "http://myexample.com", "http", false),
            ("http://*.example.com:8383", "http://a.example.com", "http", false),
            ("http://127.0.0.1", "http://127.0.0.1", "http", true),
            ("http://127.0.0.1", "http://2130706433", "http", true),
            ("http://127.0.0.1", "http://localhost", "http", false),
            ("http://127.0.0.1", "http://127.0.0.2", "http", false),
            ("http://[::1]", "http://[::1]/x", "http", true),
            ("http://[::1]", "http://[::1]:81", "http", false),
            ("http://[::1]", "http://[::2]", "http", false),
            ("http://[::1]:8080", "http://[::1]:8080", "http", true),
            ("*://127.0.0.1/24:63551", "tcp://127.0.0.255:63551", "tcp", true),
            ("*://127.0.0.1/24:63551", "tcp://127.0.1.0:63551", "tcp", false),
            ("http://10.0.0.0/8", "http://10.9.8.7", "http", true),
            ("http://10.0.0.0/8", "http://ten.example", "http", false),
            ("http://0.0.0.0/0", "http://203.0.113.9", "http", true),
            ("http://0.0.0.0/0", "http://[::1]", "http", false),
            ("http://2001:db8::/32", "http://[2001:db8:abcd::1]/x", "http", true),
            ("http://2001:db8::/32", "http://[2001:db9::1]", "http", false),
            ("http://self", "http://self", "http", false),
            ("mysql://db.example", "mysql://user:pass#word@db.example", "mysql", true),
            ("mysql://db.example", "user%3Apass%23word@db.example", "mysql", true),
            ("mysql://db.example", "mysql://db.example@evil.example", "mysql", false),
            ("https://example.com", "https://example.com/file@0.1.0.json", "https", true),
            ("postgres://127.0.0.1:5432", "127.0.0.1:5432", "postgres", true),
            ("postgres://127.0.0.1", "127.0.0.1", "postgres", true),
            ("postgres://127.0.0.1:6000", "127.0.0.1", "postgres", false),
            ("redis://127.0.0.1", "redis://u:p@127.0.0.1:6379/0", "redis", true),
            ("redis://127.0.0.1", "rediss://127.0.0.1:6379", "redis", false),
            ("postgres://{{ db_host }}:{{ db_port }}", "db.example:6432", "postgres", true),
            ("postgres://{{ db_host }}:{{ db_port }}", "db.example:5432", "postgres", false),
            ("http://user.spin.internal", "http://user.spin.internal/x", "http", true),
            ("http://user.spin.internal", "http://product.spin.internal", "http", false),
            ("http://*.spin.internal", "http://product.spin.internal", "http", true),
            ("http://*.spin.internal", "http://order.spin.internal", "http", false),
        ];
        for (entry, address, scheme, allowed) in rows {
            let hosts = parse(&[entry]).unwrap();
            assert_eq!(
                hosts.allows(address, scheme),
                allowed,
                "whether {entry:?} allows {address:?} over {scheme}"
            );
        }
    }

    /// Spin: allowed_hosts.rs, AllowedHostConfig::parse, its tests `rejects_*` and `invalid_*`.
    #[test]
    fn what_spin_refuses_is_refused() {
        #[rustfmt::skip]
        let rows = [
            "", "*", ":", "?", "localhost", "localhost:3001", "example.com", "[::1]", "[::1]:8080", "insecure:allow-all",
            "http://example.com:notaport", "http://example.com:8080..70000", "http://example.com:99999", "http://self:notaport",
            "http://*:notaport", "http://[::1]:notaport", "http://*.example.com:8080..", "http://example.com:80:90",
            "http://example.com/a", "http://example.com:6666/a/b", "http://*.example.com/a", "http://example.com//",
            "http://127.0.0.0/24/p", "http://ff00::/8/extra", "http://[::1", "http://[::1]junk", "http://[::1]::80",
            "http://*.", "http://*.127.0.0.1", "http://*.[::1]", "http://*.*.example.com", "http://a.*.example.com", "http://example%.com",
            "http://exa[mple.com", "ht-tp://example.com:80", "{http,https}://example.com:80", "http://{a,b}:80",
            "*://example.com", "*://127.0.0.0/24", "http://10.0.0.0/33:80", "http://",
        ];
        for entry in rows {
            let error = parse(&[entry])
                .expect_err(&format!("{entry:?} should be refused"))
                .to_string();
            assert!(
                error.contains(&format!("{entry:?}")),
                "the error names the entry {entry:?}: {error}"
            );
        }
    }

    #[test]
    fn the_short_way_to_a_component_decides_as_the_long_one_does() {
        let urls = [
            "http://user.spin.internal/a?b",
            "http://product.spin.internal/",
            "http://nobody.spin.internal/",
            "http://user.spin.internal:81/",
            "http://me:secret@user.spin.internal/",
            "http://USER.spin.internal/",
            "https://user.spin.internal/",
            "http://a.user.spin.internal/",
            "http://example.com/",
        ];
        let grants: [&[&str]; 5] = [
            &[],
            &["http://user.spin.internal"],
            &["http://*.spin.internal"],
            &["*://*:*"],
            &["http://example.com"],
        ];
        for entries in grants {
            let hosts = parse(entries).unwrap();
            for url in urls {
                let uri: http::Uri = url.parse().unwrap();
                assert_eq!(
                    hosts.allows_request(&uri),
                    hosts.allows(url, "https"),
                    "{url} where {entries:?} is granted"
                );
            }
        }
    }

    /// Spin: allowed_hosts.rs, PartialAllowedHostConfig::parse_or_skip.
    #[test]
    fn an_entry_made_empty_by_variables_grants_nothing() {
        let hosts = parse(&["{{ none }}", "https://{{ none }}", "https://three"]).unwrap();
        assert_eq!(
            hosts.entries.len(),
            1,
            "only the entry without variables is left: {hosts:?}"
        );
        assert!(
            parse(&["https://"]).is_err(),
            "an entry that is empty as written is an error"
        );
        let unknown = parse(&["https://{{ nobody }}"]).unwrap_err().to_string();
        assert!(
            unknown.contains("nobody"),
            "the error names the variable: {unknown}"
        );
    }

    /// Spin: allowed_hosts.rs, AllowedHostConfig::allows_relative.
    #[test]
    fn self_allows_relative_requests() {
        let rows = [
            ("http://self", true),
            ("https://self", true),
            ("http://self.alt", true),
            ("*://*:*", true),
            ("redis://self", false),
            ("http://example.com", false),
        ];
        for (entry, allowed) in rows {
            let hosts = parse(&[entry]).unwrap();
            assert_eq!(
                hosts.allows_relative(&["http", "https"]),
                allowed,
                "whether {entry:?} allows relative requests"
            );
        }
    }

    /// Spin: allowed_hosts.rs, parse_service_chaining_host.
    #[test]
    fn chaining_hosts_are_told_apart() {
        let rows = [
            ("http://user.spin.internal/x", Some("user")),
            ("http://user.spin.internal:80/x", Some("user")),
            ("http://a.user.spin.internal/", None),
            ("http://spin.internal/", None),
            ("http://user.example/", None),
            ("/relative", None),
        ];
        for (uri, component) in rows {
            assert_eq!(
                service_chaining_target(&uri.parse().unwrap()),
                component,
                "the component that {uri} is for"
            );
        }
        let hosts = parse(&["http://user.spin.internal", "http://example.com", "http://*:80"]).unwrap();
        assert_eq!(hosts.chained_components().collect::<Vec<_>>(), ["user"]);
    }
}
