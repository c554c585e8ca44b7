//! One service, generated once by connect-build and once by the Connect project's own generator, for the benchmark.

/// The package `bench.v1`, for `akinai-connect`.
pub mod ours {
    /// The package `bench`.
    pub mod bench {
        /// The package `bench.v1`.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/bench.v1.rs"));
        }
    }
}

/// The same for `connectrpc`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod theirs {
    connectrpc::include_generated!();
}
