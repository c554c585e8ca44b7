//! What `cargo fuzz` runs; see README.md.

pub mod decoders;
