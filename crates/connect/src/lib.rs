//! RPC over HTTP by the [Connect protocol](https://connectrpc.com/docs/protocol), server and client.
//!
//! connect-build generates from a .proto file: messages, a trait with a method for each RPC, a server and a client. The
//! server side is a [`Router`]: it converts an `http::Request` to a call of the trait, and the result to an
//! `http::Response`. The client side is a [`Client`] over a [`Transport`]. Both speak Connect, gRPC and gRPC-Web: unary
//! calls and streams of every kind (over HTTP/2 in both directions at the same time), with JSON or binary messages, gzip,
//! errors with typed details, deadlines and metadata. A router recognizes the protocol by a request's media type. A client
//! speaks Connect, or the protocol that is chosen with [`Client::grpc`] or [`Client::grpc_web`]. A generated client also
//! implements the service's trait, so a router with a client is a proxy.
//!
//! `bench/README.md` compares the cost of a call with that of the Connect project's own Rust crate. `fuzz/README.md`
//! describes how the decoders are fuzzed.
//!
//! Invariants: this crate opens no connection, reads no clock except `Instant::now`, and depends on no runtime, nor on Spin,
//! WASI or a service. Futures need not be `Send`. No input causes a panic, and no error repeats a received value.

mod body;
mod call;
mod client;
mod code;
mod compression;
mod context;
mod deadline;
mod descriptor;
mod encoding;
mod envelope;
mod error;
mod exchange;
mod grpc;
mod interceptor;
pub mod json;
mod limits;
mod media;
mod messages;
mod metadata;
mod query;
mod reply;
mod requests;
mod router;
mod stream;
mod timeout;
mod unary;

pub use body::Body;
pub use call::{Call, CallFuture, Service};
pub use client::{Client, Deadline, InMemory, Response, Streaming, Transport, TransportError};
pub use code::Code;
pub use context::{CallOptions, Context};
pub use descriptor::{Access, Callers, Idempotency, MethodDescriptor, MethodKind, ServiceDescriptor};
pub use encoding::Encoding;
pub use error::{ConnectError, Detail};
pub use interceptor::Interceptor;
pub use limits::Limits;
pub use messages::MessageStream;
pub use reply::Reply;
pub use router::Router;

/// The messages of `google.protobuf`. The wrappers are the Rust types they wrap, and Empty is `()`.
pub use prost_types as wkt;
