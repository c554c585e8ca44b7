//! The capabilities of components in this host, and their limits: databases, Redis, variables, other hosts. A component
//! for these tests (`tests/probe`) does what the tests request, with real servers.
//!
//! Rows of the tables name the place in Spin's source that defines the expected result.

mod harness;
mod network;
mod postgres;
mod redis;
mod variables;
