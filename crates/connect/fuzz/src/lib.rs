//! The targets of `cargo fuzz`; see README.md.

pub mod decoders;
