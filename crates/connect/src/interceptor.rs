//! Code that runs before every method of a router.

use std::future::Future;
use std::rc::Rc;

use futures::future::LocalBoxFuture;

use crate::context::Context;
use crate::descriptor::MethodDescriptor;
use crate::error::ConnectError;
use crate::json::TextFields;

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

/// In the order in which they run. Shared, because a request stream outlasts the call that gave it.
pub(crate) type Interceptors = Vec<Rc<dyn BoxedInterceptor>>;
