//! Loads the application of a manifest, so that it can run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;

use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};
use wasmtime_wasi_http::handler::ProxyPre;

use crate::chaining::Between;
use crate::config::Config;
use crate::dispatch::{Application, Hosted};
use crate::endpoint::Endpoint;
use crate::instance::{self, Blueprint, State};
use crate::limits::Limits;
use crate::manifest::{Component, ComponentId, Manifest, ManifestError, RedisTrigger};
use crate::networking::{self, AllowedHosts};
use crate::outbound::{HttpClient, LocalCalls};
use crate::postgres::{self, Pools};
use crate::routes::{RouteError, Router};
use crate::subscriber::{self, Subscriber, Subscription, check_address};
use crate::variables::{self, Resolver, Values};
use crate::{engine, worker};

/// The reason why an application cannot be loaded. The messages are for the operator who started it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest cannot be read, or requires something that this host does not support.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A route is invalid.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A variable is missing, unknown or misused.
    #[error(transparent)]
    Variables(#[from] variables::Error),
    /// A component's `allowed_outbound_hosts` are invalid.
    #[error("[component.{component}] {source}")]
    AllowedHosts {
        /// The component's id.
        component: ComponentId,
        /// The fault in them.
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
    /// The address of a Redis trigger is invalid. It may contain a password, so the message does not quote it.
    #[error("[[trigger.redis]] of component {component}, address: {problem}")]
    Subscription {
        /// The component's id.
        component: ComponentId,
        /// The fault.
        problem: String,
    },
    /// There is no .wasm file at the path in the manifest.
    #[error("[component.{component}] source = {}: there is no such file. Build the components first.", source_path.display())]
    NotBuilt {
        /// The component's id.
        component: ComponentId,
        /// The missing file.
        source_path: PathBuf,
    },
    /// The .wasm file is not a component, or it has imports or exports that this host does not support.
    #[error("[component.{component}] source = {}: {source:#}", source_path.display())]
    Component {
        /// The component's id.
        component: ComponentId,
        /// Its file.
        source_path: PathBuf,
        /// The error of wasmtime.
        source: wasmtime::Error,
    },
    /// The engine cannot be set up, for example because there is too little address space.
    #[error("cannot set up wasmtime: {0:#}")]
    Engine(wasmtime::Error),
}

/// Loads the application that `config` describes. Blocks, for seconds if components must be compiled.
///
/// # Errors
/// The reason why the application cannot run.
pub(crate) fn load(config: &Config) -> Result<Arc<Application>, LoadError> {
    let manifest = Manifest::read(&config.manifest)?;
    let router = router(&manifest)?;
    let resolver = resolver(&manifest, config)?;
    let subscriptions = subscriptions(&manifest, &resolver)?;
    let grants = grants(&manifest, &resolver)?;
    let linked = link(&manifest, config)?;

    let client = HttpClient::new(config.h2c.clone());
    Ok(Arc::new_cyclic(|application: &Weak<Application>| {
        let application: Weak<dyn LocalCalls> = application.clone();
        let parts = manifest.component.into_iter().zip(grants).zip(linked);
        let components = parts.map(|(((id, component), grant), linked)| {
            let hosted = hosted(
                &id,
                component,
                grant,
                linked,
                &client,
                &config.limits,
                &application,
            );
            (id, hosted)
        });
        Application::new(
            &manifest.application,
            router,
            components.collect(),
            subscriptions,
            Between::new(config.chaining.clone()),
            config.trusted_proxies.clone(),
            config.limits,
        )
    }))
}

fn router(manifest: &Manifest) -> Result<Router<ComponentId>, LoadError> {
    let triggers = manifest
        .trigger
        .http
        .iter()
        .map(|trigger| (&trigger.route, &trigger.component));
    let (router, shadowed) = Router::new(triggers, Clone::clone)?;
    for route in shadowed {
        tracing::error!(
            "route {} of component {} is never used: a later one is the same",
            route.pattern,
            route.component
        );
    }
    Ok(router)
}

/// The grants of one component in the manifest, with resolved variables.
struct Grant {
    allowed_hosts: Arc<AllowedHosts>,
    variables: Values,
}

fn resolver(manifest: &Manifest, config: &Config) -> Result<Resolver, LoadError> {
    let declared = manifest
        .variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.0.clone()));
    Ok(Resolver::new(declared.collect(), &config.variables, |name| {
        std::env::var(name)
    })?)
}

/// The subscriptions of the Redis triggers.
fn subscriptions(manifest: &Manifest, resolver: &Resolver) -> Result<Vec<Subscription>, LoadError> {
    let subscription = |trigger: &RedisTrigger| {
        let address = resolver.resolve(&trigger.address)?;
        check_address(&address).map_err(|problem| LoadError::Subscription {
            component: trigger.component.clone(),
            problem,
        })?;
        Ok(Subscription {
            address,
            channel: resolver.resolve(&trigger.channel)?,
            component: trigger.component.to_string(),
        })
    };
    manifest.trigger.redis.iter().map(subscription).collect()
}

/// The grants of all components, in the manifest's order.
fn grants(manifest: &Manifest, resolver: &Resolver) -> Result<Vec<Grant>, LoadError> {
    let ids: Vec<String> = manifest.component.keys().map(ToString::to_string).collect();
    manifest
        .component
        .iter()
        .map(|(id, component)| grant(manifest, resolver, &ids, id, component))
        .collect()
}

fn grant(
    manifest: &Manifest,
    resolver: &Resolver,
    ids: &[String],
    id: &ComponentId,
    component: &Component,
) -> Result<Grant, LoadError> {
    let allowed_hosts =
        AllowedHosts::parse(&component.allowed_outbound_hosts, resolver, ids).map_err(|source| {
            LoadError::AllowedHosts {
                component: id.clone(),
                source,
            }
        })?;
    if let Some(callee) = allowed_hosts
        .chained_components()
        .find(|callee| !manifest.has_trigger(callee))
    {
        return Err(LoadError::NoSuchCallee {
            component: id.clone(),
            callee: callee.to_owned(),
        });
    }
    Ok(Grant {
        allowed_hosts: Arc::new(allowed_hosts),
        variables: resolver.component(id.as_str(), &component.variables)?,
    })
}

/// A component whose imports are all supported.
struct Linked {
    pre: InstancePre<State>,
    /// Present for components that an HTTP trigger names.
    http: Option<ProxyPre<State>>,
    /// Present for components that a Redis trigger names.
    redis: Option<subscriber::Handler>,
}

/// Compiles all components in parallel. The result has the order of the manifest.
fn link(manifest: &Manifest, config: &Config) -> Result<Vec<Linked>, LoadError> {
    let engine = engine::engine(
        &config.limits,
        manifest.component.len(),
        config.cache_dir.as_deref(),
    )
    .map_err(LoadError::Engine)?;
    let mut linker = Linker::new(&engine);
    instance::add_to_linker(&mut linker).map_err(LoadError::Engine)?;
    let folder = config.manifest.parent().unwrap_or(Path::new(""));
    thread::scope(|scope| {
        let spawn = |(id, component): (_, &Component)| {
            let (engine, linker, path) = (&engine, &linker, folder.join(&component.source));
            scope.spawn(move || link_one(manifest, engine, linker, id, &path))
        };
        let compiling: Vec<_> = manifest.component.iter().map(spawn).collect();
        let finish = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        compiling.into_iter().map(finish).collect()
    })
}

fn link_one(
    manifest: &Manifest,
    engine: &Engine,
    linker: &Linker<State>,
    id: &ComponentId,
    path: &Path,
) -> Result<Linked, LoadError> {
    if !path.exists() {
        return Err(LoadError::NotBuilt {
            component: id.clone(),
            source_path: path.to_owned(),
        });
    }
    let linked = || {
        let pre = linker.instantiate_pre(&engine::compile(engine, path)?)?;
        let http = manifest
            .has_trigger(id.as_str())
            .then(|| worker::handler(&pre))
            .transpose()?;
        let redis = manifest
            .subscribes(id.as_str())
            .then(|| subscriber::handler(&pre))
            .transpose()?;
        Ok(Linked { pre, http, redis })
    };
    linked().map_err(|source| LoadError::Component {
        component: id.clone(),
        source_path: path.to_owned(),
        source,
    })
}

fn hosted(
    id: &ComponentId,
    component: Component,
    grant: Grant,
    linked: Linked,
    http_client: &HttpClient,
    limits: &Limits,
    application: &Weak<dyn LocalCalls>,
) -> Hosted {
    let blueprint = Arc::new(Blueprint {
        component: id.as_str().into(),
        pre: linked.pre,
        environment: component.environment.into_iter().collect(),
        variables: grant.variables,
        postgres: Pools::new(grant.allowed_hosts.clone(), postgres::Limits::default()),
        allowed_hosts: grant.allowed_hosts,
        http_client: http_client.clone(),
        memory: limits.instance_memory,
        application: application.clone(),
    });
    let endpoint = linked
        .http
        .map(|handler| Endpoint::new(blueprint.clone(), handler, *limits));
    let subscriber = linked
        .redis
        .map(|handler| Subscriber::new(blueprint.clone(), handler));
    Hosted {
        blueprint,
        endpoint,
        subscriber,
    }
}
