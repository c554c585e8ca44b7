//! The network contract in Rust: what connect-build makes of the .proto files in proto/. One module for each package;
//! the documentation of everything in it is the .proto files' own.

/// The declarations of the .proto files: a `google.protobuf.FileDescriptorSet` in binary form, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// Messages of more than one service.
pub mod common {
    /// The package `common.v1`.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/common.v1.rs"));
    }
}

/// Names that Google gave.
pub mod google {
    /// The package `google.rpc`: standard error details.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

/// Carts and orders.
pub mod order {
    /// The package `order.v1`.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/order.v1.rs"));
    }
}

/// The catalogue and its stock.
pub mod product {
    /// The package `product.v1`.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/product.v1.rs"));
    }
}

/// Accounts.
pub mod user {
    /// The package `user.v1`.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/user.v1.rs"));
    }
}
