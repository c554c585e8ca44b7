//! Calling: from a typed request over a [`Transport`] to a typed response.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use futures::stream::{self, Stream, StreamExt as _};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_body_util::BodyExt as _;

use crate::body::{ReadError, read_whole};
use crate::compression::{self, Compression, UnpackError};
use crate::envelope::{CONNECT_END, Envelope, Splitter, seal};
use crate::exchange::{PROTOCOL_VERSION, accept_encoding, content_encoding};
use crate::json::{self, AnyType, Types};
use crate::media::{MediaType, Protocol};
use crate::server::MessageStream;
use crate::stream::read_end;
use crate::{CallOptions, Code, ConnectError, Context, Encoding, MethodDescriptor, metadata, timeout};

/// How requests reach a server: an HTTP client that knows the server's address.
pub trait Transport {
    /// The body of a response, in whatever pieces it arrives.
    type ResponseBody: http_body::Body<Error: std::fmt::Display> + 'static;

    /// Sends a request and waits for the head of its response.
    ///
    /// The URI has only a path: the transport puts its server's scheme and authority before it. A [`Deadline`] among
    /// the request's extensions says when to stop waiting, for the response's body too; it must be kept whatever the
    /// server does. A [`MethodKind`] there says whether that body is one message or a stream of them, and an
    /// [`Idempotency`](crate::Idempotency) whether the request may be sent again.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Self::ResponseBody>, TransportError>>;
}

impl<T: Transport> Transport for std::rc::Rc<T> {
    type ResponseBody = T::ResponseBody;

    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Self::ResponseBody>, TransportError>> {
        (**self).send(request)
    }
}

/// When a [`Transport`] must stop waiting, as an extension of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(pub Instant);

/// Why a [`Transport`] has no response. The texts are for the caller of the RPC: no addresses, no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The server cannot be reached, or hung up.
    Unavailable(String),
    /// The deadline passed.
    DeadlineExceeded(String),
}

impl From<TransportError> for ConnectError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unavailable(message) => ConnectError::unavailable(message),
            TransportError::DeadlineExceeded(message) => ConnectError::deadline_exceeded(message),
        }
    }
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response<M> {
    /// The message.
    pub message: M,
    /// Metadata that came before it.
    pub headers: HeaderMap,
    /// Metadata that came after it.
    pub trailers: HeaderMap,
}

impl<M> Response<M> {
    /// The message alone, its metadata added to the response that `context` belongs to: for answering one call with
    /// the answer of another.
    pub fn relay(self, context: &mut Context) -> M {
        metadata::append_all(&mut context.response_headers, &self.headers);
        metadata::append_all(&mut context.response_trailers, &self.trailers);
        self.message
    }
}

/// The answers of a call that streams them, as they come. Dropping it gives the call up.
pub struct Streaming<M> {
    headers: HeaderMap,
    messages: MessageStream<M>,
    trailers: Rc<RefCell<HeaderMap>>,
}

impl<M> Streaming<M> {
    /// Metadata that came before the first message.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Metadata that came after the last message; empty until the stream has ended.
    pub fn trailers(&self) -> HeaderMap {
        self.trailers.borrow().clone()
    }

    /// The messages alone, the metadata that came first added to the response that `context` belongs to. What comes last
    /// is known too late for that, unless it comes with an error, and is dropped.
    pub fn relay(self, context: &mut Context) -> MessageStream<M> {
        metadata::append_all(&mut context.response_headers, &self.headers);
        self.messages
    }
}

impl<M> Stream for Streaming<M> {
    type Item = Result<M, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_next_unpin(context)
    }
}

impl<M> std::fmt::Debug for Streaming<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Streaming").finish_non_exhaustive()
    }
}

/// The largest response message, in bytes as sent, unless a client is told otherwise: as much as a server of this
/// crate takes by default.
const DEFAULT_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// Makes calls of any service by the Connect protocol. Generated clients (`ProductServiceClient`, for example) wrap it
/// with a method for each of theirs.
#[derive(Clone, Debug)]
pub struct Client<T> {
    transport: T,
    encoding: Encoding,
    response_bytes: usize,
    compression: Compression,
    types: Types,
}

impl<T: Transport> Client<T> {
    /// A client that speaks JSON and takes responses of up to 4 MiB.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            encoding: Encoding::Json,
            response_bytes: DEFAULT_RESPONSE_BYTES,
            compression: Compression::Identity,
            types: Types::default(),
        }
    }

    /// The same client with another encoding of messages.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The same client, that compresses larger messages with gzip and lets the server do so.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.compression = Compression::Gzip;
        self
    }

    /// The same client with another limit for response messages, in bytes.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_bytes = bytes;
        self
    }

    /// Lets the messages of a package stand inside a `google.protobuf.Any` in JSON.
    #[must_use]
    pub fn types(mut self, package: &'static [AnyType]) -> Self {
        self.types = self.types.with(package);
        self
    }

    /// Calls a method that takes one message and gives one. Every failure, the server's, the transport's or that of
    /// something in between, is a [`ConnectError`]; dropping the future gives the call up.
    pub async fn unary<Req: json::Message, Res: json::Message>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        request: &Req,
    ) -> Result<Response<Res>, ConnectError> {
        let media = self.media(Protocol::Unary);
        let deadline = options.deadline;
        let request = self.request(media, method, options, request)?;
        let (head, body) = self.transport.send(request).await?.into_parts();
        let body = read_whole(body, self.response_bytes).await;
        if head.status != StatusCode::OK {
            return Err(self.failed(media, head, body.unwrap_or_default()));
        }
        let body = body.map_err(|error| self.unreadable(error, deadline))?;
        self.response(media, head, body)
    }

    /// Calls a method that takes one message and gives a stream of them. What goes wrong before the first message is the
    /// error here, what goes wrong later ends the stream.
    pub async fn server_streaming<Req: json::Message, Res: json::Message + 'static>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        request: &Req,
    ) -> Result<Streaming<Res>, ConnectError> {
        let media = self.media(Protocol::Stream);
        let deadline = options.deadline;
        let request = self.request(media, method, options, request)?;
        let (head, body) = self.transport.send(request).await?.into_parts();
        if head.status != StatusCode::OK {
            let body = read_whole(body, self.response_bytes).await.unwrap_or_default();
            return Err(failure(head, &body));
        }
        let packed = self.check(media, &head.headers)?;
        let (headers, _) = metadata::split(head.headers);
        let trailers = Rc::default();
        let arriving = Arriving {
            body: Box::pin(body),
            splitter: Splitter::new(self.response_bytes),
            packed,
            limit: self.response_bytes,
            deadline,
            trailers: Rc::clone(&trailers),
        };
        let (encoding, types) = (self.encoding, self.types.clone());
        let messages = stream::try_unfold(arriving, move |mut arriving| {
            let types = types.clone();
            async move {
                let Some(message) = arriving.next().await? else {
                    return Ok(None);
                };
                let message = encoding.decode(&message, &types).map_err(wrong_message)?;
                Ok(Some((message, arriving)))
            }
        });
        Ok(Streaming {
            headers,
            messages: messages.boxed_local(),
            trailers,
        })
    }

    fn media(&self, protocol: Protocol) -> MediaType {
        MediaType {
            protocol,
            encoding: self.encoding,
        }
    }

    fn request<Req: json::Message>(
        &self,
        media: MediaType,
        method: &'static MethodDescriptor,
        options: CallOptions,
        message: &Req,
    ) -> Result<http::Request<Bytes>, ConnectError> {
        let CallOptions {
            mut headers,
            deadline,
        } = options;
        metadata::remove_framing(&mut headers);
        headers.insert(CONTENT_TYPE, media.header());
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
        headers.remove(timeout::CONNECT);
        let message = self.encoding.encode(message, &self.types)?;
        let body = self.pack(media.protocol, message, &mut headers);
        let mut request = http::Request::new(body);
        request.extensions_mut().insert(method.kind);
        request.extensions_mut().insert(method.idempotency);
        if let Some(deadline) = deadline {
            if let Some(timeout) = timeout::write_connect(left_until(deadline)?) {
                headers.insert(timeout::CONNECT, timeout);
            }
            request.extensions_mut().insert(Deadline(deadline));
        }
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = Uri::from_static(method.path);
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The body for a message, and the headers that say how it is compressed.
    fn pack(&self, protocol: Protocol, message: Vec<u8>, headers: &mut HeaderMap) -> Bytes {
        let Some(name) = self.compression.name() else {
            return match protocol {
                Protocol::Unary => message.into(),
                _ => seal(message, Compression::Identity),
            };
        };
        headers.insert(accept_encoding(protocol), compression::SUPPORTED);
        if protocol != Protocol::Unary {
            headers.insert(content_encoding(protocol), name);
            return seal(message, self.compression);
        }
        match self.compression.pack(&message) {
            Some(packed) => {
                headers.insert(content_encoding(protocol), name);
                packed.into()
            }
            None => message.into(),
        }
    }

    /// Whether a successful response is what was asked for, and how it is compressed.
    fn check(&self, media: MediaType, headers: &HeaderMap) -> Result<Compression, ConnectError> {
        match headers.get(CONTENT_TYPE).and_then(MediaType::parse) {
            Some(found) if found == media => packing(media.protocol, headers),
            Some(found) if found.protocol == media.protocol => Err(ConnectError::internal(
                "the response message is in another encoding than the request",
            )),
            _ => Err(ConnectError::unknown(
                "the response is not a Connect response: wrong content type",
            )),
        }
    }

    fn response<Res: json::Message>(
        &self,
        media: MediaType,
        head: http::response::Parts,
        body: Bytes,
    ) -> Result<Response<Res>, ConnectError> {
        let packed = self.check(media, &head.headers)?;
        let body = packed
            .unpack(body, self.response_bytes)
            .map_err(UnpackError::of_response)?;
        let message = self.encoding.decode(&body, &self.types).map_err(wrong_message)?;
        let (headers, trailers) = metadata::split(head.headers);
        Ok(Response {
            message,
            headers,
            trailers,
        })
    }

    /// The error of a response that is not a success. What cannot be read of it is left out: its status says enough.
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

/// How a response says that it is compressed. We name what we can read, so anything else is the server's mistake.
fn packing(protocol: Protocol, headers: &HeaderMap) -> Result<Compression, ConnectError> {
    Compression::of(headers, &content_encoding(protocol))
        .map_err(|_| ConnectError::internal("the response is compressed in a way that was not asked for"))
}

/// What a response that broke off means: at the deadline, that time ran out.
fn broken_off(error: impl std::fmt::Display, deadline: Option<Instant>) -> ConnectError {
    match deadline {
        Some(deadline) if Instant::now() >= deadline => {
            ConnectError::deadline_exceeded("the time for this request ran out during its response")
        }
        _ => ConnectError::unavailable(format!("the response broke off: {error}")),
    }
}

fn wrong_message(problem: String) -> ConnectError {
    ConnectError::internal(format!("the response message is wrong: {problem}"))
}

fn left_until(deadline: Instant) -> Result<Duration, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ConnectError::deadline_exceeded(
            "the time for this request ran out before a call it needs",
        ));
    }
    Ok(left)
}

/// A response whose messages are in envelopes.
struct Arriving<B> {
    body: Pin<Box<B>>,
    splitter: Splitter,
    packed: Compression,
    limit: usize,
    deadline: Option<Instant>,
    trailers: Rc<RefCell<HeaderMap>>,
}

impl<B: http_body::Body<Error: std::fmt::Display>> Arriving<B> {
    /// The next message, still encoded; none after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, ConnectError> {
        let envelope = self.envelope().await?;
        let ends = envelope.flags & CONNECT_END != 0;
        envelope.refuse_flags_beyond(CONNECT_END)?;
        let payload = envelope
            .message(self.packed, self.limit)
            .map_err(UnpackError::of_response)?;
        if !ends {
            return Ok(Some(payload));
        }
        self.trailers.replace(read_end(&payload)?);
        Ok(None)
    }

    async fn envelope(&mut self) -> Result<Envelope, ConnectError> {
        loop {
            if let Some(envelope) = self.splitter.next()? {
                return Ok(envelope);
            }
            let Some(frame) = self.body.frame().await else {
                return Err(ConnectError::internal(
                    "the response ended without its last message",
                ));
            };
            let frame = frame.map_err(|error| broken_off(error, self.deadline))?;
            if let Ok(mut data) = frame.into_data() {
                self.splitter.add(&data.copy_to_bytes(data.remaining()));
            }
        }
    }
}

/// The error of a response that is not a success. One that is not in Connect's shape comes from something between
/// client and server, and has only its status to tell.
fn failure(head: http::response::Parts, body: &[u8]) -> ConnectError {
    let media = head.headers.get(CONTENT_TYPE).and_then(MediaType::parse);
    let is_json =
        media.is_some_and(|media| (media.protocol, media.encoding) == (Protocol::Unary, Encoding::Json));
    let status_alone = ConnectError::new(
        Code::from_http_status(head.status),
        format!("HTTP status {}", head.status),
    );
    let said = is_json.then(|| ConnectError::from_json(body, status_alone.clone()));
    let Some(Ok(mut error)) = said else {
        return without_strangers_headers(status_alone, &head.headers);
    };
    let (headers, trailers) = metadata::split(head.headers);
    metadata::append_all(error.metadata_mut(), &headers);
    metadata::append_all(error.metadata_mut(), &trailers);
    error
}

/// The headers of something in between say nothing about the call, and may be cookies: only when to come back is kept.
fn without_strangers_headers(mut error: ConnectError, headers: &HeaderMap) -> ConnectError {
    if let Some(later) = headers.get(RETRY_AFTER) {
        error.metadata_mut().insert(RETRY_AFTER, later.clone());
    }
    error
}

/// Calls a [`Router`](crate::Router) in the same process, without HTTP in between: for tests, and for services
/// composed into one program.
#[derive(Debug)]
pub struct InMemory {
    router: std::rc::Rc<crate::Router>,
}

impl InMemory {
    /// A transport to this router.
    pub fn new(router: std::rc::Rc<crate::Router>) -> Self {
        Self { router }
    }
}

impl Transport for InMemory {
    type ResponseBody = crate::Body;

    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<crate::Body>, TransportError> {
        Ok(self.router.handle(request.map(http_body_util::Full::new)).await)
    }
}
