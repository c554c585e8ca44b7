//! The harness: starts real platforms for tests and talks to them as clients do.
//!
//! It has no fakes. A [`Platform`] is the application of `spin.toml` on the host of this repository, with its own Postgres
//! database and the Redis that `cargo xtask test` has started. Tests run in parallel and share only those two servers.
//!
//! Futures that are slow to compile are boxed here, so that they are compiled once, and not again in each test binary.
//!
//! The harness panics if it cannot continue: a test has no caller that handles an error, and each message says what to do.

mod between;
mod client;
mod database;
mod environment;
mod failure;
mod hydra;
mod issuer;
mod log;
mod manifest;
mod own;
mod platform;
mod raw;

pub use between::{Between, Dice, Fate, Gate, Mischief, Moment, Point};
pub use client::{Answer, Client};
pub use database::{Database, Product};
pub use environment::{Environment, environment};
pub use failure::{Failure, Violation};
pub use hydra::Hydra;
pub use issuer::{Issuer, now};
pub use log::logged;
pub use manifest::RealManifest;
pub use own::OwnPostgres;
pub use platform::{
    Platform, Setup, allow_many_clients, issuer_sealing_key, order_service_key, refresh_hook_key, service_key,
};
pub use raw::{RawAnswer, raw, raw_cut_off};
