//! Any message arrives unchanged in every protocol, encoding and compression.

use std::rc::Rc;

use akinai_connect::json::{self, Types};
use akinai_connect::{Client, Encoding, InMemory, Router};
use akinai_connect_test_schema::testing::v1::{
    CountRequest, EchoRequest, EchoResponse, EchoServiceClient, Everything, TYPES,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use prost::Message as _;

use crate::messages::everything;
use crate::support;
use crate::support::envelopes::{envelope, envelopes};
use crate::support::gzip::{gunzip, gzip};

const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::Proto];
const COMPRESSED: u8 = 1;
const GRPC_WEB_END: u8 = 0x80;

fn router() -> Router {
    support::router().types(TYPES)
}

fn clients() -> impl Iterator<Item = EchoServiceClient<InMemory>> {
    ENCODINGS.into_iter().flat_map(|encoding| {
        let transport = || InMemory::new(Rc::new(router()));
        let plain = Client::new(transport()).types(TYPES).encoding(encoding);
        let packing = Client::new(transport()).types(TYPES).encoding(encoding).gzip();
        [plain, packing].map(EchoServiceClient::with)
    })
}

/// The output of a future that does not wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

/// The binary form of the answer to a message, for a call written by hand.
fn echoed(protocol: &str, everything: &Everything, packs: bool) -> Result<Vec<u8>, String> {
    let types = Types::default().with(TYPES);
    let request = EchoRequest {
        everything: Some(everything.clone()),
    };
    let is_json = protocol.ends_with("json");
    let message = match is_json {
        true => json::to_vec(&request, &types).map_err(|error| error.to_string())?,
        false => request.encode_to_vec(),
    };
    let answer = exchange(protocol, enveloped(message, packs), packs);
    let response: EchoResponse = match is_json {
        true => json::from_slice(&answer, &types).map_err(|error| error.to_string())?,
        false => EchoResponse::decode(&*answer).map_err(|error| error.to_string())?,
    };
    Ok(response.everything.unwrap_or_default().encode_to_vec())
}

/// The message of the answer in `body`, after checks of gRPC's success status.
fn exchange(protocol: &str, body: Vec<u8>, packs: bool) -> Vec<u8> {
    let is_text = protocol.contains("text");
    let body = if is_text {
        STANDARD.encode(body).into_bytes()
    } else {
        body
    };
    let mut request = Request::post("/testing.v1.EchoService/Echo").header("content-type", protocol);
    if packs {
        request = request
            .header("grpc-encoding", "gzip")
            .header("grpc-accept-encoding", "gzip");
    }
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    let response = now(router().handle(request));
    assert_eq!(
        response.headers()["content-type"],
        protocol,
        "the answer is like the question"
    );
    let body = now(response.into_body().collect()).expect("a body");
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    let body = if is_text { in_fours(&body) } else { body.to_vec() };
    let mut envelopes = unpacked_envelopes(&body);
    if !check_status(protocol, trailers.as_ref()) {
        let end = envelopes.pop().expect("an end");
        assert_eq!(
            end,
            (GRPC_WEB_END, b"grpc-status: 0\r\n".to_vec()),
            "the call succeeds"
        );
    }
    let [(_, message)] = &envelopes[..] else {
        panic!("one message should answer, not {}", envelopes.len());
    };
    message.clone()
}

/// Checks the status if it is in HTTP's trailers, and returns whether it is there.
fn check_status(protocol: &str, trailers: Option<&HeaderMap>) -> bool {
    let is_grpc = !protocol.contains("web");
    if is_grpc {
        let trailers = trailers.expect("gRPC has HTTP trailers");
        assert_eq!(trailers["grpc-status"], "0", "the call succeeds");
    }
    is_grpc
}

/// A message in an envelope, compressed or not.
fn enveloped(message: Vec<u8>, packs: bool) -> Vec<u8> {
    match packs {
        true => envelope(COMPRESSED, gzip(&message)),
        false => envelope(0, message),
    }
}

/// The envelopes of a body, decompressed.
fn unpacked_envelopes(body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let unpacked = |(flags, payload): (u8, Vec<u8>)| match flags & COMPRESSED {
        0 => (flags, payload),
        _ => (flags, gunzip(&payload)),
    };
    envelopes(body).into_iter().map(unpacked).collect()
}

/// Base64 with padding in any place.
fn in_fours(text: &[u8]) -> Vec<u8> {
    let decode = |four| STANDARD.decode(four).expect("base64 in groups of four");
    text.chunks(4).flat_map(decode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_message_is_unchanged_by_a_connect_call(message in everything()) {
        for client in clients() {
            let request = EchoRequest { everything: Some(message.clone()) };
            let answered = now(client.echo(Default::default(), request));
            let answer = answered.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let arrived = answer.message.everything.unwrap_or_default();
            prop_assert_eq!(arrived.encode_to_vec(), message.encode_to_vec(), "by {:?}", client);
        }
    }

    #[test]
    fn any_text_is_unchanged_by_a_connect_stream(padding in ".{0,2000}", to in 0..4_u32) {
        for client in clients() {
            let request = CountRequest { to, padding: padding.clone(), ..Default::default() };
            let stream = now(client.count(Default::default(), request));
            let stream = stream.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let answers: Vec<_> = now(stream.collect());
            prop_assert_eq!(answers.len(), to as usize, "the number of answers by {:?}", client);
            for (answer, number) in answers.into_iter().zip(1..) {
                let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!((answer.number, &answer.padding), (number, &padding), "by {:?}", client);
            }
        }
    }

    #[test]
    fn any_message_is_unchanged_by_grpc_and_grpc_web(message in everything(), packs: bool) {
        let expected = Ok(message.encode_to_vec());
        for name in ["grpc", "grpc-web", "grpc-web-text"] {
            for encoding in ["json", "proto"] {
                let protocol = format!("application/{name}+{encoding}");
                prop_assert_eq!(&echoed(&protocol, &message, packs), &expected, "by {}", protocol);
            }
        }
    }
}
