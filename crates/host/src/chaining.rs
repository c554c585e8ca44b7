//! Interception of calls between components. Embedders use it for tests in which calls of an application are lost, late or
//! repeated.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// A call of one component by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedCall {
    /// The component that is called.
    pub callee: String,
    /// The path of the call, without its query.
    pub path: String,
}

/// What a test does with a call or with its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interference {
    /// It is passed on.
    #[default]
    Pass,
    /// It is lost. The caller only gets an error, because there is no answer.
    Lose,
    /// A call is made twice, one after the other, and the second answer counts. For an answer this is [`Interference::Pass`].
    Repeat,
}

/// Intercepts the calls between the components of an application. If a method waits, it delays the call or its answer.
/// A future that never ends acts like a component that does not answer.
pub trait Chaining: Send + Sync {
    /// Before a call reaches its callee.
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference>;

    /// After the callee has answered, before the caller gets the answer.
    fn after(&self, call: &ChainedCall) -> BoxFuture<'static, Interference>;
}

/// The interceptor of calls between components. Only tests have one.
#[derive(Clone, Default)]
pub(crate) struct Between(Option<Arc<dyn Chaining>>);

impl Between {
    pub(crate) fn new(chaining: Option<Arc<dyn Chaining>>) -> Self {
        Self(chaining)
    }

    /// The interceptor, and the call to pass to it. `None` if there is no interceptor.
    pub(crate) fn call(&self, callee: &str, path: &str) -> Option<(Arc<dyn Chaining>, ChainedCall)> {
        let chaining = self.0.clone()?;
        let call = ChainedCall {
            callee: callee.to_owned(),
            path: path.to_owned(),
        };
        Some((chaining, call))
    }
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Between").field(&self.0.is_some()).finish()
    }
}
