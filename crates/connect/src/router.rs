//! The router: calls the method of a service for an HTTP request, and makes the response.

use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::body::Body;
use crate::call::{Call, Input, Service};
use crate::context::Context;
use crate::deadline::{Sleep, within};
use crate::descriptor::MethodDescriptor;
use crate::error::ConnectError;
use crate::exchange::{self, Exchange};
use crate::interceptor::{Interceptor, Interceptors};
use crate::json::{AnyType, Types};
use crate::limits::Limits;
use crate::reply::Reply;

/// Serves services over HTTP: one function from request to response, which any HTTP server can call.
///
/// It is created once, and used for many requests at the same time, on one thread.
#[derive(Default)]
pub struct Router {
    routes: HashMap<&'static str, Route>,
    interceptors: Interceptors,
    limits: Limits,
    types: Types,
    sleep: Option<Sleep>,
}

struct Route {
    service: Rc<dyn Service>,
    method: &'static MethodDescriptor,
}

impl Router {
    /// A router without services.
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
        self.interceptors.push(Rc::new(interceptor));
        self
    }

    /// Accepts requests within these limits instead of the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Allows the messages of a package inside a `google.protobuf.Any` in JSON.
    #[must_use]
    pub fn types(mut self, package: &'static [AnyType]) -> Self {
        self.types = self.types.with(package);
        self
    }

    /// Interrupts handlers at the caller's deadline: they are dropped at the point where they wait, and the answer is
    /// `deadline_exceeded`. `sleep` is the timer of the runtime, because this crate has none. Without it, only handlers and
    /// their calls can observe a deadline.
    #[must_use]
    pub fn cut_off_after<F>(mut self, sleep: impl Fn(Duration) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        self.sleep = Some(Rc::new(move |time| Box::pin(sleep(time))));
        self
    }

    /// Answers a request. It never fails: an error becomes an answer in the form of the client's protocol.
    pub async fn handle<B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        B: http_body::Body + 'static,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let Some(route) = self.routes.get(head.uri.path()) else {
            return exchange::no_such_path(&head);
        };
        let mut exchange = match Exchange::accept(&head, route.method) {
            Ok(exchange) => exchange,
            Err(refusal) => return *refusal,
        };
        let mut context = exchange.context(head.uri.clone(), head.headers);
        let result = match exchange.check(&mut context) {
            Ok(()) => {
                let time = self.time(&context);
                let called = within(time, self.call(route, &exchange, &mut context, body)).await;
                called.map(|reply| reply.until(context.deadline(), self.time(&context)))
            }
            Err(error) => Err(error),
        };
        exchange.respond(result, context)
    }

    /// Ready at the caller's deadline.
    fn time(&self, context: &Context) -> Option<LocalBoxFuture<'static, ()>> {
        Some(self.sleep.as_ref()?(context.remaining()?))
    }

    /// Runs all steps between the head of the request and the answer, in the order in which a caller's mistakes are reported.
    async fn call<B>(
        &self,
        route: &Route,
        exchange: &Exchange,
        context: &mut Context,
        body: B,
    ) -> Result<Reply, ConnectError>
    where
        B: http_body::Body + 'static,
        B::Error: std::fmt::Display,
    {
        for interceptor in &self.interceptors {
            interceptor.before(context, route.method).await?;
        }
        let input = match route.method.kind.takes_stream() {
            true => Input::Messages(exchange.messages(body, self.limits, self.sleep.clone())),
            false => Input::Message(exchange.message(body, self.limits).await?),
        };
        let call = Call {
            context,
            method: route.method,
            interceptors: &self.interceptors,
            input,
            encoding: exchange.encoding(),
            types: &self.types,
        };
        route.service.call(route.method, call).await
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.routes.keys()).finish()
    }
}
