//! The API for embedders of the host: load an application, serve it, or instantiate one of its components.
//!
//! The futures are boxed. A future that is not boxed is compiled in the crate that awaits it. Then the host and
//! wasmtime's generic code would be compiled again for each program and each test that embeds the host.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::config::Config;
use crate::dispatch::Application;
use crate::instance::State;
use crate::listener::{self, Subscribers};
use crate::load::{self, LoadError};
use crate::server::{self, Server};

/// A loaded application. Clones are the same application. A process can have any number of different applications.
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
    /// No component runs yet.
    ///
    /// [`LoadError`]: the reason why the application cannot run.
    /// [`LoadError`]: the reason why the application cannot run.
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

    /// Serves the public routes on `address`. With port 0 the system chooses a free port, which [`Server::local_addr`] returns.
    ///
    /// # Errors
    /// The address cannot be used for listening.
    pub fn serve(&self, address: SocketAddr) -> BoxFuture<'_, std::io::Result<Server>> {
        server::serve(self.0.clone(), address).boxed()
    }

    /// Whether it answers HTTP. An application may have only Redis triggers.
    pub fn answers_http(&self) -> bool {
        self.0.has_endpoints()
    }

    /// Passes the messages of Redis channels to the components that the manifest's Redis triggers name, until the returned
    /// value is dropped. `None` if there are no such triggers.
    pub fn subscribe(&self) -> Option<Subscribers> {
        let has_any = !self.0.subscriptions().is_empty();
        has_any.then(|| listener::subscribe(&self.0))
    }

    /// A new instance of one component, with all grants of the manifest, for calls to its exports. It is not reused,
    /// does not count as in flight, and has no deadline. Its memory limit applies.
    ///
    /// # Errors
    /// There is no such component, there is no room for another instance, or the component fails to start.
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
