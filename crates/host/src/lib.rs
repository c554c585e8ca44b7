//! The native host: runs the application in `spin.toml` on wasmtime.

mod app;
mod body;
mod dispatch;
mod engine;
mod headers;
mod inflight;
mod instance;
pub mod limits;
mod load;
pub mod manifest;
pub mod networking;
mod outbound;
mod output;
pub mod postgres;
pub mod redis;
pub mod routes;
mod server;
pub mod variables;
mod worker;

pub use app::{App, Config, LoadError};
pub use instance::State;
pub use limits::Limits;
pub use server::Server;

