//! The contract in Rust: the code that connect-build makes from `tests/proto`.

/// The package `connectrpc.conformance.v1`: the service.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/connectrpc.conformance.v1.rs"));
}

/// The package `akinai.testing.v1`: a detail for errors.
pub mod testing {
    include!(concat!(env!("OUT_DIR"), "/akinai.testing.v1.rs"));
}
