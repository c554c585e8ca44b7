//! Calls of other components and of servers outside: time limits, retries and circuit breakers.

pub mod breaker;
mod component_transport;
mod remote_transport;
mod retry;

pub use self::{component_transport::ComponentTransport, remote_transport::RemoteTransport};
