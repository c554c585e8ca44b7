//! Serving: from an HTTP request to a method of a service, and back.

use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use bytes::Bytes;
use futures::future::LocalBoxFuture;

use crate::json::{self, AnyType, Types};
use crate::unary::{self, Request};
use crate::{Body, ConnectError, Context, Encoding, MethodDescriptor, ServiceDescriptor};

/// What a [`Router`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request message, in bytes as sent; larger ones are answered `resource_exhausted`.
    pub request_bytes: usize,
}

impl Default for Limits {
    /// 4 MiB, as gRPC servers have it.
    fn default() -> Self {
        Self {
            request_bytes: 4 * 1024 * 1024,
        }
    }
}

/// A service that a [`Router`] can serve. Generated code implements it (`ProductServiceServer`, for example) on top of
/// the service's own trait.
pub trait Service {
    /// What the .proto file says about the service.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Calls one of its methods.
    fn call<'a>(&'a self, method: &'static MethodDescriptor, call: Call<'a>) -> CallFuture<'a>;
}

/// What [`Service::call`] returns.
pub type CallFuture<'a> = LocalBoxFuture<'a, Result<Reply, ConnectError>>;

/// A call on its way into a method: the request message, still encoded, and its context.
#[derive(Debug)]
pub struct Call<'a> {
    context: &'a mut Context,
    message: Bytes,
    encoding: Encoding,
    types: &'a Types,
}

impl Call<'_> {
    /// The context, for the handler.
    pub fn context(&mut self) -> &mut Context {
        self.context
    }

    /// The request message; `invalid_argument` if it is not one.
    pub fn request<M: json::Message>(&self) -> Result<M, ConnectError> {
        let decoded = self.encoding.decode(&self.message, self.types);
        decoded.map_err(|problem| {
            ConnectError::invalid_argument(format!("the request message is wrong: {problem}"))
        })
    }

    /// The handler's answer, encoded as the request was.
    pub fn reply<M: json::Message>(&self, message: &M) -> Result<Reply, ConnectError> {
        self.encoding.encode(message, self.types).map(Reply)
    }
}

/// The answer of a method, encoded.
#[derive(Debug)]
pub struct Reply(pub(crate) Vec<u8>);

/// Code that runs before every method: who is calling, may they, how often, what travels on.
pub trait Interceptor {
    /// Looks at a call before its message is read. What it returns as an error is the answer.
    fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> impl Future<Output = Result<(), ConnectError>>;
}

/// [`Interceptor`] in the form that a router can keep several of.
trait BoxedInterceptor {
    fn before<'a>(
        &'a self,
        context: &'a mut Context,
        method: &'static MethodDescriptor,
    ) -> LocalBoxFuture<'a, Result<(), ConnectError>>;
}

impl<I: Interceptor> BoxedInterceptor for I {
    fn before<'a>(
        &'a self,
        context: &'a mut Context,
        method: &'static MethodDescriptor,
    ) -> LocalBoxFuture<'a, Result<(), ConnectError>> {
        Box::pin(Interceptor::before(self, context, method))
    }
}

/// Serves services over HTTP: one function from request to response, that any HTTP server can call.
///
/// Made once and used for many requests at the same time, on one thread.
#[derive(Default)]
pub struct Router {
    routes: HashMap<&'static str, Route>,
    interceptors: Vec<Box<dyn BoxedInterceptor>>,
    limits: Limits,
    types: Types,
}

struct Route {
    service: Rc<dyn Service>,
    method: &'static MethodDescriptor,
}

impl Router {
    /// A router that serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves all methods of a service at their paths.
    #[must_use]
    pub fn service(mut self, service: impl Service + 'static) -> Self {
        let service: Rc<dyn Service> = Rc::new(service);
        for &method in service.descriptor().methods {
            self.routes.insert(
                method.path,
                Route {
                    service: Rc::clone(&service),
                    method,
                },
            );
        }
        self
    }

    /// Runs an interceptor before every method, after those that were added earlier.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor + 'static) -> Self {
        self.interceptors.push(Box::new(interceptor));
        self
    }

    /// Accepts requests within these limits instead of the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets the messages of a package stand inside a `google.protobuf.Any` in JSON.
    #[must_use]
    pub fn types(mut self, package: &'static [AnyType]) -> Self {
        self.types = self.types.with(package);
        self
    }

    /// Answers a request. Never fails: what goes wrong becomes an answer in Connect's shape.
    pub async fn handle<B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let Some(route) = self.routes.get(head.uri.path()) else {
            return unary::no_such_path(head.uri.path());
        };
        let request = match Request::accept(&head.method, &head.uri, &head.headers, route.method) {
            Ok(request) => request,
            Err(refusal) => return *refusal,
        };
        let mut context = Context::new(head.headers, None);
        let result = self.call(route, &request, &mut context, body).await;
        unary::respond(request.encoding(), result, context)
    }

    /// Everything between the protocol's head and its answer, in the order in which a caller's mistakes are reported.
    async fn call<B>(
        &self,
        route: &Route,
        request: &Request<'_>,
        context: &mut Context,
        body: B,
    ) -> Result<Reply, ConnectError>
    where
        B: http_body::Body,
        B::Error: std::fmt::Display,
    {
        request.check(context)?;
        for interceptor in &self.interceptors {
            interceptor.before(context, route.method).await?;
        }
        let message = request.message(body, self.limits.request_bytes).await?;
        let encoding = request.encoding();
        route
            .service
            .call(
                route.method,
                Call {
                    context,
                    message,
                    encoding,
                    types: &self.types,
                },
            )
            .await
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.routes.keys()).finish()
    }
}
