//! Counts the requests in flight, and notifies an instance when no caller waits for its work any more.
//!
//! A request is in flight from its admission until its response is sent or cancelled. A cancelled request stays in
//! flight until the instance has stopped working on it. So a client gains nothing by connecting and disconnecting
//! repeatedly.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The caller's side of a request. It is dropped when the caller no longer waits for the response.
pub(crate) struct Ticket(Arc<Request>);

/// The instance's side of a request.
pub(crate) struct Stub(Arc<Request>);

struct Request {
    _permit: OwnedSemaphorePermit,
    stage: Mutex<Stage>,
    caller_left: AtomicWaker,
}

enum Stage {
    Queued,
    Accepted(Arc<Crew>),
    Left,
}

/// All requests that one instance has accepted.
#[derive(Default)]
pub(crate) struct Crew {
    /// The requests whose callers still wait, for the response or for the rest of its body.
    waiting: AtomicUsize,
    /// The requests whose callers left before there was a response. They stay in flight until the instance is dropped.
    abandoned: Mutex<Vec<Stub>>,
    caller_left: AtomicWaker,
}

/// Admits a request, or returns `None` if the maximum number of requests is in flight. It never waits. So components that
/// call each other, or themselves, reach the limit instead of a deadlock.
pub(crate) fn admit(limit: &Arc<Semaphore>) -> Option<(Ticket, Stub)> {
    let permit = limit.clone().try_acquire_owned().ok()?;
    let request = Arc::new(Request {
        _permit: permit,
        stage: Mutex::new(Stage::Queued),
        caller_left: AtomicWaker::new(),
    });
    Some((Ticket(request.clone()), Stub(request)))
}

impl Request {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *self.0.stage(), Stage::Left);
        self.0.caller_left.wake();
        if let Stage::Accepted(crew) = stage {
            crew.waiting.fetch_sub(1, Ordering::AcqRel);
            crew.caller_left.wake();
        }
    }
}

impl Stub {
    /// Adds the request to `crew`. The returned future is ready when the caller has left.
    pub(crate) fn join(self, crew: Arc<Crew>) -> impl Future<Output = ()> + Send + Sync + 'static {
        self.enter(&crew);
        async move {
            poll_fn(|cx| self.poll_left(cx)).await;
            crew.abandoned().push(self);
        }
    }

    fn enter(&self, crew: &Arc<Crew>) {
        let mut stage = self.0.stage();
        if let Stage::Queued = *stage {
            crew.waiting.fetch_add(1, Ordering::AcqRel);
            *stage = Stage::Accepted(crew.clone());
        }
    }

    fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.caller_left.register(cx.waker());
        match *self.0.stage() {
            Stage::Left => Poll::Ready(()),
            Stage::Queued | Stage::Accepted(_) => Poll::Pending,
        }
    }
}

impl Crew {
    fn abandoned(&self) -> MutexGuard<'_, Vec<Stub>> {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a caller waits for work of this instance.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Ready when no caller waits any more.
    pub(crate) fn poll_forsaken(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.caller_left.register(cx.waker());
        if self.is_waited_for() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Whether a caller left before there was a response.
    pub(crate) fn has_abandoned(&self) -> bool {
        !self.abandoned().is_empty()
    }

    /// The instance has ended: its requests are no longer in flight.
    pub(crate) fn disband(&self) {
        self.abandoned().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn no_more_requests_than_the_limit_are_admitted() {
        let limit = Arc::new(Semaphore::new(1));
        let first = admit(&limit).expect("the first request is admitted");
        assert!(
            admit(&limit).is_none(),
            "the second is not, while the first is in flight"
        );
        drop(first);
        assert!(admit(&limit).is_some(), "a finished request makes room");
    }

    #[test]
    fn abandoned_request_stays_in_flight_until_its_instance_ends() {
        let limit = Arc::new(Semaphore::new(1));
        let crew = Arc::new(Crew::default());
        let (ticket, stub) = admit(&limit).expect("there is room");
        let mut left = Box::pin(stub.join(crew.clone()));
        assert_eq!(left.as_mut().now_or_never(), None, "the caller still waits");
        assert!(
            crew.is_waited_for(),
            "an instance with a waiting caller is wanted"
        );

        drop(ticket);
        assert_eq!(
            left.as_mut().now_or_never(),
            Some(()),
            "the instance learns that the caller left"
        );
        assert!(
            !crew.is_waited_for() && crew.has_abandoned(),
            "no caller waits for the instance"
        );
        assert_eq!(
            limit.available_permits(),
            0,
            "the work goes on, so the request counts"
        );

        crew.disband();
        drop(left);
        assert_eq!(
            limit.available_permits(),
            1,
            "the instance is gone and so is the request"
        );
    }

    #[test]
    fn caller_that_leaves_the_queue_does_not_count_as_waiting() {
        let crew = Arc::new(Crew::default());
        let (ticket, stub) = admit(&Arc::new(Semaphore::new(1))).expect("there is room");
        drop(ticket);
        let mut left = Box::pin(stub.join(crew.clone()));
        assert_eq!(
            left.as_mut().now_or_never(),
            Some(()),
            "the caller left before the instance took the request"
        );
        assert!(!crew.is_waited_for(), "and does not count as waiting");
    }
}
