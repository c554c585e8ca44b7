//! The native host: runs the application of a `spin.toml` on wasmtime, as Spin would.
//!
//! The modules that a request passes, in order:
//!
//! 1. [`Server`] (`server`) accepts the connection; `headers` and `authority` refuse requests that can be read in two ways
//!    (`bad_request`); `dispatch` bounds the body and finds the component with [`routes`];
//! 2. `headers` adds the headers that Spin adds; `endpoint` takes one of the places for requests in flight (`inflight`), or
//!    refuses the request (`refusal`);
//! 3. `worker` finds or makes an `instance` of the component, which answers;
//! 4. each call that the component makes is checked against its grants: of other components and servers in `outbound`,
//!    of databases in [`postgres`] and [`redis`], of its settings in [`variables`], each behind [`networking`].
//!
//! Messages of Redis channels arrive through [`Subscribers`] (`listener`) instead.
//!
//! Before that, [`App::load`] has read the [`manifest`], has resolved variables and grants, and has compiled the components
//! with `engine`.
//!
//! These rules apply everywhere. A component reaches only the servers that its manifest grants. [`limits`] bound all
//! resources of a request. An instance sees no data of another. All observable behaviour is the same as in Spin, or a
//! comment explains the difference.

mod app;
mod authority;
mod bad_request;
mod body;
pub mod chaining;
mod clients;
mod config;
mod connection;
mod dispatch;
mod endpoint;
mod engine;
mod headers;
mod inflight;
mod instance;
pub mod limits;
mod listener;
mod load;
mod load_log;
pub mod manifest;
pub mod networking;
mod outbound;
mod output;
pub mod postgres;
pub mod redis;
mod refusal;
mod reply;
pub mod routes;
mod server;
mod subscriber;
pub mod variables;
mod whole_body;
mod worker;

pub use app::App;
pub use clients::ProxyNetworks;
pub use config::Config;
pub use instance::State;
pub use limits::Limits;
pub use listener::Subscribers;
pub use load::LoadError;
pub use server::Server;
