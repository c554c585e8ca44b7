//! `spin:redis`: the Redis servers that components may reach.
//!
//! Answers and errors are Spin's (`factor-outbound-redis`), conversion by conversion. As there, each `open` is a
//! connection of its own, commands on one connection are pipelined, and no command has a timeout: one may block on
//! purpose (`BLPOP`), so a component races a clock itself. Different on purpose: opening gives up after
//! [`OPEN_TIMEOUT`], and only TCP is connected to, whatever the grants say. This host has no TLS towards Redis.

mod host;
mod reply;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::networking::AllowedHosts;

#[allow(
    missing_docs,
    unreachable_pub,
    reason = "generated; the interface is documented in wit/deps/spin-redis"
)]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "akinai:host/redis",
        imports: { default: trappable },
        with: { "spin:redis/redis.connection": super::host::Connection },
    });
}

use bindings::spin::redis::redis as wit;

/// How long opening a connection may take, handshake included. Callers give up after 5 s; they should hear from us first.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(4);

/// What one instance knows of Redis: the servers that its component may reach.
pub struct Redis(Arc<AllowedHosts>);

impl Redis {
    /// For an instance of the component with these grants.
    #[must_use]
    pub fn new(allowed: Arc<AllowedHosts>) -> Self {
        Self(allowed)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.0).finish()
    }
}

/// Where the host functions find the state in a store.
#[derive(Debug)]
pub struct RedisView<'a> {
    /// The state of the instance.
    pub state: &'a mut Redis,
    /// Where its open connections are kept.
    pub table: &'a mut ResourceTable,
}

/// Adds `spin:redis@3.0.0`.
///
/// # Errors
/// The linker has it already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> RedisView<'_>,
) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Capability>(linker, view)
}

struct Capability;

impl HasData for Capability {
    type Data<'a> = RedisView<'a>;
}
