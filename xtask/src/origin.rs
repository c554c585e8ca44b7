//! The address that `up` is known by: what browsers are sent to, and what tokens say of who has issued them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use url::Url;

use crate::backing::Variables;
use crate::secret::{Secret, write_private};
use crate::seed;
use crate::workspace::Workspace;

/// Where `up` leaves its issuer's address for `token`, in the checkout's private folder.
const FILE: &str = "up.url";

/// `http://HOST[:PORT]` or `https://HOST[:PORT]`, without a slash at its end: issuers are compared as texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of what listens at `address`. One that listens everywhere is reached at this machine's own address, as far as
    /// we can tell; from elsewhere, `--url` is needed.
    pub fn of(mut address: SocketAddr) -> Origin {
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Origin(format!("http://{address}"))
    }

    /// The same host, by another port.
    ///
    /// # Errors
    /// That is no URL.
    pub fn with_port(&self, port: u16) -> Result<Origin> {
        let mut url = self.at("/")?;
        // Fails only without a host, and an origin has one.
        let _ = url.set_port(Some(port));
        Ok(Origin(url.origin().ascii_serialization()))
    }

    /// Who issued the tokens of the last `up` of this checkout.
    ///
    /// # Errors
    /// There was none.
    pub fn of_last_up(workspace: &Workspace) -> Result<Origin> {
        let text = std::fs::read_to_string(workspace.private().join(FILE));
        let text = text
            .context("`cargo xtask up` does not run here: start it, or say who issues tokens with `--url`")?;
        text.trim().parse()
    }

    /// Remembers it for [`Origin::of_last_up`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn leave(&self, workspace: &Workspace) -> Result<()> {
        write_private(&workspace.private().join(FILE), &self.0)
    }

    /// One of its addresses. `path` begins with a slash.
    ///
    /// # Errors
    /// That is no URL.
    pub fn at(&self, path: &str) -> Result<Url> {
        let text = format!("{self}{path}");
        Url::parse(&text).with_context(|| format!("{text} is no URL"))
    }

    /// The variables that have the platform issue tokens at this address. What the environment sets for another issuer stays as
    /// it is.
    pub fn as_issuer(&self) -> Variables {
        unless_in_environment([("issuer", self.to_string()), ("issuer_origin", self.to_string())])
    }

    /// The variables that have the platform send browsers to its own pages at this address, and be called by pages of the
    /// machine's own. What the environment sets stays as it is.
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
            // As a URL it has a slash at its end.
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
    fn what_listens_everywhere_is_reached_at_home() {
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
    fn an_origin_has_no_path_and_ends_without_a_slash() {
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
    fn tokens_name_the_origin_as_it_is_compared() {
        let origin = Origin::of("127.0.0.1:3999".parse().expect("an address"));
        assert_eq!(origin.as_issuer()["issuer"].reveal(), "http://127.0.0.1:3999");
        assert_eq!(
            origin.as_platform()["login_url"].reveal(),
            "http://127.0.0.1:3999/oauth2/login"
        );
    }

    #[test]
    fn another_port_is_another_origin_on_the_same_host() {
        for (text, other) in [
            ("https://shop.test", "https://shop.test:4444"),
            ("http://[::1]:3000", "http://[::1]:4444"),
        ] {
            let origin: Origin = text.parse().expect(text);
            assert_eq!(origin.with_port(4444).expect(text).to_string(), other);
        }
    }
}
