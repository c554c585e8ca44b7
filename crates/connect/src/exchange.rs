//! The HTTP side of one call: its protocol, its head, the place of its message, and the form of its answer.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri, request};

use crate::body::{Body, ReadError, read_whole};
use crate::compression::{Compression, UnpackError};
use crate::context::Context;
use crate::deadline::Sleep;
use crate::descriptor::{Idempotency, MethodDescriptor, MethodKind};
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::json::kind::decode_base64;
use crate::limits::Limits;
use crate::media::{MediaType, PROTOCOL_VERSION, Protocol};
use crate::messages::MessageStream;
use crate::reply::Reply;
use crate::requests::Requests;
use crate::{grpc, query, stream, timeout, unary};

/// A call with a valid HTTP method and media type.
#[derive(Debug)]
pub(crate) struct Exchange {
    media: MediaType,
    /// The query of a GET, which contains the message.
    query: Option<String>,
    /// The compression of the request's message, from [`Exchange::check`].
    packed: Compression,
    /// How the response may be compressed.
    compression: Compression,
}

impl Exchange {
    /// Decides by HTTP method and media type whether this is a call. If not, returns the answer.
    pub(crate) fn accept(
        head: &request::Parts,
        method: &'static MethodDescriptor,
    ) -> Result<Self, Box<Response<Body>>> {
        let by_get = method.idempotency == Idempotency::NoSideEffects && method.kind == MethodKind::Unary;
        // A HEAD is answered like the same GET. The HTTP server leaves out the content.
        let is_get = head.method == Method::GET || head.method == Method::HEAD;
        let (media, query) = if head.method == Method::POST {
            let media = head.headers.get(CONTENT_TYPE).and_then(MediaType::parse);
            (media.filter(|media| media.suits(method.kind)), None)
        } else if is_get && by_get && has_body(&head.headers) {
            (None, None)
        } else if is_get && by_get {
            let query = head.uri.query().unwrap_or_default();
            let encoding = query::parameter(query, "encoding").and_then(|name| Encoding::from_name(&name));
            let media = encoding.map(|encoding| MediaType {
                protocol: Protocol::Unary,
                encoding,
            });
            (media, Some(query.to_owned()))
        } else {
            let allowed = if by_get { "GET, HEAD, POST" } else { "POST" };
            return Err(Box::new(unary::wrong_http_method(method, allowed, spoken(head))));
        };
        let media = media.ok_or_else(|| Box::new(unary::wrong_media_type(method.kind, spoken(head))))?;
        Ok(Self {
            media,
            query,
            packed: Compression::Identity,
            compression: Compression::accepted(&head.headers, &media.protocol.accept_encoding()),
        })
    }

    /// The context of the call, whose request has this URI and these headers.
    pub(crate) fn context(&self, uri: Uri, headers: HeaderMap) -> Context {
        let context = Context::new(headers, None);
        match self.query {
            Some(_) => context.by_get(uri),
            None => context,
        }
    }

    /// The encoding of the message and of the answer.
    pub(crate) fn encoding(&self) -> Encoding {
        self.media.encoding
    }

    /// Checks the head of the call, and stores its deadline in the context.
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
        let (place, wanted, found) = match (self.media.protocol, self.query.as_deref()) {
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
        match &self.query {
            Some(query) => Compression::named(query::bytes(query, "compression").as_deref()),
            None => Compression::of(headers, &self.media.protocol.content_encoding()),
        }
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

    /// The request message, still encoded.
    pub(crate) async fn message<B>(&self, body: B, limits: Limits) -> Result<Bytes, ConnectError>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        let limit = limits.request_bytes;
        match (&self.query, self.media.protocol) {
            (Some(query), _) => self.unpack(message_in_query(query, limit)?, limit),
            (None, Protocol::Unary) => self.unpack(read(body, limit).await?, limit),
            (None, _) => self.requests(body, limits).only().await,
        }
    }

    /// The request messages, still encoded. Each is read when the method polls for it.
    pub(crate) fn messages<B>(&self, body: B, limits: Limits, sleep: Option<Sleep>) -> MessageStream<Bytes>
    where
        B: http_body::Body + 'static,
        B::Error: std::fmt::Display,
    {
        self.requests(body, limits).into_stream(sleep)
    }

    fn requests<B>(&self, body: B, limits: Limits) -> Requests<B>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        let is_text = self.media.protocol == Protocol::GrpcWebText;
        Requests::new(body, self.packed, is_text, limits)
    }

    fn unpack(&self, message: Bytes, limit: usize) -> Result<Bytes, ConnectError> {
        self.packed
            .unpack(message, limit)
            .map_err(UnpackError::of_request)
    }

    /// The response for the result of a method, with the metadata in the context.
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

/// The protocol of a request's client, as far as the request shows it, even if the request is invalid.
fn spoken(head: &request::Parts) -> Option<Protocol> {
    let by_media = head.headers.get(CONTENT_TYPE).and_then(Protocol::of);
    let is_connect = || {
        let query = head.uri.query().unwrap_or_default();
        head.headers.contains_key(PROTOCOL_VERSION) || query::parameter(query, "connect").is_some()
    };
    by_media.or_else(|| is_connect().then_some(Protocol::Unary))
}

/// The answer to a request for a path at which no method is served.
pub(crate) fn no_such_path(head: &request::Parts) -> Response<Body> {
    let shown: String = head.uri.path().chars().take(200).collect();
    let error = ConnectError::unimplemented(format!("there is no method at {shown}"));
    match spoken(head) {
        Some(protocol @ (Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText)) => {
            grpc::refuse(protocol, error)
        }
        spoken => unary::refuse(StatusCode::NOT_FOUND, error, spoken),
    }
}

/// Whether a body follows, according to the request's headers. A GET has its message in the query.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Reads a body that is one message.
async fn read<B>(body: B, limit: usize) -> Result<Bytes, ConnectError>
where
    B: http_body::Body,
    B::Error: std::fmt::Display,
{
    read_whole(body, limit).await.map_err(|error| match error {
        ReadError::TooLarge => ConnectError::message_too_large(limit),
        ReadError::Broken(error) => {
            ConnectError::invalid_argument(format!("the request body broke off: {error}"))
        }
    })
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
        Err(ConnectError::message_too_large(limit))
    } else {
        Ok(bytes.into())
    }
}

/// A header as text. A value that is not text becomes a text that matches no rule.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}
