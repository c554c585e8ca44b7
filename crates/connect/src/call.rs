//! One call of a method, between the router and the generated code of a service.

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use futures::stream::StreamExt as _;

use crate::context::Context;
use crate::descriptor::{MethodDescriptor, ServiceDescriptor};
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::interceptor::Interceptors;
use crate::json::{self, Types};
use crate::messages::{MessageStream, until_error};
use crate::reply::Reply;

/// A service that a [`Router`](crate::Router) can serve. Generated code implements it (`ProductServiceServer`, for example) on top of
/// the service's own trait.
pub trait Service {
    /// The declaration of the service in the .proto file.
    fn descriptor(&self) -> &'static ServiceDescriptor;

    /// Calls one of its methods.
    fn call<'a>(&'a self, method: &'static MethodDescriptor, call: Call<'a>) -> CallFuture<'a>;
}

/// What [`Service::call`] returns.
pub type CallFuture<'a> = LocalBoxFuture<'a, Result<Reply, ConnectError>>;

/// A call before its method runs: its context, and its message or messages, still encoded.
pub struct Call<'a> {
    pub(crate) context: &'a mut Context,
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) interceptors: &'a Interceptors,
    pub(crate) input: Input,
    pub(crate) encoding: Encoding,
    pub(crate) types: &'a Types,
}

/// The request of a method, still encoded.
pub(crate) enum Input {
    Message(Bytes),
    /// As they come.
    Messages(MessageStream<Bytes>),
}

/// The decoder for messages of a request.
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

    /// The request message of a method that takes one message. The error is `invalid_argument` for a malformed message, or
    /// the error of an interceptor.
    pub fn request<M: json::Message>(&self) -> Result<M, ConnectError> {
        match &self.input {
            Input::Message(message) => self.decoder().decode(message, self.context),
            Input::Messages(_) => Err(ConnectError::internal("the method takes a stream, not a message")),
        }
    }

    /// The request messages of a method that takes a stream. They can be taken once. Each message is read when the method
    /// polls for it, then decoded and passed to the interceptors with the current context. An error is the last item.
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

    /// The handler's answers. Each is encoded like the request when it comes. An error is the last item.
    pub fn reply_stream<M: json::Message + 'static>(&self, messages: MessageStream<M>) -> Reply {
        let (encoding, types) = (self.encoding, self.types.clone());
        let encode = move |message: Result<M, ConnectError>| {
            message.and_then(|message| encoding.encode(&message, &types))
        };
        Reply::Messages(messages.map(encode).boxed_local())
    }
}
