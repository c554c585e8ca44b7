//! Calls of a component to external servers, made by the client under test of the conformance suite (conformance-client/).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use bytes::Bytes;
use host::{App, Config, Server};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use xtask::process::Scratch;
use xtask::workspace::Workspace;

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// `connectrpc.conformance.v1.Protocol.PROTOCOL_GRPC`.
const GRPC: i32 = 2;
/// `connectrpc.conformance.v1.Codec.CODEC_PROTO`.
const PROTO: i32 = 1;
/// `connectrpc.conformance.v1.StreamType.STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM`.
const FULL_DUPLEX: i32 = 5;

/// The needed part of `ClientCompatRequest` in tests/proto. The same holds for the other messages here.
#[derive(Clone, PartialEq, Message)]
struct Order {
    #[prost(int32, tag = "3")]
    protocol: i32,
    #[prost(int32, tag = "4")]
    codec: i32,
    #[prost(string, tag = "6")]
    host: String,
    #[prost(uint32, tag = "7")]
    port: u32,
    #[prost(string, tag = "12")]
    method: String,
    #[prost(int32, tag = "13")]
    stream_type: i32,
    #[prost(message, repeated, tag = "16")]
    messages: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct BidiStreamRequest {
    #[prost(message, optional, tag = "1")]
    definition: Option<Definition>,
    #[prost(bool, tag = "2")]
    full_duplex: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Definition {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<Header>,
    #[prost(bytes, repeated, tag = "2")]
    data: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    trailers: Vec<Header>,
}

#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    value: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Report {
    #[prost(message, optional, tag = "2")]
    outcome: Option<Outcome>,
}

#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<Header>,
    #[prost(message, repeated, tag = "2")]
    payloads: Vec<Payload>,
    #[prost(message, optional, tag = "3")]
    error: Option<Error>,
    #[prost(message, repeated, tag = "4")]
    trailers: Vec<Header>,
}

#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(bytes, tag = "1")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Error {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Serves an application of one component.
async fn serve(folder: &str, h2c: Option<SocketAddr>) -> Server {
    let manifest = Workspace::here()
        .root()
        .join("tests")
        .join(folder)
        .join("spin.toml");
    serve_manifest(manifest, h2c).await
}

async fn serve_manifest(manifest: PathBuf, h2c: Option<SocketAddr>) -> Server {
    let mut config = Config::new(manifest);
    config.cache_dir = Some(Workspace::here().root().join("target/compiled-components"));
    config.h2c = h2c.iter().map(SocketAddr::to_string).collect::<BTreeSet<_>>();
    let app = App::load(config).await.expect("an application that loads");
    app.serve(ANY_PORT).await.expect("a free port to listen on")
}

/// Makes the client call the server.
async fn carry_out(client: &Server, server: (&str, u16), requests: &[BidiStreamRequest]) -> Outcome {
    let any = |request: &BidiStreamRequest| Any {
        type_url: "type.googleapis.com/connectrpc.conformance.v1.BidiStreamRequest".into(),
        value: request.encode_to_vec(),
    };
    let order = Order {
        protocol: GRPC,
        codec: PROTO,
        host: server.0.to_owned(),
        port: server.1.into(),
        method: "BidiStream".into(),
        stream_type: FULL_DUPLEX,
        messages: requests.iter().map(any).collect(),
    };
    let request = Request::post(format!("http://{}/", client.local_addr()));
    let request = request
        .body(Full::new(Bytes::from(order.encode_to_vec())))
        .expect("a request");
    let http = Client::builder(TokioExecutor::new()).build_http();
    let response = http
        .request(request)
        .await
        .expect("an answer of the client under test");
    assert_eq!(response.status(), 200, "the order can be carried out");
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a whole answer")
        .to_bytes();
    Report::decode(body)
        .expect("a report")
        .outcome
        .expect("the call was made")
}

fn header(name: &str, value: &str) -> Header {
    Header {
        name: name.into(),
        value: vec![value.into()],
    }
}

/// Makes the client and the server send messages alternately, and checks what each receives.
async fn must_talk(client: &Server, server: (&str, u16)) {
    let first = BidiStreamRequest {
        definition: Some(Definition {
            headers: vec![header("x-first", "1")],
            data: vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()],
            trailers: vec![header("x-last", "2")],
        }),
        full_duplex: true,
    };
    // The client waits for each answer before it sends the next request.
    let outcome = carry_out(client, server, &[first, BidiStreamRequest::default()]).await;
    assert_eq!(outcome.error, None, "the call succeeds");
    let data: Vec<_> = outcome.payloads.iter().map(|payload| &payload.data[..]).collect();
    assert_eq!(data, [b"a", b"b", b"c"]);
    assert!(
        outcome.headers.contains(&header("x-first", "1")),
        "{:?}",
        outcome.headers
    );
    assert_eq!(outcome.trailers, [header("x-last", "2")], "trailers pass through");
}

#[tokio::test]
async fn grpc_streams_both_ways_between_components_on_two_hosts() {
    let server = serve("conformance", None).await;
    let address = server.local_addr();
    let client = serve("conformance-client", Some(address)).await;
    must_talk(&client, (&address.ip().to_string(), address.port())).await;
}

#[tokio::test]
async fn grpc_streams_both_ways_between_components_of_one_application() {
    let component = |name: &str, file: &str, grants: &str| {
        let path = Workspace::here()
            .root()
            .join("target/wasm/wasm32-wasip2/component")
            .join(file);
        format!("[component.{name}]\nsource = {path:?}\nallowed_outbound_hosts = [{grants}]\n")
    };
    let manifest = [
        "spin_manifest_version = 2\n[application]\nname = \"both\"\n".to_owned(),
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"client\"\n".to_owned(),
        "[[trigger.http]]\nroute = { private = true }\ncomponent = \"server\"\n".to_owned(),
        component(
            "client",
            "conformance_client.wasm",
            "\"http://server.spin.internal\"",
        ),
        component("server", "conformance.wasm", ""),
        "[variables]\nmessage_bytes = { default = \"0\" }\n".to_owned(),
        "[component.server.variables]\nmessage_bytes = \"{{ message_bytes }}\"\n".to_owned(),
    ];
    let folder = Scratch::new("outgoing").expect("a folder");
    let file = folder.path().join("spin.toml");
    std::fs::write(&file, manifest.concat()).expect("a manifest");
    let application = serve_manifest(file, None).await;
    must_talk(&application, ("server.spin.internal", 80)).await;
}

/// The first bytes that a server gets from a call. The server sends no answer.
async fn first_bytes(is_named: bool) -> [u8; 4] {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client = serve("conformance-client", is_named.then_some(address)).await;
    let accepted = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut first = [0; 4];
        connection.read_exact(&mut first).await.expect("a beginning");
        first
    };
    let requests = [BidiStreamRequest::default()];
    let server = (&*address.ip().to_string(), address.port());
    let (first, outcome) = tokio::join!(accepted, carry_out(&client, server, &requests));
    assert_eq!(
        outcome.error.map(|error| error.code),
        Some(14),
        "a server that closes the connection is unavailable"
    );
    first
}

#[tokio::test]
async fn only_servers_that_are_named_are_called_by_http2() {
    assert_eq!(
        &first_bytes(true).await,
        b"PRI ",
        "HTTP/2's preface (RFC 9113, 3.4)"
    );
    assert_eq!(&first_bytes(false).await, b"POST", "HTTP/1.1");
}
