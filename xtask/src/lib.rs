//! The build system of Akinai as a library: the commands of `cargo xtask`, and the parts that tests use.
//!
//! The commands: [`setup`], [`build`], [`migrate`], [`admin`], [`up`], [`token`], [`deploy`], [`suite`],
//! [`conformance`], [`bench`]. The modules that they use: [`compile`] reads the compiler's messages, [`services`] starts
//! private servers, [`backing`] is the Postgres and the Redis of `up`, [`debian`] unpacks programs that a machine lacks,
//! [`process`] ends child processes with this process, [`seed`] adds the data for signing in.

pub mod admin;
pub mod backing;
pub mod bench;
pub mod browser;
pub mod build;
pub mod compile;
pub mod configuration;
pub mod conformance;
pub mod debian;
pub mod deploy;
pub mod go;
pub mod http;
pub mod hydra;
pub mod manifest;
pub mod migrate;
pub mod openapi;
pub mod origin;
pub mod process;
pub mod reconcile;
pub mod secret;
pub mod seed;
pub mod services;
pub mod setup;
pub mod spin;
pub mod suite;
pub mod token;
pub mod tutorial;
pub mod ui;
pub mod up;
pub mod workspace;
