//! The variables of `spin.toml`.

use std::rc::Rc;

use spin_adapters::variables;

use crate::domain::addresses::Addresses;
use crate::keys::vault::KeyVault;

/// The half of the issuer that this instance serves: see docs/decisions/0010-an-issuer-of-our-own.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// The API for browsers and clients. None of its paths begins with `/admin`.
    Public,
    /// The API for other components. It has no public route.
    Admin,
}

impl Serves {
    /// Reads the variable `serves`.
    pub(crate) async fn read() -> Result<Self, String> {
        match &*get("serves").await? {
            "public" => Ok(Self::Public),
            "admin" => Ok(Self::Admin),
            _ => Err("variable serves must be public or admin".into()),
        }
    }
}

/// Reads the issuer's name and the addresses of the pages.
pub(crate) async fn addresses() -> Result<Addresses, String> {
    let issuer = get("issuer").await?;
    // RFC 8414, section 2: no query and no fragment. A slash at the end would be doubled in every address.
    let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
    if !is_url || issuer.ends_with('/') || issuer.contains(['?', '#']) {
        return Err(
            "variable issuer must be a URL without a query, a fragment, or a slash at its end".into(),
        );
    }
    Ok(Addresses {
        issuer,
        login: get("login_url").await?,
        consent: get("consent_url").await?,
        logout: get("logout_url").await?,
        error: get("error_url").await?,
        signed_out: get("signed_out_url").await?,
    })
}

/// Reads the key that signing keys are sealed with in the database.
pub(crate) async fn vault() -> Result<KeyVault, String> {
    Ok(KeyVault {
        sealing_key: get("sealing_key").await?,
    })
}

async fn get(name: &'static str) -> Result<Rc<str>, String> {
    variables::get(name).await.map_err(|error| error.to_string())
}
