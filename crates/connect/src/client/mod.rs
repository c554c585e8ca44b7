//! The client: sends typed requests over a [`Transport`] and returns typed answers.

mod arriving;
mod get;
mod http_failure;
mod request;
mod response;
mod status;
mod transport;

use std::time::Instant;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use self::arriving::{Arriving, Reading, broken_off};
use self::http_failure::failure;
use self::request::{Failure, unless_failed};
pub use self::response::{Response, Streaming};
pub use self::transport::{Deadline, InMemory, Transport, TransportError};
use crate::body::{Body, ReadError, read_whole};
use crate::compression::{Compression, UnpackError};
use crate::context::CallOptions;
use crate::descriptor::{MethodDescriptor, MethodKind};
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::json::{self, AnyType, Types};
use crate::media::{MediaType, Protocol};
use crate::metadata;

/// The default maximum size of a response message, in bytes as sent: the same as the default of a server of this crate.
const DEFAULT_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The protocol of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Dialect {
    #[default]
    Connect,
    Grpc,
    GrpcWeb,
}

impl Dialect {
    /// The protocol of calls of this kind.
    fn protocol(self, kind: MethodKind) -> Protocol {
        match (self, kind) {
            (Self::Connect, MethodKind::Unary) => Protocol::Unary,
            (Self::Connect, _) => Protocol::Stream,
            (Self::Grpc, _) => Protocol::Grpc,
            (Self::GrpcWeb, _) => Protocol::GrpcWeb,
        }
    }
}

/// Makes calls of any service by the Connect protocol, gRPC or gRPC-Web. Generated clients (`ProductServiceClient`, for
/// example) wrap it with one method for each RPC.
#[derive(Clone, Debug)]
pub struct Client<T> {
    transport: T,
    dialect: Dialect,
    encoding: Encoding,
    response_bytes: usize,
    compression: Compression,
    /// The smallest message that is compressed, in bytes, even if that makes it larger.
    packed_from: Option<usize>,
    gets: bool,
    types: Types,
}

impl<T: Transport> Client<T> {
    /// A client that speaks Connect with JSON and accepts responses of up to 4 MiB.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            dialect: Dialect::default(),
            encoding: Encoding::Json,
            response_bytes: DEFAULT_RESPONSE_BYTES,
            compression: Compression::Identity,
            packed_from: None,
            gets: false,
            types: Types::default(),
        }
    }

    /// The same client by gRPC. Its transport must speak HTTP/2 and pass trailers on. Most servers require [`Encoding::Proto`].
    #[must_use]
    pub fn grpc(mut self) -> Self {
        self.dialect = Dialect::Grpc;
        self
    }

    /// The same client by gRPC-Web, which requires neither HTTP/2 nor trailers. Most servers require [`Encoding::Proto`].
    #[must_use]
    pub fn grpc_web(mut self) -> Self {
        self.dialect = Dialect::GrpcWeb;
        self
    }

    /// The same client with another encoding of messages.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The same client, which compresses large messages with gzip if that makes them smaller, and accepts compressed answers.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.compression = Compression::Gzip;
        self.packed_from = None;
        self
    }

    /// The same client, which compresses all messages of at least this many bytes with gzip, and accepts compressed answers.
    #[must_use]
    pub fn gzip_from(mut self, bytes: usize) -> Self {
        self.compression = Compression::Gzip;
        self.packed_from = Some(bytes);
        self
    }

    /// The same client, which calls by GET where that is allowed: unary methods without side effects, by Connect, with
    /// messages that fit into a URL. Then caches and proxies can answer, but messages also appear in access logs.
    #[must_use]
    pub fn by_get(mut self) -> Self {
        self.gets = true;
        self
    }

    /// The same client with another limit for response messages, in bytes.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_bytes = bytes;
        self
    }

    /// Allows the messages of a package inside a `google.protobuf.Any` in JSON.
    #[must_use]
    pub fn types(mut self, package: &'static [AnyType]) -> Self {
        self.types = self.types.with(package);
        self
    }

    /// Calls a method that takes one message and returns one. Every failure of the server, the transport or a proxy is a
    /// [`ConnectError`]. Dropping the future cancels the call.
    pub async fn unary<Req: json::Message, Res: json::Message>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        request: &Req,
    ) -> Result<Response<Res>, ConnectError> {
        let media = self.media(method);
        let deadline = options.deadline;
        if media.protocol != Protocol::Unary {
            let request = self.request_of_one(media, method, options, request)?;
            return self.one(media, deadline, request, None).await;
        }
        let request = self.plain_request(media, method, options, request)?;
        let (head, body) = self.send(request, deadline).await?;
        let body = read_whole(body, self.response_bytes).await;
        if head.status != StatusCode::OK {
            return Err(self.failed(media, head, body.unwrap_or_default()));
        }
        let body = body.map_err(|error| self.unreadable(error, deadline))?;
        self.plain_response(media, head.headers, body)
    }

    /// Calls a method that takes one message and returns a stream of them. A failure before the response begins is the error
    /// of this function. A later failure ends the stream.
    pub async fn server_streaming<Req: json::Message, Res: json::Message + 'static>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        request: &Req,
    ) -> Result<Streaming<Res>, ConnectError> {
        let media = self.media(method);
        let deadline = options.deadline;
        let request = self.request_of_one(media, method, options, request)?;
        self.many(media, deadline, request, None).await
    }

    /// Calls a method that takes a stream of messages and returns one. The stream is read as the transport sends it. An
    /// error in the stream cancels the call, and is the error of this function. Other errors are as for [`Self::unary`].
    pub async fn client_streaming<Req: json::Message, Res: json::Message>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        requests: impl Stream<Item = Result<Req, ConnectError>> + 'static,
    ) -> Result<Response<Res>, ConnectError> {
        let media = self.media(method);
        let deadline = options.deadline;
        let (request, failure) = self.request_of_many(media, method, options, requests)?;
        self.one(media, deadline, request, Some(failure)).await
    }

    /// Calls a method that takes a stream of messages and returns a stream. The requests are read while the response is
    /// awaited and while answers are read. An error in the requests cancels the call, and is the error of this function or
    /// of the stream of answers.
    ///
    /// Many servers begin to respond only with their first answer. If that answer depends on a request, the request must be
    /// in the stream before this future is awaited.
    pub async fn bidi_streaming<Req: json::Message, Res: json::Message + 'static>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        requests: impl Stream<Item = Result<Req, ConnectError>> + 'static,
    ) -> Result<Streaming<Res>, ConnectError> {
        let media = self.media(method);
        let deadline = options.deadline;
        let (request, failure) = self.request_of_many(media, method, options, requests)?;
        self.many(media, deadline, request, Some(failure)).await
    }

    fn media(&self, method: &MethodDescriptor) -> MediaType {
        MediaType {
            protocol: self.dialect.protocol(method.kind),
            encoding: self.encoding,
        }
    }

    /// Sends a request and waits for the head of its response.
    async fn send(
        &self,
        request: http::Request<Body>,
        deadline: Option<Instant>,
    ) -> Result<(http::response::Parts, T::ResponseBody), ConnectError> {
        match self.transport.send(request).await {
            Ok(response) => Ok(response.into_parts()),
            // The server has the same deadline, and may close the connection a moment before the transport detects the
            // deadline.
            Err(TransportError::Unavailable(_)) if deadline.is_some_and(|at| Instant::now() >= at) => Err(
                ConnectError::deadline_exceeded("the time for this request ran out"),
            ),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a request and reads the one message of its response.
    async fn one<Res: json::Message>(
        &self,
        media: MediaType,
        deadline: Option<Instant>,
        request: http::Request<Body>,
        mut failure: Option<Failure>,
    ) -> Result<Response<Res>, ConnectError> {
        let exchange = async {
            let mut arriving = self.begin(media, deadline, request).await?;
            match arriving.only().await {
                Ok(message) => Ok((message, arriving.headers, arriving.trailers.take())),
                Err(mut error) => {
                    // The caller only gets the headers of the error.
                    let trailing = std::mem::replace(error.metadata_mut(), arriving.headers);
                    metadata::append_all(error.metadata_mut(), &trailing);
                    Err(error)
                }
            }
        };
        let (message, headers, trailers) = unless_failed(failure.as_mut(), exchange).await?;
        Ok(Response {
            message: self.decode(&message)?,
            headers,
            trailers,
        })
    }

    /// Sends a request and reads a stream of messages from its response.
    async fn many<Res: json::Message + 'static>(
        &self,
        media: MediaType,
        deadline: Option<Instant>,
        request: http::Request<Body>,
        mut failure: Option<Failure>,
    ) -> Result<Streaming<Res>, ConnectError> {
        let begun = self.begin(media, deadline, request);
        let mut arriving = unless_failed(failure.as_mut(), begun).await?;
        let headers = std::mem::take(&mut arriving.headers);
        let trailers = arriving.trailers.clone();
        let (encoding, types) = (self.encoding, self.types.clone());
        let messages = stream::try_unfold(arriving, move |mut arriving| {
            let types = types.clone();
            async move {
                let Some(message) = arriving.next().await? else {
                    return Ok(None);
                };
                let message = encoding.decode_answer(&message, &types).map_err(wrong_message)?;
                Ok(Some((message, arriving)))
            }
        });
        Ok(Streaming::new(headers, messages.boxed_local(), trailers, failure))
    }

    /// Sends a request whose response has its messages in envelopes.
    async fn begin(
        &self,
        media: MediaType,
        deadline: Option<Instant>,
        request: http::Request<Body>,
    ) -> Result<Arriving<T::ResponseBody>, ConnectError> {
        let (head, body) = self.send(request, deadline).await?;
        if head.status != StatusCode::OK {
            let body = read_whole(body, self.response_bytes).await.unwrap_or_default();
            return Err(failure(head, &body));
        }
        let reading = Reading {
            protocol: media.protocol,
            packed: self.check(media, &head.headers)?,
            limit: self.response_bytes,
            deadline,
        };
        Arriving::begin(head.headers, body, reading).await
    }

    /// Checks that a successful response has the expected media type. Returns its compression.
    fn check(&self, media: MediaType, headers: &HeaderMap) -> Result<Compression, ConnectError> {
        match headers.get(CONTENT_TYPE).and_then(MediaType::parse) {
            Some(found) if found == media => packing(media.protocol, headers),
            Some(found) if found.protocol == media.protocol => Err(ConnectError::internal(
                "the response message is in another encoding than the request",
            )),
            _ => Err(ConnectError::unknown(match self.dialect {
                Dialect::Connect => "the response is not a Connect response: wrong content type",
                Dialect::Grpc => "the response is not a gRPC response: wrong content type",
                Dialect::GrpcWeb => "the response is not a gRPC-Web response: wrong content type",
            })),
        }
    }

    fn plain_response<Res: json::Message>(
        &self,
        media: MediaType,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Res>, ConnectError> {
        let packed = self.check(media, &headers)?;
        let body = packed
            .unpack(body, self.response_bytes)
            .map_err(UnpackError::of_response)?;
        let message = self.decode(&body)?;
        let (headers, trailers) = metadata::split(headers);
        Ok(Response {
            message,
            headers,
            trailers,
        })
    }

    fn decode<Res: json::Message>(&self, message: &[u8]) -> Result<Res, ConnectError> {
        self.encoding
            .decode_answer(message, &self.types)
            .map_err(wrong_message)
    }

    /// The error of a response that is not a success. Parts that cannot be read are left out: the status is sufficient.
    fn failed(&self, media: MediaType, head: http::response::Parts, body: Bytes) -> ConnectError {
        let packed = packing(media.protocol, &head.headers).unwrap_or_default();
        let body = packed.unpack(body, self.response_bytes).unwrap_or_default();
        failure(head, &body)
    }

    fn unreadable<E: std::fmt::Display>(
        &self,
        error: ReadError<E>,
        deadline: Option<Instant>,
    ) -> ConnectError {
        match error {
            ReadError::TooLarge => ConnectError::resource_exhausted(format!(
                "the response message is larger than {} bytes",
                self.response_bytes
            )),
            ReadError::Broken(error) => broken_off(error, deadline),
        }
    }
}

/// The compression in the headers of a response. The request names the supported ones, so any other is the server's mistake.
fn packing(protocol: Protocol, headers: &HeaderMap) -> Result<Compression, ConnectError> {
    Compression::of(headers, &protocol.content_encoding())
        .map_err(|_| ConnectError::internal("the response is compressed in a way that was not asked for"))
}

fn wrong_message(problem: String) -> ConnectError {
    ConnectError::internal(format!("the response message is wrong: {problem}"))
}
