//! What goes out: requests to others, and the bodies of requests and responses.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields, RequestOptions, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamWriter};
use spin_sdk::wasip3::{wit_future, wit_stream};

use super::incoming::{self, Incoming};

/// Where a body is written to. Dropped before its end, it tells the host that the body broke off.
pub(super) struct Outgoing {
    contents: Option<StreamWriter<u8>>,
    end: FutureWriter<Result<Option<Trailers>, ErrorCode>>,
}

/// The host's side of an [`Outgoing`], for the constructor of a message.
pub(super) struct Readers {
    /// None for a body that is empty.
    pub(super) contents: Option<StreamReader<u8>>,
    pub(super) end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl Outgoing {
    pub(super) fn new(is_empty: bool) -> (Self, Readers) {
        let (writer, reader) = match is_empty {
            true => (None, None),
            false => {
                let (writer, reader) = wit_stream::new();
                (Some(writer), Some(reader))
            }
        };
        let (end, ended) = wit_future::new(|| Err(broken_off()));
        let outgoing = Self {
            contents: writer,
            end,
        };
        (
            outgoing,
            Readers {
                contents: reader,
                end: ended,
            },
        )
    }

    /// Writes the body and its end. The host takes it as fast as it can pass it on.
    pub(super) async fn write<B>(self, body: B)
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let Self { contents, end } = self;
        let trailers = match contents {
            Some(contents) => write_all(contents, body).await,
            None => Ok(None),
        };
        // The host may have lost interest, which is nobody's fault.
        let _ = end.write(trailers).await;
    }
}

/// Writes a body, and gives its trailers back.
async fn write_all<B>(mut contents: StreamWriter<u8>, body: B) -> Result<Option<Trailers>, ErrorCode>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| ErrorCode::InternalError(Some(cause.to_string())))?;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return frame.trailers_ref().map(fields).transpose(),
        };
        let unwanted = contents.write_all(data.into()).await;
        if !unwanted.is_empty() {
            break;
        }
    }
    Ok(None)
}

fn broken_off() -> ErrorCode {
    ErrorCode::InternalError(Some("the body broke off".into()))
}

/// Sends a request and waits for the head of its response. What is left of the request's body then goes on while the
/// response's is read. Trailers are read where the request says that they are wanted (RFC 9110, 10.1.4).
pub(super) async fn send(
    request: Request<connect::Body>,
    connect: Option<Duration>,
) -> Result<Response<Incoming>, ErrorCode> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    if let Some(length @ 1..) = body.size_hint().exact() {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let trailers = head.headers.get(header::TE).is_some_and(|te| te == "trailers");
    let (outgoing, readers) = Outgoing::new(body.is_end_stream());
    let (request, _sent) = types::Request::new(
        fields(&head.headers)?,
        readers.contents,
        readers.end,
        connect.map(options),
    );
    address(&request, &head).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;

    let mut sending = pin!(client::send(request));
    let mut writing = Some(outgoing.write(body).boxed_local());
    // In this order: once the host is sending it takes the body at once, and no wait is needed for that.
    let response = poll_fn(|context| {
        let response = sending.as_mut().poll(context);
        if writing
            .as_mut()
            .is_some_and(|writing| writing.as_mut().poll(context).is_ready())
        {
            writing = None;
        }
        response
    });
    let response = received(response.await?, trailers)?;
    Ok(response.map(|body| body.while_sending(writing)))
}

/// What a host may make of it: those that do not know how to time connecting leave it out.
fn options(connect: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = u64::try_from(connect.as_nanos()).unwrap_or(u64::MAX);
    let _ = options.set_connect_timeout(Some(nanos));
    options
}

fn address(request: &types::Request, head: &http::request::Parts) -> Result<(), ()> {
    if head.method != Method::GET {
        request.set_method(&(&head.method).into())?;
    }
    request.set_scheme(head.uri.scheme().map(Into::into).as_ref())?;
    request.set_authority(head.uri.authority().map(|authority| authority.as_str()))?;
    request.set_path_with_query(head.uri.path_and_query().map(|path| path.as_str()))
}

fn received(response: types::Response, trailers: bool) -> Result<Response<Incoming>, ErrorCode> {
    let status = StatusCode::from_u16(response.get_status_code());
    let status = status.map_err(|_| ErrorCode::HttpProtocolError)?;
    let headers = incoming::headers(&response.get_headers());
    let body = Incoming::new(&headers, trailers, |told| {
        types::Response::consume_body(response, told)
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Headers as the host takes them.
pub(super) fn fields(headers: &HeaderMap) -> Result<Fields, ErrorCode> {
    let entry = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    let entries: Vec<_> = headers.iter().map(entry).collect();
    Fields::from_list(&entries).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))
}
