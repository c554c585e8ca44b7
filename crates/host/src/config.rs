//! The settings of an embedder: the manifest, its variables, and the limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::chaining::Chaining;
use crate::clients::ProxyNetworks;
use crate::limits::Limits;

/// The application to run, and its settings.
pub struct Config {
    /// The manifest, `spin.toml`. Its paths are relative to its folder.
    pub manifest: PathBuf,
    /// Values of application variables, by name. They take precedence over the environment's `SPIN_VARIABLE_NAME`, and those
    /// over the manifest's defaults.
    pub variables: BTreeMap<String, String>,
    /// A folder for compiled components. It is created if it does not exist. Without a folder, every start compiles all
    /// components.
    pub cache_dir: Option<PathBuf>,
    /// The limits for requests and instances.
    pub limits: Limits,
    /// The proxies in front of this host. For a request from one of them, the client is taken from `X-Forwarded-For`.
    pub trusted_proxies: ProxyNetworks,
    /// The servers that components call by HTTP/2 without TLS, as `HOST:PORT`, or `HOST` for port 80, exactly as in the
    /// components' requests. All other servers are called by HTTP/1.1. gRPC requires HTTP/2.
    pub h2c: BTreeSet<String>,
    /// The interceptor of calls between components. Only tests have one.
    pub chaining: Option<Arc<dyn Chaining>>,
}

impl Config {
    /// The application of `manifest` with the default limits, no variables set, and no cache.
    pub fn new(manifest: impl Into<PathBuf>) -> Self {
        Self {
            manifest: manifest.into(),
            variables: BTreeMap::new(),
            cache_dir: None,
            limits: Limits::default(),
            trusted_proxies: ProxyNetworks::default(),
            h2c: BTreeSet::new(),
            chaining: None,
        }
    }
}

impl fmt::Debug for Config {
    // The values of the variables are left out, because they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("manifest", &self.manifest)
            .field("variables", &self.variables.keys())
            .field("cache_dir", &self.cache_dir)
            .field("limits", &self.limits)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("h2c", &self.h2c)
            .finish_non_exhaustive()
    }
}
