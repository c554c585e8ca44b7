//! What tools expect of a gRPC server beside its own services: health checks and server reflection, for the routers of the
//! connect crate.
//!
//! [`health`] is the contract, to be implemented by who knows how the server is. [`Reflection`] is the service
//! itself: it shows the services that it is told of, from descriptor sets that connect-build writes.

mod index;
mod reflection;

pub use reflection::{Reflection, Shown};

/// What the contracts of this crate declare: a `google.protobuf.FileDescriptorSet` in binary form.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The contract `grpc.health.v1`.
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}

/// The contract `grpc.reflection.v1`.
pub mod contract {
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1.rs"));
}
