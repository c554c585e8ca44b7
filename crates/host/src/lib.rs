//! The native host: runs the application of a `spin.toml` on wasmtime, as Spin would.
//!
//! The modules that a request passes, in order:
//!
//! 1. [`Server`] (`server`) accepts the connection; `headers` and `authority` refuse requests that can be read in two ways
//!    (`bad_request`); `dispatch` bounds the body and asks [`routes`] for the component;
//! 2. `headers` adds the headers that Spin adds; `endpoint` takes a place of the requests in flight (`inflight`), or refuses
//!    (`refusal`);
//! 3. `worker` finds or makes an `instance` of the component, which answers;
//! 4. each call that the component makes is checked against its grants: of other components and servers in `outbound`,
//!    of databases in [`postgres`] and [`redis`], of its settings in [`variables`], each behind [`networking`].
//!
//! Messages of Redis channels come in by [`Subscribers`] (`listener`) instead.
//!
//! Before that, [`App::load`] read the [`manifest`], resolved variables and grants, and had `engine` compile.
//!
//! What holds everywhere: a component reaches only what its manifest grants; whatever a request takes is bounded by
//! [`limits`]; nothing of one instance is seen by another; and where Spin does something observable, this host does the
//! same or says why not.

mod app;
mod authority;
mod bad_request;
mod body;
pub mod chaining;
mod config;
mod dispatch;
mod endpoint;
mod engine;
mod headers;
mod inflight;
mod instance;
pub mod limits;
mod listener;
mod load;
pub mod manifest;
pub mod networking;
mod outbound;
mod output;
pub mod postgres;
pub mod redis;
mod refusal;
pub mod routes;
mod server;
mod subscriber;
pub mod variables;
mod worker;

pub use app::App;
pub use config::Config;
pub use instance::State;
pub use limits::Limits;
pub use listener::Subscribers;
pub use load::LoadError;
pub use server::Server;
