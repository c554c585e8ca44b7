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

use crate::clients::{ClientNetwork, Share, Shares};
use crate::limits::Limits;

/// The places of one component for the requests of its clients, or of other components.
pub(crate) struct Places {
    requests: Arc<Semaphore>,
    long_responses: LongPlaces,
}

/// The places for long responses or for long uploads, of which one client has a part at most.
pub(crate) struct LongPlaces {
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// A place for a long response or a long upload.
pub(crate) struct LongPlace {
    _place: OwnedSemaphorePermit,
    /// `None` for a component.
    _share: Option<Share>,
}

impl LongPlaces {
    pub(crate) fn new(places: usize, per_client: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            shares: Shares::new(per_client),
        }
    }

    /// A place for a client, or for a component; `None` if all are taken, or the client has its part.
    pub(crate) fn take(&self, client: Option<ClientNetwork>) -> Option<LongPlace> {
        let share = match client {
            Some(client) => Some(self.shares.take(client)?),
            None => None,
        };
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(LongPlace {
            _place: place,
            _share: share,
        })
    }
}

/// The place of a request in flight.
enum Place {
    Request(#[allow(dead_code, reason = "dropped with the request")] OwnedSemaphorePermit),
    Long(#[allow(dead_code, reason = "dropped with the request")] LongPlace),
}

/// The caller's side of a request. It is dropped when the caller no longer waits for the response.
pub(crate) struct Ticket(Arc<Request>);

/// The instance's side of a request.
pub(crate) struct Stub(Arc<Request>);

struct Request {
    place: Mutex<Place>,
    /// The client's share of the requests in flight; `None` for a request of a component.
    share: Option<Arc<Share>>,
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

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.in_flight)),
            long_responses: LongPlaces::new(limits.long_responses, limits.long_per_address),
        }
    }

    /// Admits a request, or returns `None` if the maximum number of requests is in flight. It never waits. So components that
    /// call each other, or themselves, reach the limit instead of a deadlock.
    pub(crate) fn admit(&self, share: Option<Arc<Share>>) -> Option<(Ticket, Stub)> {
        let place = self.requests.clone().try_acquire_owned().ok()?;
        let request = Arc::new(Request {
            place: Mutex::new(Place::Request(place)),
            share,
            stage: Mutex::new(Stage::Queued),
            caller_left: AtomicWaker::new(),
        });
        Some((Ticket(request.clone()), Stub(request)))
    }

    /// Exchanges the place of a request whose response goes on for long. False if there is no such place.
    pub(crate) fn make_long(&self, ticket: &Ticket) -> bool {
        let client = ticket.0.share.as_ref().map(|share| share.client());
        let Some(long) = self.long_responses.take(client) else {
            return false;
        };
        *ticket.0.place.lock().unwrap_or_else(PoisonError::into_inner) = Place::Long(long);
        true
    }
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

    fn one_place() -> Places {
        Places::new(&Limits {
            in_flight: 1,
            long_responses: 1,
            ..Limits::default()
        })
    }

    #[test]
    fn long_response_gives_the_place_of_its_request_back() {
        let places = one_place();
        let (stream, _stub) = places.admit(None).expect("there is room");
        assert!(
            places.make_long(&stream),
            "there is a place for one long response"
        );
        let (second, _stub) = places
            .admit(None)
            .expect("the first request needs no place of this kind now");
        assert!(
            !places.make_long(&second),
            "there is no place for another long response"
        );
        drop((stream, _stub));
    }

    #[test]
    fn no_more_requests_than_the_limit_are_admitted() {
        let limit = one_place();
        let first = limit.admit(None).expect("the first request is admitted");
        assert!(
            limit.admit(None).is_none(),
            "the second is not, while the first is in flight"
        );
        drop(first);
        assert!(limit.admit(None).is_some(), "a finished request makes room");
    }

    #[test]
    fn abandoned_request_stays_in_flight_until_its_instance_ends() {
        let limit = one_place();
        let crew = Arc::new(Crew::default());
        let (ticket, stub) = limit.admit(None).expect("there is room");
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
            limit.requests.available_permits(),
            0,
            "the work goes on, so the request counts"
        );

        crew.disband();
        drop(left);
        assert_eq!(
            limit.requests.available_permits(),
            1,
            "the instance is gone and so is the request"
        );
    }

    #[test]
    fn caller_that_leaves_the_queue_does_not_count_as_waiting() {
        let crew = Arc::new(Crew::default());
        let (ticket, stub) = one_place().admit(None).expect("there is room");
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
