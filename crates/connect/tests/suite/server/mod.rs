//! The answers of the router to valid and invalid HTTP requests.

mod calls;
mod refusals;

use akinai_connect::{Limits, Router};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};

const ECHO: &str = "/testing.v1.EchoService/Echo";
const LOOK: &str = "/testing.v1.EchoService/Look";
const FAIL: &str = "/testing.v1.EchoService/Fail";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

async fn answer_of(router: &Router, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = router.handle(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let length = &head.headers["content-length"];
    assert_eq!(length, &body.len().to_string(), "each answer says how long it is");
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8(body.into()).expect("the answer is text"),
    }
}

/// A request written as in a specification: method, path, headers separated by `|`, body.
fn request(method: &str, path: &str, headers: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers.split('|').filter_map(|header| header.split_once(": ")) {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(body.into())).expect("a request")
}

fn up_to(request_bytes: usize) -> Limits {
    Limits {
        request_bytes,
        ..Limits::default()
    }
}

const JSON: &str = "content-type: application/json";
