//! RPC over HTTP by the [Connect protocol](https://connectrpc.com/docs/protocol), server and client.
//!
//! A .proto file becomes, through connect-build, messages, a trait with a method for each RPC, a server and a client.
//! The server side is a [`Router`]: it turns an `http::Request` into a call of the trait and what that returns into an
//! `http::Response`. The client side is a [`Client`] over a [`Transport`]. Both speak Connect, gRPC and gRPC-Web: unary
//! calls and streams of every kind, in both directions at the same time where HTTP can (HTTP/2), with JSON or binary
//! messages, gzip, errors with typed details, deadlines and metadata. A router tells the protocols apart by a request's
//! media type; a client speaks the one that it is told to ([`Client::grpc`], [`Client::grpc_web`]). A generated client
//! implements the service's trait too, so a client put into a router is a proxy.
//!
//! What a call costs, beside the Connect project's own Rust crate: `bench/README.md`. How the decoders are fuzzed:
//! `fuzz/README.md`.
//!
//! Invariants: nothing here opens a connection, reads a clock other than `Instant::now` or knows a runtime; nothing
//! knows Spin, WASI or any service; futures need not be `Send`; no input makes it panic, and no error repeats a
//! value that was sent.

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
