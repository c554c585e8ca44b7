//! The public address of `up`: browsers are sent to it, and tokens name it as their issuer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use url::Url;

use crate::backing::Variables;
use crate::secret::{Secret, write_private};
use crate::seed;
use crate::workspace::Workspace;

/// The file in which `up` stores its issuer's address for `token`, in the checkout's private folder.
const FILE: &str = "up.url";

/// `http://HOST[:PORT]` or `https://HOST[:PORT]`, without a slash at its end, because issuers are compared as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of a server that listens at `address`. A server that listens on all addresses is reached at this
    /// machine's own address, as far as the program can find it. From other machines, `--url` is needed.
    pub fn of(mut address: SocketAddr) -> Origin {
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Origin(format!("http://{address}"))
    }

    /// The same host with another port.
    ///
    /// # Errors
    /// The result is not a URL.
    pub fn with_port(&self, port: u16) -> Result<Origin> {
        let mut url = self.at("/")?;
        // Fails only without a host, and an origin has one.
        let _ = url.set_port(Some(port));
        Ok(Origin(url.origin().ascii_serialization()))
    }

    /// The issuer of the last `up` of this checkout.
    ///
    /// # Errors
    /// There was no `up` yet.
    pub fn of_last_up(workspace: &Workspace) -> Result<Origin> {
        let text = std::fs::read_to_string(workspace.private().join(FILE));
        let text = text
            .context("`cargo xtask up` does not run here: start it, or give the issuer's URL with `--url`")?;
        text.trim().parse()
    }

    /// Stores the origin for [`Origin::of_last_up`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn leave(&self, workspace: &Workspace) -> Result<()> {
        write_private(&workspace.private().join(FILE), &self.0)
    }

    /// A URL of this origin. `path` begins with a slash.
    ///
    /// # Errors
    /// The result is not a URL.
    pub fn at(&self, path: &str) -> Result<Url> {
        let text = format!("{self}{path}");
        Url::parse(&text).with_context(|| format!("{text} is not a URL"))
    }

    /// The variables with which the platform issues tokens at this address. Another issuer that the environment sets is
    /// kept.
    pub fn as_issuer(&self) -> Variables {
        unless_in_environment([("issuer", self.to_string()), ("issuer_origin", self.to_string())])
    }

    /// The variables with which the platform sends browsers to its own pages at this address, and accepts calls from
    /// pages of this machine. Values that the environment sets are kept.
    pub fn as_platform(&self) -> Variables {
        let page = |name: &str| format!("{self}/oauth2/{name}");
        unless_in_environment([
            ("login_url", page("login")),
            ("consent_url", page("consent")),
            ("logout_url", page("logout")),
            ("error_url", page("error")),
            ("signed_out_url", page("signed-out")),
            ("allowed_origins", seed::ORIGINS.join(",")),
        ])
    }
}

fn unless_in_environment<const N: usize>(variables: [(&str, String); N]) -> Variables {
    variables
        .into_iter()
        .filter(|(name, _)| std::env::var_os(format!("SPIN_VARIABLE_{}", name.to_uppercase())).is_none())
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .collect()
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Origin> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let origin = url.map(|url| (url.origin().ascii_serialization(), url));
        match origin {
            // A parsed URL has a slash at its end.
            Some((origin, url)) if format!("{origin}/") == url.as_str() => Ok(Origin(origin)),
            _ => bail!("give a URL without a path, such as http://192.0.2.7:3000"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_on_all_addresses_is_reached_on_this_machine() {
        for (listen, origin) in [
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("0.0.0.0:4000", "http://127.0.0.1:4000"),
            ("[::]:4000", "http://[::1]:4000"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
        ] {
            let address = listen.parse().expect("an address");
            assert_eq!(Origin::of(address).to_string(), origin, "{listen}");
        }
    }

    #[test]
    fn origin_has_no_path_and_no_slash_at_its_end() {
        for (text, origin) in [
            ("http://shop.test:3000", "http://shop.test:3000"),
            ("https://Shop.test/", "https://shop.test"),
        ] {
            assert_eq!(text.parse::<Origin>().expect(text).to_string(), origin);
        }
        for wrong in [
            "",
            "shop.test",
            "ftp://shop.test",
            "http://shop.test/x",
            "http://shop.test/?a",
            "http://u@shop.test",
        ] {
            assert!(
                wrong.parse::<Origin>().is_err(),
                "{wrong} was taken for an origin"
            );
        }
    }

    #[test]
    fn issuer_in_tokens_is_the_origin_without_a_slash() {
        let origin = Origin::of("127.0.0.1:3999".parse().expect("an address"));
        assert_eq!(origin.as_issuer()["issuer"].reveal(), "http://127.0.0.1:3999");
        assert_eq!(
            origin.as_platform()["login_url"].reveal(),
            "http://127.0.0.1:3999/oauth2/login"
        );
    }

    #[test]
    fn origin_with_another_port_keeps_the_host() {
        for (text, other) in [
            ("https://shop.test", "https://shop.test:4444"),
            ("http://[::1]:3000", "http://[::1]:4444"),
        ] {
            let origin: Origin = text.parse().expect(text);
            assert_eq!(origin.with_port(4444).expect(text).to_string(), other);
        }
    }
}
