//! `spin:redis`: the Redis servers that components may reach.
//!
//! Answers and errors are the same as in Spin (`factor-outbound-redis`) for each conversion. As in Spin, each `open`
//! makes a new connection, commands on one connection are pipelined, and no command has a timeout. A command may block
//! on purpose (`BLPOP`), so a component has to set its own timeout. Two differences are deliberate: opening fails after
//! [`OPEN_TIMEOUT`], and connections are made only by TCP, even if the grants allow more. This host has no TLS for
//! Redis.

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

/// The maximum time for opening a connection, including the handshake. Callers stop waiting after 5 s, and this error should
/// come first.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(4);

/// The state of one instance: the Redis servers that its component may reach.
pub struct Redis(Arc<AllowedHosts>);

impl Redis {
    /// The state of an instance of the component with these grants.
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

/// Gives the host functions access to the state in a store.
#[derive(Debug)]
pub struct RedisView<'a> {
    /// The state of the instance.
    pub state: &'a mut Redis,
    /// The table of its open connections.
    pub table: &'a mut ResourceTable,
}

/// Adds `spin:redis@3.0.0`.
///
/// # Errors
/// The linker already has it.
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
