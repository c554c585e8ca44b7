//! The Connect project's own Rust client (the crate `connectrpc`): what its generator makes of `proto/` and of
//! `tests/proto`, and what both suites in `tests/` need for their calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use buffa::Message;
use connectrpc::client::{ClientConfig, HttpClient};
use connectrpc::{CodecFormat, CompressionPolicy, ConnectError, ErrorCode, Protocol};

// The package has the name of the crate, which must stay what it is here.
pub use generated::connectrpc::conformance;
pub use generated::{akinai, google, product, user};

#[allow(clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

/// What a suite is run with: each protocol with each encoding.
pub const MATRIX: [(Protocol, CodecFormat); 6] = [
    (Protocol::Connect, CodecFormat::Proto),
    (Protocol::Connect, CodecFormat::Json),
    (Protocol::GrpcWeb, CodecFormat::Proto),
    (Protocol::GrpcWeb, CodecFormat::Json),
    (Protocol::Grpc, CodecFormat::Proto),
    (Protocol::Grpc, CodecFormat::Json),
];

/// What calls to the address in `AKINAI_URL` are made over. Every request is compressed.
///
/// # Panics
///
/// When the environment does not say where to call.
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

/// The header for a deadline of so many milliseconds, and how it says them.
pub fn timeout(protocol: Protocol, milliseconds: u32) -> (&'static str, String) {
    match protocol {
        Protocol::Grpc | Protocol::GrpcWeb => ("grpc-timeout", format!("{milliseconds}m")),
        _ => ("connect-timeout-ms", milliseconds.to_string()),
    }
}

/// The header that says how the message of a unary call is compressed.
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
/// When it ends with another, or with none.
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
/// When there is none, or it is of another type than `name`.
pub fn detail<M: Message>(error: &ConnectError, name: &str) -> M {
    let detail = error.details.first().expect("the detail must come");
    assert!(detail.type_url.ends_with(name), "it must be a {name}: {detail:?}");
    let bytes = STANDARD_NO_PAD.decode(detail.value.as_deref().unwrap_or_default());
    let bytes = bytes.expect("the client gives details in base64");
    M::decode_from_slice(&bytes).unwrap_or_else(|error| panic!("the detail must be a {name}, but: {error}"))
}
