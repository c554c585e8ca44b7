//! The Connect project's own Rust client (the crate `connectrpc`): the code that its generator makes from `proto/` and
//! `tests/proto`, and helpers for the calls of both suites in `tests/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use buffa::Message;
use connectrpc::client::{ClientConfig, HttpClient};
use connectrpc::{CodecFormat, CompressionPolicy, ConnectError, ErrorCode, Protocol};

// The protobuf package has the name of the crate, so the crate must keep its name.
pub use generated::connectrpc::conformance;
pub use generated::{akinai, google, product, user};

#[allow(clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

/// The variants with which a suite runs: each protocol with each encoding.
pub const MATRIX: [(Protocol, CodecFormat); 6] = [
    (Protocol::Connect, CodecFormat::Proto),
    (Protocol::Connect, CodecFormat::Json),
    (Protocol::GrpcWeb, CodecFormat::Proto),
    (Protocol::GrpcWeb, CodecFormat::Json),
    (Protocol::Grpc, CodecFormat::Proto),
    (Protocol::Grpc, CodecFormat::Json),
];

/// The transport for calls to the address in `AKINAI_URL`. Every request is compressed.
///
/// # Panics
///
/// When the variable is not set.
pub fn transport(protocol: Protocol, format: CodecFormat) -> (HttpClient, ClientConfig) {
    let address = std::env::var("AKINAI_URL")
        .expect("AKINAI_URL is not set: run these tests with `cargo xtask test -- clients`");
    let address = address.parse().expect("AKINAI_URL is a URL");
    let transport = match protocol {
        Protocol::Grpc => HttpClient::plaintext_http2_only(),
        _ => HttpClient::plaintext(),
    };
    let config = ClientConfig::new(address)
        .with_protocol(protocol)
        .with_codec_format(format)
        .compress_requests("gzip")
        .with_compression_policy(CompressionPolicy::default().with_min_size(0));
    (transport, config)
}

/// The media type of a unary call, which proves the protocol.
pub fn media_type(protocol: Protocol, format: CodecFormat) -> String {
    let prefix = match protocol {
        Protocol::Grpc => "grpc+",
        Protocol::GrpcWeb => "grpc-web+",
        _ => "",
    };
    let encoding = match format {
        CodecFormat::Json => "json",
        _ => "proto",
    };
    format!("application/{prefix}{encoding}")
}

/// The header for a deadline of this number of milliseconds, and its value.
pub fn timeout(protocol: Protocol, milliseconds: u32) -> (&'static str, String) {
    match protocol {
        Protocol::Grpc | Protocol::GrpcWeb => ("grpc-timeout", format!("{milliseconds}m")),
        _ => ("connect-timeout-ms", milliseconds.to_string()),
    }
}

/// The header that names the compression of a unary message.
pub fn encoding_header(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc | Protocol::GrpcWeb => "grpc-encoding",
        _ => "content-encoding",
    }
}

/// The error that a call ends with.
///
/// # Panics
///
/// When the call ends with another error, or without one.
pub fn must_fail<T>(result: Result<T, ConnectError>, code: ErrorCode) -> ConnectError {
    let Err(error) = result else {
        panic!("the call must fail with {}, but it succeeded", code.as_str());
    };
    assert_eq!(
        error.code,
        code,
        "the call must fail with {}: {error:?}",
        code.as_str()
    );
    error
}

/// The first detail of an error.
///
/// # Panics
///
/// When there is no detail, or its type is not `name`.
pub fn detail<M: Message>(error: &ConnectError, name: &str) -> M {
    let detail = error.details.first().expect("the detail must come");
    assert!(detail.type_url.ends_with(name), "it must be a {name}: {detail:?}");
    let bytes = STANDARD_NO_PAD.decode(detail.value.as_deref().unwrap_or_default());
    let bytes = bytes.expect("the client gives details in base64");
    M::decode_from_slice(&bytes).unwrap_or_else(|error| panic!("the detail must be a {name}, but: {error}"))
}
