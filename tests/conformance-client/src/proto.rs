//! The contract in Rust: what connect-build makes of `tests/proto`.

/// The package `connectrpc.conformance.v1`: the service, and what the suite asks of a client.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/connectrpc.conformance.v1.rs"));
}
