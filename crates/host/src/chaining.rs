//! Calls from one component to another, for those who embed the host and want to stand between: tests of what becomes of
//! an application when calls get lost, come late, or come twice.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// A call of one component by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedCall {
    /// The component that is called.
    pub callee: String,
    /// The path that it is called with, without its query.
    pub path: String,
}

/// What a test does with a call or with its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interference {
    /// It is passed on.
    #[default]
    Pass,
    /// It is lost: the caller learns only that there is no answer.
    Lose,
    /// A call is made twice, one after the other, and the second answer counts. For an answer this is [`Interference::Pass`].
    Repeat,
}

/// Stands between the components of an application. Waiting in either method delays the call, or its answer; a future that
/// never ends is a component that hangs.
pub trait Chaining: Send + Sync {
    /// Before a call reaches its callee.
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference>;

    /// After the callee has answered, before its caller hears of it.
    fn after(&self, call: &ChainedCall) -> BoxFuture<'static, Interference>;
}

/// What intercepts the calls between components: nothing, except in tests.
#[derive(Clone, Default)]
pub(crate) struct Between(Option<Arc<dyn Chaining>>);

impl Between {
    pub(crate) fn new(chaining: Option<Arc<dyn Chaining>>) -> Self {
        Self(chaining)
    }

    /// The interceptor and the call to show it; `None` where there is no interceptor.
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
