//! What `spin.toml` tells the pages.

use std::rc::Rc;

use spin_adapters::variables;
use web::client_address::TrustedProxies;

/// Where things are, for browsers.
pub(crate) struct Settings {
    /// The issuer's address: where the pages send browsers back to.
    pub(crate) issuer: Rc<str>,
    /// Where a browser goes that has signed out at nobody's wish but its user's.
    pub(crate) signed_out_url: Rc<str>,
    /// Whether browsers reach the pages by TLS, so that their cookie must not travel without.
    pub(crate) is_secure: bool,
    /// Whose `X-Forwarded-For` counts.
    pub(crate) trusted_proxies: TrustedProxies,
}

impl Settings {
    /// The text of the error is for the log.
    pub(crate) async fn read() -> Result<Self, String> {
        let login_url = get("login_url").await?;
        Ok(Self {
            issuer: get("issuer").await?,
            signed_out_url: get("signed_out_url").await?,
            trusted_proxies: TrustedProxies::parse(&get("trusted_proxies").await?)?,
            is_secure: login_url.starts_with("https://"),
        })
    }
}

async fn get(name: &'static str) -> Result<Rc<str>, String> {
    variables::get(name).await.map_err(|error| error.to_string())
}
