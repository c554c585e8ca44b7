//! `spin:postgres`: the databases that components may reach.
//!
//! Values, columns and errors are Spin's (`factor-outbound-pg`), conversion by conversion: a component that works here
//! works there. Different on purpose:
//!
//! - **Statements are prepared once per connection** and kept, up to [`STATEMENTS_PER_CONNECTION`], so a query costs
//!   one round trip; Spin prepares anew each time. A statement that a change of the schema made stale is prepared again.
//! - **No connection is handed out dirty.** One that ran more than plain reads and writes (a transaction, `set`, …) is
//!   rolled back and reset when it comes back; one whose statement does not end soon has it cancelled and is closed. Spin
//!   resets when it hands out, but does not roll back. What a plain statement hides in a function that it calls is
//!   not seen, nor is what `lastval()` remembers.
//! - **Opening never waits for longer than [`Limits::open_timeout`]**, whether for a place in the pool or for the
//!   server. A connection that the server closed is replaced when the next one is opened.
//! - **The address check knows no way around it**: `hostaddr` is checked, too, and so is `connection-builder.build`.
//! - TLS is rustls, with Mozilla's roots and the one that `set-ca-root` gives, rather than the system's.
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

/// How much of a database server one component may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections to one address. Spin's number, 64; further opens wait for one to come back.
    pub connections: usize,
    /// Addresses with a pool of their own; 16, as in Spin. The one unused for longest makes room for a new one.
    pub addresses: usize,
    /// How long opening a connection may take, everything included.
    pub open_timeout: Duration,
    /// A connection that was idle for longer is closed when another one comes back.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            addresses: 16,
            // Our components give a statement 3 s; they should hear from us first.
            open_timeout: Duration::from_millis(2_500),
            idle_timeout: Duration::from_secs(300),
        }
    }
}

/// What one instance knows of databases: the pools of its component.
pub struct Postgres(Pools);

impl Postgres {
    /// For an instance of the component that the pools belong to.
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

/// Where the host functions find the state in a store.
#[derive(Debug)]
pub struct PostgresView<'a> {
    /// The state of the instance.
    pub state: &'a mut Postgres,
    /// Where its open connections are kept.
    pub table: &'a mut ResourceTable,
}

/// Adds `spin:postgres@4.2.0`.
///
/// # Errors
/// The linker has it already.
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
