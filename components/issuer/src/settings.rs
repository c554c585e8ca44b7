//! What `spin.toml` tells this component.

use std::rc::Rc;

use spin_adapters::variables;

/// Which half of the issuer this instance is: see docs/decisions/0010-an-issuer-of-our-own.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// What browsers and clients ask: no path of it begins with `/admin`.
    Public,
    /// What other components ask, and nobody else can.
    Admin,
}

impl Serves {
    /// Reads the variable `serves`.
    pub(crate) async fn read() -> Result<Self, String> {
        match &*get("serves").await? {
            "public" => Ok(Self::Public),
            "admin" => Ok(Self::Admin),
            _ => Err("variable serves: it is public or admin".into()),
        }
    }
}

/// Where things are. None of them ends with a slash, but for what a person put there on purpose: they are compared as texts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `iss`, and what the issuer's own addresses begin with.
    pub(crate) issuer: Rc<str>,
    pub(crate) login_url: Rc<str>,
    pub(crate) consent_url: Rc<str>,
    pub(crate) logout_url: Rc<str>,
    pub(crate) error_url: Rc<str>,
    /// Where a browser goes that has signed out at nobody's wish but its user's.
    pub(crate) signed_out_url: Rc<str>,
}

impl Settings {
    pub(crate) async fn read() -> Result<Self, String> {
        let issuer = get("issuer").await?;
        // RFC 8414, section 2: no query and no fragment; and a slash at the end would be doubled in every address.
        let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
        if !is_url || issuer.ends_with('/') || issuer.contains(['?', '#']) {
            return Err("variable issuer: a URL without a query, a fragment, or a slash at its end".into());
        }
        Ok(Self {
            issuer,
            login_url: get("login_url").await?,
            consent_url: get("consent_url").await?,
            logout_url: get("logout_url").await?,
            error_url: get("error_url").await?,
            signed_out_url: get("signed_out_url").await?,
        })
    }

    /// One of the issuer's own addresses.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// Whether browsers reach the issuer by TLS, so that its cookies must not travel without.
    pub(crate) fn is_secure(&self) -> bool {
        self.issuer.starts_with("https://")
    }
}

/// A variable of this component.
pub(crate) async fn get(name: &'static str) -> Result<Rc<str>, String> {
    variables::get(name).await.map_err(|error| error.to_string())
}
