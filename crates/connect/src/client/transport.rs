//! Transports, which carry calls from a client to a server.

use std::future::Future;
use std::rc::Rc;
use std::time::Instant;

use crate::body::Body;
use crate::error::ConnectError;
use crate::router::Router;

/// Sends requests to a server: an HTTP client with the server's address.
pub trait Transport {
    /// The body of a response, in pieces of any size. If the request has `te: trailers`, the last frame is the response's
    /// trailers, if there are any.
    type ResponseBody: http_body::Body<Error: std::fmt::Display> + 'static;

    /// Sends a request and waits for the head of its response.
    ///
    /// The URI has only path and query: the transport adds its server's scheme and authority. The request's body may be a
    /// stream that has not ended when the response begins. The transport continues to send it while it waits for the
    /// response and while the response's body is read. It cancels the call when that body is dropped.
    ///
    /// A [`Deadline`] in the request's extensions defines when to stop waiting, also for the response's body. The
    /// transport must keep it even if the server does not. A [`MethodKind`](crate::MethodKind) in the extensions
    /// defines which of the two bodies are streams of messages, and an [`Idempotency`](crate::Idempotency) whether the
    /// request may be sent again. A second sending requires a body that can be [cloned](Body::try_clone).
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Self::ResponseBody>, TransportError>>;
}

impl<T: Transport> Transport for Rc<T> {
    type ResponseBody = T::ResponseBody;

    fn send(
        &self,
        request: http::Request<Body>,
    ) -> impl Future<Output = Result<http::Response<Self::ResponseBody>, TransportError>> {
        (**self).send(request)
    }
}

/// When a [`Transport`] must stop waiting, as an extension of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(pub Instant);

/// The reason why a [`Transport`] has no response. The texts are for the caller of the RPC, so they contain no addresses and no
/// secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The server cannot be reached, or closed the connection.
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

/// Calls a [`Router`] in the same process, without HTTP: for tests, and for services that are composed into one
/// program.
#[derive(Debug)]
pub struct InMemory {
    router: Rc<Router>,
}

impl InMemory {
    /// A transport to this router.
    pub fn new(router: Rc<Router>) -> Self {
        Self { router }
    }
}

impl Transport for InMemory {
    type ResponseBody = Body;

    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        Ok(self.router.handle(request).await)
    }
}
