//! The settings of the pages, from the component's variables.

use std::rc::Rc;

use spin_adapters::variables;
use web::client_address::TrustedProxies;

/// The settings of the pages. Addresses are those that browsers use.
pub(crate) struct Settings {
    /// The issuer. The pages send browsers back to it.
    pub(crate) issuer: Rc<str>,
    /// The last page of a browser that signs out without an application's request.
    pub(crate) signed_out_url: Rc<str>,
    /// Whether browsers use TLS, so that cookies have the attribute `Secure`.
    pub(crate) is_secure: bool,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: TrustedProxies,
}

impl Settings {
    /// Reads the variables. The text of the error is for the log.
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
