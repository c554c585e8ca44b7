//! Code that runs before every method of a router.

use std::future::Future;
use std::rc::Rc;

use futures::future::LocalBoxFuture;

use crate::context::Context;
use crate::descriptor::MethodDescriptor;
use crate::error::ConnectError;
use crate::json::TextFields;

/// Code that runs before every method, for authentication, authorization, rate limits and headers that are passed on.
pub trait Interceptor {
    /// Checks a call before its message is read. An error is the answer.
    fn before(
        &self,
        context: &mut Context,
        method: &'static MethodDescriptor,
    ) -> impl Future<Output = Result<(), ConnectError>>;

    /// Checks the message of a call before the method gets it. In a request stream it checks each message. An error is the
    /// answer. In a stream the method gets the error instead of the message, and no further messages.
    ///
    /// # Errors
    /// The interceptor refuses the message. By default, no message is refused.
    fn message(
        &self,
        _context: &Context,
        _method: &'static MethodDescriptor,
        _message: &dyn TextFields,
    ) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// [`Interceptor`] in a form that a router can store in a list.
pub(crate) trait BoxedInterceptor {
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

/// The interceptors, in the order in which they run. They are shared, because a request stream can live longer than its
/// call.
pub(crate) type Interceptors = Vec<Rc<dyn BoxedInterceptor>>;
