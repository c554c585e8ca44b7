//! Sent messages: requests, and the bodies of requests and responses.

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

/// The receiver of a body. Dropping it before the end signals to the host that the body is incomplete.
pub(super) struct Outgoing {
    contents: Option<StreamWriter<u8>>,
    end: FutureWriter<Result<Option<Trailers>, ErrorCode>>,
}

/// The host's side of an [`Outgoing`], for the constructor of a message.
pub(super) struct BodyStreams {
    /// `None` for an empty body.
    pub(super) contents: Option<StreamReader<u8>>,
    pub(super) end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
}

impl Outgoing {
    pub(super) fn new(is_empty: bool) -> (Self, BodyStreams) {
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
            BodyStreams {
                contents: reader,
                end: ended,
            },
        )
    }

    /// Writes the body and its end. The host takes it as fast as it can send it.
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
        // An error here means that the host does not need the rest, which is not a failure.
        let _ = end.write(trailers).await;
    }
}

/// Writes a body, and returns its trailers.
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

/// Sends a request and waits for the head of its response. The rest of the request's body is sent while the response's
/// body is read. Trailers are read if the request allows them (RFC 9110, section 10.1.4).
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
    // In this order: a host that is sending takes the body at once, which saves one wait.
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

/// Hosts that cannot limit the time for connecting ignore it.
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
    let body = Incoming::new(&headers, trailers, |on_received| {
        types::Response::consume_body(response, on_received)
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Headers in the form that the host takes.
pub(super) fn fields(headers: &HeaderMap) -> Result<Fields, ErrorCode> {
    let entry = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    let entries: Vec<_> = headers.iter().map(entry).collect();
    Fields::from_list(&entries).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))
}
