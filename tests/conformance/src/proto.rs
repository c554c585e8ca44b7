//! The contract in Rust: what connect-build makes of `tests/proto`.

/// The package `akinai.conformance.v1`.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/akinai.conformance.v1.rs"));
}
