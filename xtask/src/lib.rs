//! The build system of Akinai, as a library: what `cargo xtask` does, and what tests need of it.
//!
//! Tests start servers with [`services`] and make databases with [`migrate`].

pub mod debian;
pub mod migrate;
pub mod process;
pub mod secret;
pub mod services;
pub mod ui;
pub mod workspace;
