//! One call as HTTP sees it: which protocol it speaks, what its head says, where its message is, and how it is answered.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Response, Uri};

use crate::body::{Body, ReadError, read_whole};
use crate::compression::{Compression, UnpackError};
use crate::envelope::{self, Splitter};
use crate::json::kind::decode_base64;
use crate::media::{MediaType, Protocol};
use crate::server::Reply;
use crate::{
    ConnectError, Context, Encoding, Idempotency, MethodDescriptor, MethodKind, grpc, query, stream, timeout,
    unary,
};

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// A call that HTTP method and media type let pass to its method.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    media: MediaType,
    /// The query of a GET, which has the message.
    query: Option<&'a str>,
    /// How the request's message is compressed, as [`Exchange::check`] read it.
    packed: Compression,
    /// How the response may be compressed.
    compression: Compression,
}

impl<'a> Exchange<'a> {
    /// Decides by HTTP method and media type whether this is a call; if not, gives the answer to it.
    pub(crate) fn accept(
        http_method: &Method,
        uri: &'a Uri,
        headers: &HeaderMap,
        method: &'static MethodDescriptor,
    ) -> Result<Self, Box<Response<Body>>> {
        let by_get = method.idempotency == Idempotency::NoSideEffects && method.kind == MethodKind::Unary;
        // A HEAD is answered as the GET that it stands for; the HTTP server leaves out the content.
        let is_get = http_method == Method::GET || http_method == Method::HEAD;
        let (media, query) = if http_method == Method::POST {
            let media = headers.get(CONTENT_TYPE).and_then(MediaType::parse);
            (media.filter(|media| media.suits(method.kind)), None)
        } else if is_get && by_get && has_body(headers) {
            (None, None)
        } else if is_get && by_get {
            let query = uri.query().unwrap_or_default();
            let encoding = query::parameter(query, "encoding").and_then(|name| Encoding::from_name(&name));
            let media = encoding.map(|encoding| MediaType {
                protocol: Protocol::Unary,
                encoding,
            });
            (media, Some(query))
        } else {
            let allowed = if by_get { "GET, HEAD, POST" } else { "POST" };
            return Err(Box::new(unary::wrong_http_method(method, allowed)));
        };
        let media = media.ok_or_else(|| Box::new(unary::wrong_media_type(method.kind)))?;
        let accepted = headers.get(accept_encoding(media.protocol));
        Ok(Self {
            media,
            query,
            packed: Compression::Identity,
            compression: Compression::accepted(accepted),
        })
    }

    /// How the message is encoded, and so the answer.
    pub(crate) fn encoding(&self) -> Encoding {
        self.media.encoding
    }

    /// Checks what the call says about itself besides its message, and takes its deadline into the context.
    pub(crate) fn check(&mut self, context: &mut Context) -> Result<(), ConnectError> {
        self.check_version(&context.headers)?;
        self.packed = self.packed(&context.headers)?;
        if let Some(timeout) = self.timeout(&context.headers)? {
            context.limit_deadline(Instant::now() + timeout);
        }
        if context.remaining() == Some(Duration::ZERO) {
            return Err(ConnectError::deadline_exceeded(
                "the time for this request is over",
            ));
        }
        Ok(())
    }

    fn check_version(&self, headers: &HeaderMap) -> Result<(), ConnectError> {
        let (place, wanted, found) = match (self.media.protocol, self.query) {
            (Protocol::Unary, Some(query)) => ("connect", "v1", query::parameter(query, "connect")),
            (Protocol::Unary | Protocol::Stream, _) => {
                ("Connect-Protocol-Version", "1", text(headers, &PROTOCOL_VERSION))
            }
            (Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText, _) => return Ok(()),
        };
        match found {
            Some(found) if found != wanted => Err(ConnectError::invalid_argument(format!(
                "{place} must be {wanted:?} or absent"
            ))),
            _ => Ok(()),
        }
    }

    fn packed(&self, headers: &HeaderMap) -> Result<Compression, ConnectError> {
        let name = match self.query {
            Some(query) => query::parameter(query, "compression"),
            None => text(headers, &content_encoding(self.media.protocol)),
        };
        Compression::named(name.as_deref().map(str::as_bytes))
    }

    fn timeout(&self, headers: &HeaderMap) -> Result<Option<Duration>, ConnectError> {
        match self.media.protocol {
            Protocol::Unary | Protocol::Stream => headers
                .get(timeout::CONNECT)
                .map(timeout::parse_connect)
                .transpose(),
            Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => {
                headers.get(timeout::GRPC).map(timeout::parse_grpc).transpose()
            }
        }
    }

    /// The request message, still encoded, of at most `limit` bytes, as sent and unpacked.
    pub(crate) async fn message<B>(&self, body: B, limit: usize) -> Result<Bytes, ConnectError>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        if let Some(query) = self.query {
            return self.unpack(message_in_query(query, limit)?, limit);
        }
        match self.media.protocol {
            Protocol::Unary => self.unpack(read(body, limit, limit).await?, limit),
            Protocol::Stream | Protocol::Grpc | Protocol::GrpcWeb => {
                let body = read(body, limit.saturating_add(envelope::PREFIX), limit).await?;
                only_message(&body, self.packed, limit)
            }
            Protocol::GrpcWebText => {
                let length = limit
                    .saturating_add(envelope::PREFIX)
                    .div_ceil(3)
                    .saturating_mul(4);
                let body = grpc::decode_text(&read(body, length, limit).await?)?;
                only_message(&body, self.packed, limit)
            }
        }
    }

    fn unpack(&self, message: Bytes, limit: usize) -> Result<Bytes, ConnectError> {
        self.packed
            .unpack(message, limit)
            .map_err(UnpackError::of_request)
    }

    /// The response for what a method returned, with the metadata that the context gathered.
    pub(crate) fn respond(&self, result: Result<Reply, ConnectError>, context: Context) -> Response<Body> {
        match self.media.protocol {
            Protocol::Unary => {
                let mut response = unary::respond(self.media, self.compression, result, context);
                if self.query.is_some() {
                    unary::vary(&mut response);
                }
                response
            }
            Protocol::Stream => stream::respond(self.media, self.compression, result, context),
            Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => {
                grpc::respond(self.media, self.compression, result, context)
            }
        }
    }
}

/// Whether a request says that a body follows. A GET has its message in the query.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// The header that says how messages are compressed.
pub(crate) fn content_encoding(protocol: Protocol) -> HeaderName {
    match protocol {
        Protocol::Unary => CONTENT_ENCODING,
        Protocol::Stream => HeaderName::from_static("connect-content-encoding"),
        Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => {
            HeaderName::from_static("grpc-encoding")
        }
    }
}

/// The header that says how messages may be compressed.
pub(crate) fn accept_encoding(protocol: Protocol) -> HeaderName {
    match protocol {
        Protocol::Unary => ACCEPT_ENCODING,
        Protocol::Stream => HeaderName::from_static("connect-accept-encoding"),
        Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => {
            HeaderName::from_static("grpc-accept-encoding")
        }
    }
}

/// Reads a body of at most `most` bytes, which is more than the `limit` for its message where it has more in it.
async fn read<B>(body: B, most: usize, limit: usize) -> Result<Bytes, ConnectError>
where
    B: http_body::Body,
    B::Error: std::fmt::Display,
{
    read_whole(body, most).await.map_err(|error| match error {
        ReadError::TooLarge => envelope::too_large(limit),
        ReadError::Broken(error) => {
            ConnectError::invalid_argument(format!("the request body broke off: {error}"))
        }
    })
}

/// The one message that a method of ours takes.
fn only_message(body: &[u8], packed: Compression, limit: usize) -> Result<Bytes, ConnectError> {
    let mut splitter = Splitter::new(limit);
    splitter.add(body);
    let Some(first) = splitter.next()? else {
        return Err(match body {
            [] => ConnectError::unimplemented("the method takes one message, and there is none"),
            _ => ConnectError::invalid_argument("the request body broke off within a message"),
        });
    };
    if !splitter.is_empty() {
        return Err(ConnectError::unimplemented(
            "the method takes one message, and there is more",
        ));
    }
    first.refuse_flags_beyond(0)?;
    first.message(packed, limit).map_err(UnpackError::of_request)
}

fn message_in_query(query: &str, limit: usize) -> Result<Bytes, ConnectError> {
    let message = query::bytes(query, "message");
    let message = message.ok_or_else(|| ConnectError::invalid_argument("the query has no \"message\""))?;
    let is_base64 = query::parameter(query, "base64").as_deref() == Some("1");
    let bytes = match is_base64 {
        true => std::str::from_utf8(&message)
            .ok()
            .and_then(decode_base64)
            .ok_or_else(|| ConnectError::invalid_argument("the \"message\" in the query is not base64"))?,
        false => message.into_owned(),
    };
    if bytes.len() > limit {
        Err(envelope::too_large(limit))
    } else {
        Ok(bytes.into())
    }
}

/// A header as text; what is no text reads as something that no rule knows.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}
