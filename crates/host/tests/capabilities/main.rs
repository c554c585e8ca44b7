//! What components can do with the outside world under this host: databases, Redis, variables, other hosts; and what
//! they cannot. A component made for it (`tests/probe`) does what the tests ask, against real servers.
//!
//! Rows of the tables name the place in Spin's source that says what must come out.

mod harness;
mod network;
mod postgres;
mod redis;
mod variables;
