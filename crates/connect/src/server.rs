//! Serving: from an HTTP request to a method of a service, and back.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::{LocalBoxStream, Stream, StreamExt as _};

use crate::exchange::{self, Exchange};
use crate::json::{self, AnyType, TextFields, Types};
use crate::{Body, ConnectError, Context, Encoding, MethodDescriptor, ServiceDescriptor};

/// What a [`Router`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request message, in bytes, as sent and unpacked; larger ones are answered `resource_exhausted`.
    ///
    /// It bounds memory too, but not one to one: a repeated field of empty messages takes two bytes an element as sent,
    /// and here what the generated struct takes. Where memory is short, set it to what real messages need.
    pub request_bytes: usize,
    /// What all messages of one request stream may have together, in bytes, unpacked; more is answered
    /// `resource_exhausted`. None is no limit: no more of a stream is kept than one message, however long it is.
    pub stream_bytes: Option<u64>,
    /// How many messages one request stream may have; more are answered `resource_exhausted`. None is no limit.
    pub stream_messages: Option<u64>,
    /// How long a handler waits for the next message of a request stream; then the stream fails with
    /// `deadline_exceeded`. None is no limit. It needs [`Router::cut_off_after`].
    pub message_time: Option<Duration>,
}

impl Default for Limits {
    /// 4 MiB a message, as gRPC servers have it; streams of any length, whose next message comes within a minute.
    fn default() -> Self {
        Self {
            request_bytes: 4 * 1024 * 1024,
            stream_bytes: None,
            stream_messages: None,
            message_time: Some(Duration::from_secs(60)),
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

/// A call on its way into a method: its context, and its message or messages, still encoded.
pub struct Call<'a> {
    context: &'a mut Context,
    method: &'static MethodDescriptor,
    interceptors: &'a Interceptors,
    input: Input,
    encoding: Encoding,
    types: &'a Types,
}

/// What a method takes.
enum Input {
    Message(Bytes),
    /// As they come.
    Messages(MessageStream<Bytes>),
}

/// What makes messages of a request out of bytes.
struct Decoder<'a> {
    method: &'static MethodDescriptor,
    interceptors: &'a Interceptors,
    encoding: Encoding,
    types: &'a Types,
}

impl Decoder<'_> {
    fn decode<M: json::Message>(&self, message: &Bytes, context: &Context) -> Result<M, ConnectError> {
        let message: M = self.encoding.decode(message, self.types).map_err(|problem| {
            ConnectError::invalid_argument(format!("the request message is wrong: {problem}"))
        })?;
        for interceptor in self.interceptors {
            interceptor.message(context, self.method, &message)?;
        }
        Ok(message)
    }
}

impl Call<'_> {
    /// The context, for the handler.
    pub fn context(&mut self) -> &mut Context {
        self.context
    }

    /// The request message of a method that takes one; `invalid_argument` if it is not one, or what an interceptor has
    /// against it.
    pub fn request<M: json::Message>(&self) -> Result<M, ConnectError> {
        match &self.input {
            Input::Message(message) => self.decoder().decode(message, self.context),
            Input::Messages(_) => Err(ConnectError::internal("the method takes a stream, not a message")),
        }
    }

    /// The request messages of a method that takes a stream, to be taken once. Each is read when it is asked for, then
    /// decoded and shown to the interceptors with the context as it is now. After an error nothing follows.
    pub fn requests<M: json::Message + 'static>(&mut self) -> Result<MessageStream<M>, ConnectError> {
        let taken = Input::Message(Bytes::new());
        let Input::Messages(messages) = std::mem::replace(&mut self.input, taken) else {
            return Err(ConnectError::internal("the method takes a message, not a stream"));
        };
        let (method, encoding) = (self.method, self.encoding);
        let (interceptors, types, context) = (
            self.interceptors.clone(),
            self.types.clone(),
            self.context.clone(),
        );
        let decode = move |message: Result<Bytes, ConnectError>| {
            let decoder = Decoder {
                method,
                interceptors: &interceptors,
                encoding,
                types: &types,
            };
            decoder.decode(&message?, &context)
        };
        Ok(until_error(messages.map(decode)))
    }

    fn decoder(&self) -> Decoder<'_> {
        Decoder {
            method: self.method,
            interceptors: self.interceptors,
            encoding: self.encoding,
            types: self.types,
        }
    }

    /// The handler's answer, encoded as the request was.
    pub fn reply<M: json::Message>(&self, message: &M) -> Result<Reply, ConnectError> {
        self.encoding.encode(message, self.types).map(Reply::Message)
    }

    /// The handler's answers, each encoded as the request was when it comes. After an error nothing follows.
    pub fn reply_stream<M: json::Message + 'static>(&self, messages: MessageStream<M>) -> Reply {
        let (encoding, types) = (self.encoding, self.types.clone());
        let encode = move |message: Result<M, ConnectError>| {
            message.and_then(|message| encoding.encode(&message, &types))
        };
        Reply::Messages(messages.map(encode).boxed_local())
    }
}

/// A stream of messages before its first error, and that error.
fn until_error<M: 'static>(
    messages: impl Stream<Item = Result<M, ConnectError>> + 'static,
) -> MessageStream<M> {
    let pass = |has_failed: &mut bool, message: Result<M, ConnectError>| {
        let passed = (!*has_failed).then_some(message);
        *has_failed |= passed.as_ref().is_none_or(Result::is_err);
        std::future::ready(passed)
    };
    messages.scan(false, pass).boxed_local()
}

/// What a method that takes a stream of messages gets, and one that gives a stream returns. The stream ends with an error,
/// or, when all went well, just so. Dropping it gives the rest up.
pub type MessageStream<M> = LocalBoxStream<'static, Result<M, ConnectError>>;

/// [`MessageStream`], encoded.
pub(crate) type Messages = MessageStream<Vec<u8>>;

/// The answer of a method, encoded.
pub enum Reply {
    /// One message.
    Message(Vec<u8>),
    /// Messages as they come.
    Messages(MessageStream<Vec<u8>>),
}

impl Reply {
    /// The one message of a unary method.
    pub(crate) fn only(self) -> Result<Vec<u8>, ConnectError> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Messages(_) => Err(ConnectError::internal("a unary method answered with a stream")),
        }
    }

    /// The same answer, its stream ended by an error at the deadline.
    fn until(self, deadline: Option<Instant>, time: Option<LocalBoxFuture<'static, ()>>) -> Self {
        match (self, deadline, time) {
            (Self::Messages(messages), Some(deadline), Some(time)) => {
                let timed = Timed {
                    messages: Some(messages),
                    deadline,
                    time,
                };
                Self::Messages(timed.boxed_local())
            }
            (reply, ..) => reply,
        }
    }
}

/// Messages until a deadline.
struct Timed {
    /// Gone when it has ended.
    messages: Option<Messages>,
    deadline: Instant,
    /// Ready then.
    time: LocalBoxFuture<'static, ()>,
}

impl Stream for Timed {
    type Item = Result<Vec<u8>, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            messages,
            deadline,
            time,
        } = &mut *self;
        let Some(arriving) = messages else {
            return Poll::Ready(None);
        };
        // The clock first: where messages are always there, nobody waits, and no timer fires.
        if Instant::now() < *deadline {
            if let Poll::Ready(message) = arriving.poll_next_unpin(context) {
                return Poll::Ready(message);
            }
            ready!(time.as_mut().poll(context));
        }
        *messages = None;
        Poll::Ready(Some(Err(out_of_time())))
    }
}

fn out_of_time() -> ConnectError {
    ConnectError::deadline_exceeded("the time for this request ran out")
}

/// Waits for some time.
pub(crate) type Sleep = Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

/// Code that runs before every method: who is calling, may they, how often, what travels on.
pub trait Interceptor {
    /// Looks at a call before its message is read. What it returns as an error is the answer.
    fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> impl Future<Output = Result<(), ConnectError>>;

    /// Looks at a call's message before the method does: at each one of a request stream. What it returns as an error is
    /// the answer, or, in a stream, what the method gets instead of the message and of all that would follow.
    ///
    /// # Errors
    /// What the interceptor has against the message; nothing, if it has no opinion.
    fn message(
        &self,
        _context: &Context,
        _method: &'static MethodDescriptor,
        _message: &dyn TextFields,
    ) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// [`Interceptor`] in the form that a router can keep several of.
trait BoxedInterceptor {
    fn before<'a>(
        &'a self,
        context: &'a mut Context,
        method: &'static MethodDescriptor,
    ) -> LocalBoxFuture<'a, Result<(), ConnectError>>;

    fn message(
        &self,
        context: &Context,
        method: &'static MethodDescriptor,
        message: &dyn TextFields,
    ) -> Result<(), ConnectError>;
}

impl<I: Interceptor> BoxedInterceptor for I {
    fn before<'a>(
        &'a self,
        context: &'a mut Context,
        method: &'static MethodDescriptor,
    ) -> LocalBoxFuture<'a, Result<(), ConnectError>> {
        Box::pin(Interceptor::before(self, context, method))
    }

    fn message(
        &self,
        context: &Context,
        method: &'static MethodDescriptor,
        message: &dyn TextFields,
    ) -> Result<(), ConnectError> {
        Interceptor::message(self, context, method, message)
    }
}

/// In the order in which they run. Shared, because a request stream outlasts the call that gave it.
type Interceptors = Vec<Rc<dyn BoxedInterceptor>>;

/// Serves services over HTTP: one function from request to response, that any HTTP server can call.
///
/// Made once and used for many requests at the same time, on one thread.
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
        self.interceptors.push(Rc::new(interceptor));
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

    /// Cuts handlers off when their caller's time is up: they are dropped where they wait, and the answer is
    /// `deadline_exceeded`. `sleep` is the runtime's way to wait, which this crate has not. Without it a deadline is only
    /// what handlers and the calls they make heed.
    #[must_use]
    pub fn cut_off_after<F>(mut self, sleep: impl Fn(Duration) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        self.sleep = Some(Rc::new(move |time| Box::pin(sleep(time))));
        self
    }

    /// Answers a request. Never fails: what goes wrong becomes an answer in the shape of the client's protocol.
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
                let called = in_time(time, self.call(route, &exchange, &mut context, body)).await;
                called.map(|reply| reply.until(context.deadline(), self.time(&context)))
            }
            Err(error) => Err(error),
        };
        exchange.respond(result, context)
    }

    /// Ready when the caller's time is up.
    fn time(&self, context: &Context) -> Option<LocalBoxFuture<'static, ()>> {
        Some(self.sleep.as_ref()?(context.remaining()?))
    }

    /// Everything between the protocol's head and its answer, in the order in which a caller's mistakes are reported.
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

async fn in_time<T>(
    time: Option<LocalBoxFuture<'static, ()>>,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(time) = time else {
        return work.await;
    };
    match select(pin!(work), time).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(out_of_time()),
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.routes.keys()).finish()
    }
}
