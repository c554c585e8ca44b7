//! `spin:postgres`: the databases that components may reach.
//!
//! Values, columns and errors are the same as in Spin (`factor-outbound-pg`) for each conversion: a component that
//! works with this host also works with Spin. These differences are deliberate:
//!
//! - **Statements are prepared once per connection** and kept, up to [`STATEMENTS_PER_CONNECTION`], so a query costs
//!   one round trip. Spin prepares a statement each time. If a change of the schema invalidates a statement, it is
//!   prepared again.
//! - **No connection keeps the state of its last user.** A connection that ran more than plain reads and writes (a transaction,
//!   `set`, …) is rolled back and reset when it is returned. If its statement does not end soon, the statement is cancelled and the
//!   connection is closed. Spin resets a connection before the next use, but does not roll back. The host does not detect effects of
//!   a function that a plain statement calls, nor the value of `lastval()`.
//! - **Opening never waits for longer than [`Limits::open_timeout`]**, neither for a place in the pool nor for the
//!   server. A connection that the server closed is replaced when the next one is opened.
//! - **The address check cannot be bypassed**: `hostaddr` is also checked, and so is `connection-builder.build`.
//! - TLS uses rustls, with Mozilla's roots and the one that `set-ca-root` gives, instead of the system's.
//!
//! Pools belong to one component, as in Spin: two components never share a connection.

#![expect(
    clippy::result_large_err,
    reason = "the generated error holds the server's answer in its parts, and is what every caller must be given"
)]

mod address;
mod convert;
mod error;
mod host;
mod parameter;
mod pool;
mod rows;
mod session;
mod tls;

use std::fmt;
use std::time::Duration;

use wasmtime::component::{HasData, Linker, ResourceTable};

pub use pool::Pools;
pub use session::STATEMENTS_PER_CONNECTION;

#[allow(
    missing_docs,
    unreachable_pub,
    reason = "generated; the interface is documented in wit/deps/spin-postgres"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "akinai:host/postgres",
        imports: {
            "spin:postgres/postgres.[static]connection.open": async | trappable,
            "spin:postgres/postgres.[method]connection.query": async | trappable,
            "spin:postgres/postgres.[method]connection.execute": async | trappable,
            "spin:postgres/postgres.[method]connection-builder.build": async | trappable,
            default: trappable,
        },
        with: {
            "spin:postgres/postgres.connection": super::host::Connection,
            "spin:postgres/postgres.connection-builder": super::host::ConnectionBuilder,
        },
    });
}

use bindings::spin::postgres::postgres as wit;

/// The limits for one component's use of a database server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections to one address: 64, as in Spin. Further calls of open wait until a connection is returned.
    pub connections: usize,
    /// Addresses with a pool: 16, as in Spin. A new address replaces the least recently used one.
    pub addresses: usize,
    /// The maximum time for opening a connection, including all waits.
    pub open_timeout: Duration,
    /// A connection that was idle for longer than this is closed when another one is returned.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            addresses: 16,
            // Our components wait 3 s for a statement. The host's error should come first.
            open_timeout: Duration::from_millis(2_500),
            idle_timeout: Duration::from_secs(300),
        }
    }
}

/// The state of one instance: the pools of its component.
pub struct Postgres(Pools);

impl Postgres {
    /// The state of an instance of the component with these pools.
    #[must_use]
    pub fn new(pools: Pools) -> Self {
        Self(pools)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives the host functions access to the state in a store.
#[derive(Debug)]
pub struct PostgresView<'a> {
    /// The state of the instance.
    pub state: &'a mut Postgres,
    /// The table of its open connections.
    pub table: &'a mut ResourceTable,
}

/// Adds `spin:postgres@4.2.0`.
///
/// # Errors
/// The linker already has it.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> PostgresView<'_>,
) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, Capability>(linker, view)
}

struct Capability;

impl HasData for Capability {
    type Data<'a> = PostgresView<'a>;
}
