//! What goes out with a call: its head, and the messages in the form that its protocol has for them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{self, Either, FutureExt as _, LocalBoxFuture, select};
use futures::stream::{Stream, StreamExt as _};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body::Frame;

use super::{Client, Deadline, Dialect, Transport, get};
use crate::body::Body;
use crate::compression::{self, Compression};
use crate::context::CallOptions;
use crate::descriptor::{Idempotency, MethodDescriptor};
use crate::envelope;
use crate::error::ConnectError;
use crate::json;
use crate::media::{MediaType, PROTOCOL_VERSION, Protocol};
use crate::{metadata, timeout};

/// The longest path with query, in bytes, that a call is made with by GET: every HTTP implementation should take as much
/// (RFC 9110, 4.1). A longer call is made by POST.
const LONGEST_GET: usize = 8000;

impl<T: Transport> Client<T> {
    /// A request whose body is one message, as unary calls of Connect have it; or one without a body, its message in the
    /// query.
    pub(super) fn plain_request<Req: json::Message>(
        &self,
        media: MediaType,
        method: &'static MethodDescriptor,
        options: CallOptions,
        message: &Req,
    ) -> Result<http::Request<Body>, ConnectError> {
        let message = self.encoding.encode(message, &self.types)?;
        let packed = Packing::of(self).packed(&message);
        let compression = if packed.is_some() {
            self.compression
        } else {
            Compression::Identity
        };
        let body = packed.unwrap_or(message);
        let uri = (self.gets && method.idempotency == Idempotency::NoSideEffects)
            .then(|| self.uri_of_get(method, compression, &body))
            .flatten();
        let mut request = self.request(media, method, options, Body::full(body))?;
        if let Some(name) = compression.name() {
            request
                .headers_mut()
                .insert(media.protocol.content_encoding(), name);
        }
        let Some(uri) = uri else {
            return Ok(request);
        };
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        *request.body_mut() = Body::default();
        for name in [CONTENT_TYPE, PROTOCOL_VERSION, media.protocol.content_encoding()] {
            request.headers_mut().remove(name);
        }
        Ok(request)
    }

    /// Path and query for a call by GET, if they are short enough.
    fn uri_of_get(&self, method: &MethodDescriptor, compression: Compression, message: &[u8]) -> Option<Uri> {
        let query = get::query(self.encoding, compression, message);
        let uri = format!("{}?{query}", method.path);
        (uri.len() <= LONGEST_GET)
            .then(|| Uri::try_from(uri).ok())
            .flatten()
    }

    /// A request whose body is one message in an envelope.
    pub(super) fn request_of_one<Req: json::Message>(
        &self,
        media: MediaType,
        method: &'static MethodDescriptor,
        options: CallOptions,
        message: &Req,
    ) -> Result<http::Request<Body>, ConnectError> {
        let message = self.encoding.encode(message, &self.types)?;
        let body = Body::full(Packing::of(self).seal(message));
        self.request(media, method, options, body)
    }

    /// A request whose body is a stream of messages in envelopes.
    pub(super) fn request_of_many<Req: json::Message>(
        &self,
        media: MediaType,
        method: &'static MethodDescriptor,
        options: CallOptions,
        messages: impl Stream<Item = Result<Req, ConnectError>> + 'static,
    ) -> Result<(http::Request<Body>, Failure), ConnectError> {
        let (encoding, types, packing) = (self.encoding, self.types.clone(), Packing::of(self));
        let encode = move |message: Req| {
            encoding
                .encode(&message, &types)
                .map(|message| packing.seal(message))
        };
        let (body, failure) = stream_body(messages.map(move |message| message.and_then(&encode)));
        let request = self.request(media, method, options, body)?;
        Ok((request, failure))
    }

    /// The request for a call, but for what its message needs.
    fn request(
        &self,
        media: MediaType,
        method: &'static MethodDescriptor,
        options: CallOptions,
        body: Body,
    ) -> Result<http::Request<Body>, ConnectError> {
        let CallOptions {
            mut headers,
            deadline,
        } = options;
        metadata::remove_framing(&mut headers);
        for name in [timeout::CONNECT, timeout::GRPC] {
            headers.remove(name);
        }
        headers.insert(CONTENT_TYPE, media.header());
        self.describe(media.protocol, &mut headers);
        let mut request = http::Request::new(body);
        request.extensions_mut().insert(method.kind);
        request.extensions_mut().insert(method.idempotency);
        if let Some(deadline) = deadline {
            let left = left_until(deadline)?;
            let (name, timeout) = match self.dialect {
                Dialect::Connect => (timeout::CONNECT, timeout::write_connect(left)),
                Dialect::Grpc | Dialect::GrpcWeb => (timeout::GRPC, timeout::write_grpc(left)),
            };
            if let Some(timeout) = timeout {
                headers.insert(name, timeout);
            }
            request.extensions_mut().insert(Deadline(deadline));
        }
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(method.path);
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Adds what a protocol's requests say of themselves.
    fn describe(&self, protocol: Protocol, headers: &mut HeaderMap) {
        match protocol {
            Protocol::Unary | Protocol::Stream => {
                headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
            }
            // For proxies: those that cannot pass trailers on should say so (gRPC over HTTP2, "TE").
            Protocol::Grpc => {
                headers.insert(TE, HeaderValue::from_static("trailers"));
            }
            Protocol::GrpcWeb | Protocol::GrpcWebText => {}
        }
        let Some(name) = self.compression.name() else {
            return;
        };
        headers.insert(protocol.accept_encoding(), compression::SUPPORTED);
        if protocol != Protocol::Unary {
            headers.insert(protocol.content_encoding(), name);
        }
    }
}

/// Which messages a client compresses.
#[derive(Clone, Copy)]
struct Packing {
    compression: Compression,
    from: Option<usize>,
}

impl Packing {
    fn of<T>(client: &Client<T>) -> Self {
        Self {
            compression: client.compression,
            from: client.packed_from,
        }
    }

    /// The message compressed, if it is to be.
    fn packed(self, message: &[u8]) -> Option<Vec<u8>> {
        match self.from {
            None => self.compression.pack(message),
            Some(least) if message.len() < least => None,
            Some(_) => compression::gzip(message),
        }
    }

    /// The message in an envelope.
    fn seal(self, message: Vec<u8>) -> Bytes {
        envelope::sealed(self.packed(&message), &message)
    }
}

/// Ready when a call's stream of requests has failed; never, when that ends well.
pub(super) type Failure = LocalBoxFuture<'static, ConnectError>;

/// The body for a stream of requests, and how the call learns that one of them is an error. The body does not end then:
/// the server must not take what it has for everything, so the call is given up instead.
fn stream_body(requests: impl Stream<Item = Result<Bytes, ConnectError>> + 'static) -> (Body, Failure) {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let frames = requests.then(move |request| {
        let tell = request.is_err().then(|| tell.take()).flatten();
        async move {
            match request {
                Ok(message) => Frame::data(message),
                Err(error) => {
                    // A call that is over has no use for it.
                    let _ = tell.map(|tell| tell.send(error));
                    future::pending().await
                }
            }
        }
    });
    let failure = told.then(|told| match told {
        Ok(error) => Either::Left(future::ready(error)),
        Err(oneshot::Canceled) => Either::Right(future::pending()),
    });
    (Body::stream(frames), failure.boxed_local())
}

/// Waits for `work`, which a failure of the call's requests ends.
pub(super) async fn unless_failed<T>(
    failure: Option<&mut Failure>,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(failure) = failure else {
        return work.await;
    };
    match select(std::pin::pin!(work), failure).await {
        Either::Left((result, _)) => result,
        Either::Right((error, _)) => Err(error),
    }
}

/// What is left until a deadline.
///
/// # Errors
/// `deadline_exceeded` where that is less than what the protocols can say.
fn left_until(deadline: Instant) -> Result<Duration, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ConnectError::deadline_exceeded(
            "the time for this request ran out before a call it needs",
        ));
    }
    Ok(left)
}
