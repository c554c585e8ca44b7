//! The request of a call: its head, and its messages in the form of the protocol.

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

/// The maximum length of path and query of a call by GET, in bytes: every HTTP implementation should accept this length (RFC
/// 9110, 4.1). A longer call is made by POST.
const LONGEST_GET: usize = 8000;

impl<T: Transport> Client<T> {
    /// A request for a unary call of Connect. The body is one message, or the message is in the query and there is no body.
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

    /// The request for a call, without the headers for its message.
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

    /// Adds the headers of the protocol.
    fn describe(&self, protocol: Protocol, headers: &mut HeaderMap) {
        match protocol {
            Protocol::Unary | Protocol::Stream => {
                headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("1"));
            }
            // For proxies: a proxy that cannot pass trailers on should report that (gRPC over HTTP2, "TE").
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

/// The messages that a client compresses.
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

    /// The compressed message, if it must be compressed.
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

/// A future that is ready when a call's stream of requests has failed. If the stream ends without an error, it is never ready.
pub(super) type Failure = LocalBoxFuture<'static, ConnectError>;

/// The body for a stream of requests, and the future that reports an error in the stream. After an error the body does not
/// end, because the server must not take the incomplete stream for a complete one. The call is cancelled instead.
fn stream_body(requests: impl Stream<Item = Result<Bytes, ConnectError>> + 'static) -> (Body, Failure) {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let frames = requests.then(move |request| {
        let tell = request.is_err().then(|| tell.take()).flatten();
        async move {
            match request {
                Ok(message) => Frame::data(message),
                Err(error) => {
                    // A call that has ended does not receive it.
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

/// Waits for `work`, or for a failure of the call's requests.
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

/// The remaining time until a deadline.
///
/// # Errors
/// `deadline_exceeded` if that is less than the shortest time in the protocols.
fn left_until(deadline: Instant) -> Result<Duration, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ConnectError::deadline_exceeded(
            "the time for this request ran out before a call it needs",
        ));
    }
    Ok(left)
}
