//! The contract in Rust: the code that connect-build makes from `tests/proto`.

/// The package `connectrpc.conformance.v1`: the service, and the suite's orders for a client.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/connectrpc.conformance.v1.rs"));
}
