//! The other protocols beside Connect's unary calls: streams, gRPC-Web and gRPC; and the common parts, compression and
//! deadlines. Bodies are written byte by byte, as in the specifications.

mod client;
mod compression;
mod forms;
mod limits;

use akinai_connect::Router;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};

use crate::support;
use crate::support::envelopes::envelopes;

const LOOK: &str = "/testing.v1.EchoService/Look";
const FAIL: &str = "/testing.v1.EchoService/Fail";
const COUNT: &str = "/testing.v1.EchoService/Count";
const WAIT: &str = "/testing.v1.EchoService/Wait";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

async fn post(path: &str, headers: &str, body: impl Into<Bytes>) -> Answer {
    answer_of(&support::router(), "POST", path, headers, body).await
}

async fn answer_of(
    router: &Router,
    method: &str,
    path: &str,
    headers: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers.split('|').filter_map(|header| header.split_once(": ")) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body.into())).expect("a request");
    let (head, body) = router.handle(request).await.into_parts();
    let body = body.collect().await.expect("a body");
    let trailers = body.trailers().cloned();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.to_bytes().into(),
        trailers,
    }
}

fn texts(body: &[u8]) -> Vec<(u8, String)> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    envelopes(body)
        .into_iter()
        .map(|(flags, message)| (flags, text(message)))
        .collect()
}

const STREAM: &str = "content-type: application/connect+json";
const WEB: &str = "content-type: application/grpc-web+json";
