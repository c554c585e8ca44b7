//! An application, as those who embed the host see it: load it, serve it, or take a single component out of it.
//!
//! The futures are boxed: one that is not is compiled in the crate that awaits it, and so the host, wasmtime's generic half
//! with it, would be compiled again for each program and each test that embeds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::chaining::Chaining;
use crate::dispatch::Application;
use crate::instance::State;
use crate::limits::Limits;
use crate::manifest::{ComponentId, ManifestError};
use crate::routes::RouteError;
use crate::server::{self, Server};
use crate::subscriber::{self, Subscribers};
use crate::{load, networking, variables};

/// What to run, and how.
pub struct Config {
    /// The manifest, `spin.toml`. What it names is found relative to it.
    pub manifest: PathBuf,
    /// Values of application variables, by name. They win over the environment's `SPIN_VARIABLE_NAME`, and those over
    /// the manifest's defaults.
    pub variables: BTreeMap<String, String>,
    /// A folder for compiled components, made when missing. Without one, every start compiles again.
    pub cache_dir: Option<PathBuf>,
    /// What requests and instances may take.
    pub limits: Limits,
    /// The servers that components call by HTTP/2 without TLS, as `HOST:PORT`, or `HOST` for port 80, just as the components'
    /// requests name them. All other servers are called by HTTP/1.1. gRPC needs HTTP/2.
    pub h2c: BTreeSet<String>,
    /// Who stands between the components: nobody, save in tests.
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
            h2c: BTreeSet::new(),
            chaining: None,
        }
    }
}

impl fmt::Debug for Config {
    // Without the variables' values, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("manifest", &self.manifest)
            .field("variables", &self.variables.keys())
            .field("cache_dir", &self.cache_dir)
            .field("limits", &self.limits)
            .field("h2c", &self.h2c)
            .finish_non_exhaustive()
    }
}

/// Why an application cannot be loaded. The messages are for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest cannot be read, or asks for what this host does not have.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A route is not one.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A variable is missing, unknown or misused.
    #[error(transparent)]
    Variables(#[from] variables::Error),
    /// A component's `allowed_outbound_hosts` cannot be understood.
    #[error("[component.{component}] {source}")]
    AllowedHosts {
        /// The component's id.
        component: ComponentId,
        /// What is wrong with them.
        source: networking::Error,
    },
    /// A component may call another one that cannot be called.
    #[error(
        "[component.{component}] allowed_outbound_hosts: {callee}.spin.internal cannot be reached: there is no [[trigger.http]] \
         for component {callee}. Add one, with route = {{ private = true }} if it is for other components only."
    )]
    NoSuchCallee {
        /// The component that would call.
        component: ComponentId,
        /// The component that would be called.
        callee: String,
    },
    /// A Redis trigger's address is none. It may hold a password, and is not quoted.
    #[error("[[trigger.redis]] of component {component}, address: {problem}")]
    Subscription {
        /// The component's id.
        component: ComponentId,
        /// What is wrong.
        problem: String,
    },
    /// There is no .wasm file where the manifest says.
    #[error("[component.{component}] source = {}: there is no such file. Build the components first.", source_path.display())]
    NotBuilt {
        /// The component's id.
        component: ComponentId,
        /// The file that was looked for.
        source_path: PathBuf,
    },
    /// The .wasm file is not a component, or imports or exports what this host does not have.
    #[error("[component.{component}] source = {}: {source:#}", source_path.display())]
    Component {
        /// The component's id.
        component: ComponentId,
        /// Its file.
        source_path: PathBuf,
        /// What wasmtime says.
        source: wasmtime::Error,
    },
    /// The engine cannot be set up, such as for want of address space.
    #[error("cannot set up wasmtime: {0:#}")]
    Engine(wasmtime::Error),
}

/// A loaded application. Clones are the same application; any number of different ones fit into a process.
#[derive(Clone)]
pub struct App(Arc<Application>);

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("components", &self.0.component_ids())
            .finish_non_exhaustive()
    }
}

impl App {
    /// Reads the manifest, resolves variables and grants, and compiles the components (or takes them from the cache).
    /// Nothing of the application runs yet.
    ///
    /// # Errors
    /// [`LoadError`] says what keeps the application from running.
    pub fn load(config: Config) -> BoxFuture<'static, Result<Self, LoadError>> {
        async move {
            let loading = tokio::task::spawn_blocking(move || load::load(&config));
            match loading.await {
                Ok(loaded) => loaded.map(Self),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        .boxed()
    }

    /// Serves the public routes on `address`; port 0 takes a free one, which [`Server::local_addr`] tells.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn serve(&self, address: SocketAddr) -> BoxFuture<'_, std::io::Result<Server>> {
        server::serve(self.0.clone(), address).boxed()
    }

    /// Whether it answers HTTP at all. An application may have Redis triggers alone.
    pub fn answers_http(&self) -> bool {
        self.0.has_endpoints()
    }

    /// Takes the messages of Redis channels to the components that the manifest's Redis triggers name, as long as what is
    /// returned lives. None where there are no such triggers.
    pub fn subscribe(&self) -> Option<Subscribers> {
        let has_any = !self.0.subscriptions().is_empty();
        has_any.then(|| subscriber::subscribe(&self.0))
    }

    /// A new instance of one component, with everything that the manifest grants it, for calls to its exports. It is not
    /// reused, not counted as in flight, and has no deadline; its memory limit holds.
    ///
    /// # Errors
    /// When there is no such component, no room for another instance, or the component fails to start.
    pub fn instantiate<'a>(
        &'a self,
        component: &'a str,
    ) -> BoxFuture<'a, wasmtime::Result<(Store<State>, Instance)>> {
        async move {
            let Some(hosted) = self.0.component(component) else {
                wasmtime::bail!("the manifest has no [component.{component}]");
            };
            hosted.blueprint.instantiate().await
        }
        .boxed()
    }
}
