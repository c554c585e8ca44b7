//! A schema with every kind of field of proto3, and a service with it, for the tests of the connect crate.

/// The package `testing.v1`.
pub mod testing {
    /// The package `testing.v1`.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/testing.v1.rs"));
    }
}
