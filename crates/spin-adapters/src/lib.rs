//! The capabilities that Spin gives a component: HTTP, Postgres, Redis, variables, a clock and the log.
//!
//! This is the only crate that calls the Spin SDK for our services. It adds three things: a time limit to every call
//! that leaves the component (the host sets none on chained calls, Postgres or Redis), one connection to Redis per
//! instance, and errors that show whether a later attempt may succeed.

pub mod clock;
pub mod http;
pub mod log;
pub mod postgres;
pub mod ready;
pub mod redis;
pub mod variables;
