//! The services that tools expect of a gRPC server beside its own: health checks and server reflection, for the routers of the
//! connect crate.
//!
//! [`health`] is the contract of health checks, which a server implements. [`Reflection`] is a complete service: it shows
//! the services that it is configured with, from the descriptor sets that connect-build writes.
//!
//! ```
//! use connect::Router;
//! use connect_grpc::contract::ServerReflectionServer;
//! use connect_grpc::{Reflection, Shown};
//!
//! // Beside these the server's own: a `Shown` with the descriptor set that connect-build left in `OUT_DIR`.
//! static SHOWN: [Shown; 2] = [Shown::HEALTH, Shown::REFLECTION];
//! let router = Router::new().service(ServerReflectionServer::new(Reflection::of(&SHOWN)));
//! ```

mod index;
mod reflection;
mod shown;

pub use reflection::Reflection;
pub use shown::Shown;

/// The declarations in the contracts of this crate: a `google.protobuf.FileDescriptorSet` in binary form.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The contract `grpc.health.v1`.
// The contract has a service Health in a package of that name, and the generator names its module after the service.
#[allow(clippy::module_inception)]
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}

/// The contract `grpc.reflection.v1`.
pub mod contract {
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1.rs"));
}
