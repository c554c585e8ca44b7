//! The bff's protocols in bytes: Connect by POST and GET, and gRPC-Web. The module `clients` has the tests with
//! clients, and `garbage` the tests of invalid requests.

mod compression;
mod forms;
mod time;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use harness::{Answer, Client};
use http::{HeaderName, HeaderValue, Request};
use serde_json::Value;

const LIST: &str = "/product.v1.ProductService/ListProducts";
const GET: &str = "/product.v1.ProductService/GetProduct";
const CREATE: &str = "/user.v1.UserService/CreateUser";

/// The flag of an envelope with a compressed message.
const PACKED: u8 = 1;

/// The flag of gRPC-Web's last envelope, which contains the trailers.
const END: u8 = 0x80;

/// A call by gRPC-Web with JSON.
fn grpc_web(client: &Client, path: &str, body: &[u8]) -> Request<Bytes> {
    let mut request = client.post(path, body.to_vec());
    set(&mut request, "content-type", "application/grpc-web+json");
    request
}

fn set(request: &mut Request<Bytes>, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("a header's value");
    request.headers_mut().insert(HeaderName::from_static(name), value);
}

fn envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message that an envelope can hold");
    [[flags].as_slice(), &length.to_be_bytes(), message].concat()
}

/// The flags and contents of all envelopes.
fn envelopes(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut envelopes = Vec::new();
    while let Some((&[flags, a, b, c, d], rest)) = body.split_first_chunk() {
        let (content, rest) = rest
            .split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize)
            .expect("an envelope must be there as a whole");
        envelopes.push((flags, content.to_vec()));
        body = rest;
    }
    assert!(
        body.is_empty(),
        "nothing must follow the last envelope, but {body:?} did"
    );
    envelopes
}

/// The text of the last envelope.
fn trailers(body: &[u8]) -> String {
    let (flags, text) = envelopes(body).pop().expect("an answer ends with trailers");
    assert_eq!(flags & END, END, "the last envelope must be the trailers");
    String::from_utf8(text).expect("trailers are text")
}

fn trailer<'a>(trailers: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    trailers.lines().find_map(value).unwrap_or_default()
}

/// The code with which a call ended, or "ok".
fn code(answer: &Answer) -> String {
    let media_type = answer.header("content-type").unwrap_or_default();
    if !media_type.starts_with("application/grpc-web") {
        return match answer.status.as_u16() {
            200 => "ok".to_owned(),
            _ => answer.failure().code,
        };
    }
    let trailers = trailers(&answer.body);
    let code = match trailer(&trailers, "grpc-status") {
        "0" => "ok",
        "3" => "invalid_argument",
        "8" => "resource_exhausted",
        "12" => "unimplemented",
        other => panic!("no test here expects the status {other:?}: {trailers}"),
    };
    code.to_owned()
}

/// The message of a call that succeeded.
fn message(answer: &Answer) -> Value {
    let media_type = answer.header("content-type").unwrap_or_default();
    if media_type.starts_with("application/grpc-web") {
        let (_, message) = &envelopes(&answer.body)[0];
        return serde_json::from_slice(message).expect("the message is JSON");
    }
    answer.message()
}

/// Whether a header that is a list has this entry.
fn lists(answer: &Answer, header: &str, entry: &str) -> bool {
    let values = answer.headers.get_all(header).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(entry))
}

fn unbase64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}
