//! Calling: from a typed request over a [`Transport`] to a typed response.

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::body::{ReadError, read_whole};
use crate::json::{self, AnyType, Types};
use crate::unary::{PROTOCOL_VERSION, TIMEOUT, TIMEOUT_DIGITS};
use crate::{CallOptions, Code, ConnectError, Context, Encoding, MethodDescriptor, metadata};

/// How requests reach a server: an HTTP client that knows the server's address.
pub trait Transport {
    /// The body of a response, in whatever pieces it arrives.
    type ResponseBody: http_body::Body<Error: std::fmt::Display>;

    /// Sends a request and waits for the head of its response.
    ///
    /// The URI has only a path: the transport puts its server's scheme and authority before it. A [`Deadline`] among
    /// the request's extensions says when to stop waiting; it must be kept whatever the server does.
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
        append_all(&mut context.response_headers, &self.headers);
        append_all(&mut context.response_trailers, &self.trailers);
        self.message
    }
}

fn append_all(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        headers.append(name, value.clone());
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
    types: Types,
}

impl<T: Transport> Client<T> {
    /// A client that speaks JSON and takes responses of up to 4 MiB.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            encoding: Encoding::Json,
            response_bytes: DEFAULT_RESPONSE_BYTES,
            types: Types::default(),
        }
    }

    /// The same client with another encoding of messages.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
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
        let request = self.request(method, options, request)?;
        let (head, body) = self.transport.send(request).await?.into_parts();
        let body = read_whole(body, self.response_bytes)
            .await
            .map_err(|error| self.unreadable(error))?;
        self.response(head, &body)
    }

    fn request<Req: json::Message>(
        &self,
        method: &'static MethodDescriptor,
        options: CallOptions,
        message: &Req,
    ) -> Result<http::Request<Bytes>, ConnectError> {
        let CallOptions {
            mut headers,
            deadline,
        } = options;
        metadata::remove_framing(&mut headers);
        headers.insert(CONTENT_TYPE, self.encoding.content_type());
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
        headers.remove(TIMEOUT);
        let body = self.encoding.encode(message, &self.types)?;
        let mut request = http::Request::new(Bytes::from(body));
        if let Some(deadline) = deadline {
            if let Some(timeout) = timeout_header(deadline)? {
                headers.insert(TIMEOUT, timeout);
            }
            request.extensions_mut().insert(Deadline(deadline));
        }
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = Uri::from_static(method.path);
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn response<Res: json::Message>(
        &self,
        head: http::response::Parts,
        body: &[u8],
    ) -> Result<Response<Res>, ConnectError> {
        let compression = head.headers.get(CONTENT_ENCODING);
        if compression.is_some_and(|value| value != "identity") {
            return Err(ConnectError::internal(
                "the response is compressed, which was not asked for",
            ));
        }
        let encoding = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(Encoding::from_content_type);
        if head.status != StatusCode::OK {
            return Err(failure(head, encoding, body));
        }
        if encoding != Some(self.encoding) {
            return Err(ConnectError::unknown(
                "the response is not a Connect response: wrong content type",
            ));
        }
        let message = self.encoding.decode(body, &self.types);
        let message = message
            .map_err(|problem| ConnectError::internal(format!("the response message is wrong: {problem}")))?;
        let (headers, trailers) = metadata::split(head.headers);
        Ok(Response {
            message,
            headers,
            trailers,
        })
    }

    fn unreadable<E: std::fmt::Display>(&self, error: ReadError<E>) -> ConnectError {
        match error {
            ReadError::TooLarge => ConnectError::resource_exhausted(format!(
                "the response message is larger than {} bytes",
                self.response_bytes
            )),
            ReadError::Broken(error) => ConnectError::unavailable(format!("the response broke off: {error}")),
        }
    }
}

/// What is left until the deadline, for the header; `None` if it is too long for one, which is as good as forever.
fn timeout_header(deadline: Instant) -> Result<Option<HeaderValue>, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ConnectError::deadline_exceeded(
            "the time for this request ran out before a call it needs",
        ));
    }
    let milliseconds = left.as_millis().to_string();
    Ok(HeaderValue::try_from(&milliseconds)
        .ok()
        .filter(|_| milliseconds.len() <= TIMEOUT_DIGITS))
}

/// The error of a response that is not a success. One that is not in Connect's shape comes from something between
/// client and server, and has only its status to tell.
fn failure(head: http::response::Parts, encoding: Option<Encoding>, body: &[u8]) -> ConnectError {
    let described = if encoding == Some(Encoding::Json) {
        ConnectError::from_json(body).ok()
    } else {
        None
    };
    let mut error = described.unwrap_or_else(|| {
        ConnectError::new(
            Code::from_http_status(head.status),
            format!("HTTP status {}", head.status),
        )
    });
    let (headers, trailers) = metadata::split(head.headers);
    append_all(error.metadata_mut(), &headers);
    append_all(error.metadata_mut(), &trailers);
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
