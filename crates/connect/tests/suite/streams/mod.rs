//! Streams of requests, alone or with a stream of answers, in every protocol: their messages, when these are read, and
//! their ends.

mod calls;
mod limits;

use akinai_connect::Body;
use akinai_connect_test_schema::testing::v1::GatherRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::stream::{self, Stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;

use crate::support::envelopes::envelopes;

const GATHER: &str = "/testing.v1.EchoService/Gather";
const TALK: &str = "/testing.v1.EchoService/Talk";

/// The media types with which a stream can be sent, and the header that names the compression.
const PROTOCOLS: [(&str, &str); 8] = [
    ("application/connect+json", "connect-content-encoding"),
    ("application/connect+proto", "connect-content-encoding"),
    ("application/grpc+json", "grpc-encoding"),
    ("application/grpc", "grpc-encoding"),
    ("application/grpc-web+json", "grpc-encoding"),
    ("application/grpc-web+proto", "grpc-encoding"),
    ("application/grpc-web-text+json", "grpc-encoding"),
    ("application/grpc-web-text", "grpc-encoding"),
];

const CONNECT: &str = "application/connect+json";
const GRPC: &str = "application/grpc+json";
type Piece = Result<Frame<Bytes>, &'static str>;

/// The content of an answer: its messages, and its end. The end of a Connect stream is JSON, that of a gRPC stream is trailers.
struct Said {
    messages: Vec<Vec<u8>>,
    end: String,
}

async fn said(media: &str, response: Response<Body>) -> Said {
    assert_eq!(response.status(), 200, "{media}: how it went is at the end");
    let body = response.into_body().collect().await.expect("a body");
    let trailers = body.trailers().map(|trailers| format!("{trailers:?}"));
    let mut bytes = body.to_bytes().to_vec();
    if media.contains("-text") {
        bytes = bytes
            .chunks(4)
            .flat_map(|four| STANDARD.decode(four).expect("base64"))
            .collect();
    }
    let (ends, messages): (Vec<_>, Vec<_>) = envelopes(&bytes)
        .into_iter()
        .partition(|(flags, _)| flags & 0x82 != 0);
    let end = ends
        .into_iter()
        .map(|(_, end)| String::from_utf8(end).expect("text"));
    Said {
        messages: messages.into_iter().map(|(_, message)| message).collect(),
        end: trailers.into_iter().chain(end).collect(),
    }
}

fn request<B>(path: &str, media: &str, body: B) -> Request<B> {
    let request = Request::post(path).header("content-type", media);
    request.body(body).expect("a request")
}

/// A body of these bytes, cut into pieces of this size.
fn pieces(bytes: Vec<u8>, length: usize) -> StreamBody<impl Stream<Item = Piece>> {
    let pieces: Vec<Piece> = bytes
        .chunks(length)
        .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    StreamBody::new(stream::iter(pieces))
}

/// A body that the test writes.
fn written() -> (mpsc::Sender<Piece>, StreamBody<mpsc::Receiver<Piece>>) {
    let (sender, receiver) = mpsc::channel(0);
    (sender, StreamBody::new(receiver))
}

fn data(bytes: Vec<u8>) -> Piece {
    Ok(Frame::data(bytes.into()))
}

/// A request message with a text, in the encoding of a media type. The messages of Gather and Talk have the same form.
fn text(media: &str, text: &str) -> Vec<u8> {
    match media.ends_with("json") {
        true => format!(r#"{{"text":"{text}"}}"#).into(),
        false => GatherRequest { text: text.into() }.encode_to_vec(),
    }
}
