//! Somebody between the components: calls get lost, hang, or are only counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};
use host::chaining::{ChainedCall, Chaining, Verdict};
use tokio::sync::watch;

/// What happens to the calls of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They get through.
    Pass,
    /// They get lost, so many of them, and then they get through.
    Lose(u32),
    /// They wait until their fate is another.
    Hang,
}

/// Decides about calls, and counts them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Between(Arc<Mutex<BTreeMap<String, Callee>>>);

#[derive(Debug)]
struct Callee {
    fate: watch::Sender<Fate>,
    calls: u32,
}

impl Default for Callee {
    fn default() -> Self {
        Self {
            fate: watch::Sender::new(Fate::Pass),
            calls: 0,
        }
    }
}

impl Between {
    /// Somebody who lets all calls pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this happens to calls of this component, and to those that wait.
    pub fn set(&self, callee: &str, fate: Fate) {
        self.with(callee, |callee| callee.fate.send_replace(fate));
    }

    /// The calls of this component so far, lost ones included.
    pub fn calls(&self, callee: &str) -> u32 {
        self.with(callee, |callee| callee.calls)
    }

    fn with<T>(&self, callee: &str, work: impl FnOnce(&mut Callee) -> T) -> T {
        let mut callees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(callees.entry(callee.to_owned()).or_default())
    }
}

impl Chaining for Between {
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Verdict> {
        let fate = self.with(&call.callee, |callee| {
            // What answers a health check is no call of the service.
            callee.calls += u32::from(call.path != "/ready");
            let fate = *callee.fate.borrow();
            if let Fate::Lose(left) = fate {
                let next = match left {
                    0 | 1 => Fate::Pass,
                    _ => Fate::Lose(left - 1),
                };
                callee.fate.send_replace(next);
            }
            match fate {
                Fate::Hang => Err(callee.fate.subscribe()),
                Fate::Pass | Fate::Lose(0) => Ok(Verdict::Pass),
                Fate::Lose(_) => Ok(Verdict::Lose),
            }
        });
        match fate {
            Ok(verdict) => future::ready(verdict).boxed(),
            Err(mut fate) => async move {
                // Whoever decides is gone with the test.
                let _ = fate.wait_for(|fate| *fate != Fate::Hang).await;
                Verdict::Pass
            }
            .boxed(),
        }
    }

    fn after(&self, _: &ChainedCall) -> BoxFuture<'static, Verdict> {
        future::ready(Verdict::Pass).boxed()
    }
}
