//! Reuse of instances: the functions that `wasmtime_wasi_http`'s [`ProxyHandler`] requires of a host.
//!
//! The handler queues requests, starts instances and passes requests to them. This module decides how many requests an
//! instance takes and when it ends. An instance ends when it has answered [`INSTANCE_REUSE`] requests, when it has been idle
//! for [`INSTANCE_IDLE`], when it works but no caller waits for any of its requests, or when it exceeds the deadline of the
//! request that it accepted last. The last rule stops a guest that computes forever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, InstancePre};
use wasmtime::{Store, StoreContextMut, Trap};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{p2, p3};

use crate::inflight::{Crew, Stub};
use crate::instance::{Blueprint, State};
use crate::limits::{INSTANCE_CONCURRENCY, INSTANCE_IDLE, INSTANCE_REUSE};

/// The time from a request's deadline until its instance ends. The caller's deadline must come first: it gives the
/// answer 504, but an instance that is ended gives 500. After the 504 no caller waits for the instance, and it ends at
/// once.
const SLACK: Duration = Duration::from_millis(500);

/// Dispatches requests over instances of one component.
pub(crate) type Handler = ProxyHandler<Pool>;

/// A component that answers HTTP, ready to be instantiated.
pub(crate) struct Pool {
    blueprint: Arc<Blueprint>,
    pre: ProxyPre<State>,
    deadline: Duration,
}

/// The component's HTTP handler: `wasi:http/handler@0.3` or `wasi:http/incoming-handler@0.2`.
///
/// # Errors
/// The component exports neither.
pub(crate) fn handler(pre: &InstancePre<State>) -> wasmtime::Result<ProxyPre<State>> {
    Ok(match p3::bindings::ServicePre::new(pre.clone()) {
        Ok(service) => ProxyPre::P3(service),
        Err(_) => ProxyPre::P2(p2::bindings::ProxyPre::new(pre.clone())?),
    })
}

impl Pool {
    /// A pool of instances of `blueprint`. A request in one of them is cancelled after `deadline`.
    pub(crate) fn new(blueprint: Arc<Blueprint>, pre: ProxyPre<State>, deadline: Duration) -> Self {
        Self {
            blueprint,
            pre,
            deadline,
        }
    }

    /// The number of requests that one instance takes, in total and at the same time. WASI 0.2 handlers cannot be entered
    /// twice, and Spin uses a new instance for each of their requests.
    fn capacity(&self) -> (usize, usize) {
        match self.pre {
            ProxyPre::P2(_) => (1, 1),
            ProxyPre::P3(_) => (INSTANCE_REUSE, INSTANCE_CONCURRENCY),
        }
    }
}

impl HandlerState for Pool {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let mut store = self.blueprint.store();
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let crew = Arc::new(Crew::default());
        let (reuse, concurrency) = self.capacity();
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: Expiration::new(crew.clone(), self.deadline),
            state: Worker {
                component: self.blueprint.component.clone(),
                crew,
                reuse,
                concurrency,
            },
        })
    }
}

/// Decides whether one instance takes another request.
pub(crate) struct Worker {
    component: Arc<str>,
    crew: Arc<Crew>,
    reuse: usize,
    concurrency: usize,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = Stub;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse {
            ShouldAccept::Never
        } else if concurrent >= self.concurrency {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        stub: Stub,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(stub.join(self.crew.clone()))
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        drop(store);
        let wanted = self.crew.is_waited_for();
        self.crew.disband();
        match result {
            Ok(()) => {}
            Err(error) if wanted || error.is::<Trap>() => {
                tracing::error!(component = &*self.component, "instance failed: {error:?}");
            }
            // The instance was ended after its callers had left, or with the whole runtime.
            Err(error) => tracing::debug!(component = &*self.component, "instance dropped: {error:#}"),
        }
    }
}

/// Decides when one instance ends.
pub(crate) struct Expiration {
    crew: Arc<Crew>,
    deadline: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Expiration {
    fn new(crew: Arc<Crew>, deadline: Duration) -> Self {
        Self {
            crew,
            deadline,
            timer: Box::pin(tokio::time::sleep(deadline)),
        }
    }

    /// Whether no caller waits for the instance's work.
    fn is_unwanted(&self, cx: &mut Context<'_>, status: WorkerStatus) -> bool {
        match status {
            WorkerStatus::Idle => false,
            WorkerStatus::Requests => self.crew.poll_forsaken(cx).is_ready(),
            // Here it is normal that no caller waits: the responses are sent, and the guest may clean up.
            WorkerStatus::PostReturn => self.crew.poll_forsaken(cx).is_ready() && self.crew.has_abandoned(),
        }
    }

    /// Ready at `time`. A timer that fires earlier is not changed: `time` changes with every request, and setting the
    /// timer again once a second is cheaper than for every request.
    fn poll_at(&mut self, cx: &mut Context<'_>, time: tokio::time::Instant) -> Poll<()> {
        if time < self.timer.deadline() {
            self.timer.as_mut().reset(time);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if time <= tokio::time::Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(time);
        }
        Poll::Pending
    }
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if self.is_unwanted(cx, status) {
            return Poll::Ready(());
        }
        let patience = match status {
            WorkerStatus::Idle => INSTANCE_IDLE,
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.deadline + SLACK,
        };
        self.poll_at(cx, (start + patience).into())
    }
}
