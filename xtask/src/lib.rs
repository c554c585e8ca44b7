//! The build system of Akinai, as a library: what `cargo xtask` does, and what tests need of it.
//!
//! The commands: [`setup`], [`build`], [`migrate`], [`admin`], [`up`], [`token`], [`deploy`], [`suite`],
//! [`conformance`], [`bench`]. Below them: [`compile`] hears what the compiler says, [`services`] starts private
//! servers, [`backing`] is the pair that `up` runs on, [`debian`] unpacks what a machine lacks, [`process`] sees to
//! it that no child outlives us, [`seed`] makes what signing in begins with.

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
