//! An application, as those who embed the host see it: load it, serve it, or take a single component out of it.
//!
//! The futures are boxed: one that is not is compiled in the crate that awaits it, and so the host, wasmtime's generic half
//! with it, would be compiled again for each program and each test that embeds it.

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
        has_any.then(|| listener::subscribe(&self.0))
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
