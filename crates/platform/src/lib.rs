//! Spin as the services see it: Postgres, Redis, variables, a clock, HTTP and WIT.
//!
//! This is the only crate, besides the components' doors, that names the Spin SDK. What it adds to the SDK is what every
//! service needs and none should write again: a deadline on every call that leaves the component (the host sets none on
//! chained calls, Postgres or Redis), one connection kept per instance, and errors that say what to do about them.

pub mod breaker;
pub mod caller;
pub mod challenge;
pub mod client_address;
pub mod clock;
pub mod http;
pub mod log;
pub mod postgres;
pub mod ready;
pub mod redis;
pub mod request_id;
pub mod rpc;
pub mod variables;
pub mod wit;
