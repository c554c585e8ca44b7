//! The answers of a server to streams of the Connect protocol: <https://connectrpc.com/docs/protocol>, "Streaming RPCs".

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use http::{HeaderMap, Response};
use http_body::Frame;

use crate::body::Body;
use crate::compression::{self, Compression};
use crate::context::Context;
use crate::envelope::{CONNECT_END, put, seal};
use crate::error::ConnectError;
use crate::json::{self, Types};
use crate::media::MediaType;
use crate::messages::EncodedMessages;
use crate::metadata;
use crate::reply::Reply;

/// The response for the result of a method. Its HTTP status is always 200: the last envelope shows whether the call
/// failed.
pub(crate) fn respond(
    media: MediaType,
    compression: Compression,
    result: Result<Reply, ConnectError>,
    context: Context,
) -> Response<Body> {
    let trailers = context.response_trailers;
    let end = move |error| Frame::data(put(CONNECT_END, &end_of_stream(error, &trailers)));
    let mut response = Response::new(body(result, compression, end));
    *response.headers_mut() = head(media, compression, context.response_headers);
    response
}

/// The headers of a response whose messages are in envelopes.
pub(crate) fn head(media: MediaType, compression: Compression, mut headers: HeaderMap) -> HeaderMap {
    metadata::remove_framing(&mut headers);
    headers.insert(http::header::CONTENT_TYPE, media.header());
    headers.insert(media.protocol.accept_encoding(), compression::SUPPORTED);
    if let Some(name) = compression.name() {
        headers.insert(media.protocol.content_encoding(), name);
    }
    headers
}

/// The body of a response whose messages are in envelopes. `end` makes its last frame, for an error or for success.
pub(crate) fn body(
    result: Result<Reply, ConnectError>,
    compression: Compression,
    end: impl FnOnce(Option<ConnectError>) -> Frame<Bytes> + 'static,
) -> Body {
    match result {
        Err(error) => Body::stream(stream::iter([end(Some(error))])),
        Ok(Reply::Message(message)) => {
            let message = Frame::data(seal(message, compression));
            Body::stream(stream::iter([message, end(None)]))
        }
        Ok(Reply::Messages(messages)) => Body::stream(frames(messages, compression, end)),
    }
}

fn frames(
    messages: EncodedMessages,
    compression: Compression,
    end: impl FnOnce(Option<ConnectError>) -> Frame<Bytes> + 'static,
) -> impl Stream<Item = Frame<Bytes>> + 'static {
    stream::unfold(Some((messages, end)), move |state| async move {
        let (mut messages, end) = state?;
        Some(match messages.next().await {
            Some(Ok(message)) => (Frame::data(seal(message, compression)), Some((messages, end))),
            Some(Err(error)) => (end(Some(error)), None),
            None => (end(None), None),
        })
    })
}

/// `EndStreamResponse`: the error, if there is one, and trailing metadata.
fn end_of_stream(error: Option<ConnectError>, trailers: &HeaderMap) -> Vec<u8> {
    let mut last = trailers.clone();
    if let Some(error) = &error {
        metadata::append_all(&mut last, error.metadata());
    }
    let types = Types::default();
    let mut writer = json::Writer::new(&types);
    let mut object = writer.object();
    if let Some(error) = &error {
        error.write_json(object.name("error"));
    }
    if !last.is_empty() {
        write_metadata(object.name("metadata"), &last);
    }
    object.end();
    writer.into_bytes()
}

fn write_metadata(writer: &mut json::Writer<'_>, metadata: &HeaderMap) {
    let mut object = writer.object();
    for name in metadata.keys() {
        let values: Vec<_> = metadata.get_all(name).iter().collect();
        let Ok(()) = object.name(name.as_str()).array(&values, |writer, value| {
            writer.string(&String::from_utf8_lossy(value.as_bytes()));
            Ok::<(), std::convert::Infallible>(())
        });
    }
    object.end();
}

/// The result in an `EndStreamResponse`: the error, or the trailing metadata of a success.
pub(crate) fn read_end(text: &[u8]) -> Result<HeaderMap, ConnectError> {
    let malformed = |_| ConnectError::internal("the end of the response is not what the protocol says");
    let text = std::str::from_utf8(text).map_err(|_| malformed(json::Error::new("")))?;
    let types = Types::default();
    let mut reader = json::Reader::new(text, &types);
    let (mut error, mut metadata) = (None, HeaderMap::new());
    let mut read = || -> Result<(), json::Error> {
        let mut object = reader.object()?;
        while let Some(name) = object.next_name()? {
            let value = object.value();
            match &*name {
                "error" | "metadata" if value.null()? => {}
                "error" => error = Some(ConnectError::read_json(value, ConnectError::unknown(""))?),
                "metadata" => read_metadata(value, &mut metadata)?,
                _ => value.skip()?,
            }
        }
        reader.finish()
    };
    read().map_err(malformed)?;
    match error {
        None => Ok(metadata),
        Some(mut error) => {
            *error.metadata_mut() = metadata;
            Err(error)
        }
    }
}

fn read_metadata(value: &mut json::Reader<'_>, metadata: &mut HeaderMap) -> Result<(), json::Error> {
    let mut object = value.object()?;
    while let Some(name) = object.next_name()? {
        let name = http::HeaderName::try_from(&*name);
        object.value().array(|value| {
            let text = value.string()?;
            if let (Ok(name), Ok(text)) = (&name, http::HeaderValue::try_from(&*text)) {
                metadata.append(name.clone(), text);
            }
            Ok(())
        })?;
    }
    Ok(())
}
