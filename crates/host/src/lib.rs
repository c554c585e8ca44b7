//! The native host: runs the application of a `spin.toml` on wasmtime, as Spin would.
//!
//! A request's way, room by room:
//!
//! 1. [`Server`] (`server`) accepts the connection; `headers` and `authority` refuse what can be read in two ways; `dispatch`
//!    bounds the body and asks [`routes`] whose request it is;
//! 2. `headers` tells the component what Spin would tell it; `inflight` admits the request, or it is turned away;
//! 3. `worker` finds or makes an `instance` of the component and has it answer;
//! 4. what the component asks for on the way is checked against its grants: other components and the web in `outbound`,
//!    databases in [`postgres`] and [`redis`], its settings in [`variables`], each behind [`networking`].
//!
//! Messages of Redis channels come in by [`Subscribers`] (`subscriber`) instead.
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
