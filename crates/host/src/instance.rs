//! One instance of a component: its state and its creation.

use std::sync::{Arc, Weak};

use wasmtime::component::{Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::networking::AllowedHosts;
use crate::outbound::{HttpClient, LocalCalls, Outbound};
use crate::output::{Output, Stream};
use crate::postgres::{self, Pools, Postgres, PostgresView};
use crate::redis::{self, Redis, RedisView};
use crate::variables::{self, Variables, VariablesView};

/// The host's state of one instance. It is dropped with the instance, and is not shared with another instance.
pub struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    variables: Variables,
    postgres: Postgres,
    redis: Redis,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

/// Everything that a component can import. The [`State`] of an instance decides what the component may do with it.
///
/// # Errors
/// Two of the parts define the same import, which is a mistake in this crate.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    variables::add_to_linker(linker, |state| VariablesView {
        state: &mut state.variables,
    })?;
    postgres::add_to_linker(linker, |state| PostgresView {
        state: &mut state.postgres,
        table: &mut state.table,
    })?;
    redis::add_to_linker(linker, |state| RedisView {
        state: &mut state.redis,
        table: &mut state.table,
    })
}

/// The parts from which instances of one component are made.
pub(crate) struct Blueprint {
    pub(crate) component: Arc<str>,
    pub(crate) pre: InstancePre<State>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) variables: variables::Values,
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) http_client: HttpClient,
    pub(crate) postgres: Pools,
    /// The maximum linear memory of an instance, in bytes.
    pub(crate) memory: usize,
    /// The target of calls to other components.
    pub(crate) application: Weak<dyn LocalCalls>,
}

impl Blueprint {
    /// A store for a new instance, with the grants and limits of its component.
    pub(crate) fn store(&self) -> Store<State> {
        let mut store = Store::new(self.pre.engine(), self.state());
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// A new instance in a new store.
    pub(crate) async fn instantiate(&self) -> wasmtime::Result<(Store<State>, Instance)> {
        let mut store = self.store();
        let instance = self.pre.instantiate_async(&mut store).await?;
        Ok((store, instance))
    }

    fn state(&self) -> State {
        State {
            wasi: self.wasi(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(
                self.allowed_hosts.clone(),
                self.http_client.clone(),
                self.application.clone(),
            ),
            variables: Variables::new(self.variables.clone()),
            postgres: Postgres::new(self.postgres.clone()),
            redis: Redis::new(self.allowed_hosts.clone()),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(self.memory).build(),
        }
    }

    /// Clocks, random numbers, the manifest's environment and access to the log. There are no files and no sockets: a
    /// component reaches servers only through the interfaces that check `allowed_outbound_hosts`.
    fn wasi(&self) -> WasiCtx {
        WasiCtxBuilder::new()
            .envs(&self.environment)
            .stdout(Output::new(self.component.clone(), Stream::Stdout))
            .stderr(Output::new(self.component.clone(), Stream::Stderr))
            .allow_tcp(false)
            .allow_udp(false)
            .build()
    }
}
