//! The reconciler: it completes orders that no client repeats, and other unfinished work.
//!
//! Two reconcilers may run at the same time: each claims its work for some seconds. If both do the same work, it takes effect
//! once, because every step can be repeated. If a stage fails, the next run does the rest of its work.

use std::time::Duration;

use kernel::{OrderId, StoreError};

use super::{
    Backlog, Carts, Error, Events, Inventory, Orders, Outcome, Shop, Users,
    checkout::{Rejection, Step},
};
use crate::domain::{Order, Status};

/// The number of orders in a claim.
const BATCH: u32 = 20;

/// The number of batches in a stage of one run. The next run continues.
const BATCHES: u32 = 10;

/// The number of reservations that one call expires.
const EXPIRED: u32 = 100;

/// The number of events in a claim.
const EVENTS: u32 = 100;

/// The number of deleted users in one request.
const DELETIONS: u32 = 100;

/// The number of rows of each kind that a run removes.
const SWEPT: u32 = 1000;

/// The number of failed orders after which a stage ends: the other orders probably fail for the same cause.
const MOST_FAILURES: usize = 3;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    /// Orders that were pending and are confirmed.
    pub(crate) confirmed: u64,
    /// Orders that were pending and are rejected, or were completed by another request meanwhile.
    pub(crate) closed: u64,
    /// Overdue reservations that were released.
    pub(crate) expired: u64,
    /// Cancelled orders whose stock is back.
    pub(crate) restocked: u64,
    /// Events relayed to the stream.
    pub(crate) relayed: u64,
    /// Closed carts of deleted users.
    pub(crate) carts: u64,
    /// Rows removed.
    pub(crate) swept: u64,
    /// Failures, for the log. The next run tries again.
    pub(crate) problems: Vec<String>,
}

/// The parameters of a run.
pub(crate) struct Stages<'a, E, U> {
    /// The age from which the reconciler completes pending orders. Younger orders are completed by their own requests.
    pub(crate) pending_for: Duration,
    /// The stream to which events are relayed.
    pub(crate) events: &'a E,
    /// The source of deleted users.
    pub(crate) users: &'a U,
}

impl<S: Orders + Carts + Backlog, P: Inventory> Shop<S, P> {
    /// Completes pending orders, releases overdue reservations, returns the stock of cancelled orders, relays events, closes
    /// the carts of deleted users, and removes old rows.
    pub(crate) async fn reconcile<E: Events, U: Users>(&self, stages: Stages<'_, E, U>) -> Reconciled {
        let mut done = Reconciled::default();
        let ended = [
            self.complete_pending(stages.pending_for, &mut done).await,
            // After the pending orders: a reservation of an order that can be completed is committed, not released.
            self.expire(&mut done).await,
            self.return_stock(&mut done).await,
            self.relay(stages.events, &mut done).await,
            self.close_carts(stages.users, &mut done).await,
            self.sweep(&mut done).await,
        ];
        let problems = ended.into_iter().filter_map(Result::err);
        done.problems.extend(problems.map(|error| error.to_string()));
        done
    }

    async fn complete_pending(&self, pending_for: Duration, done: &mut Reconciled) -> Result<(), Error> {
        let claim = async || self.store.claim_pending(pending_for, BATCH).await;
        let complete = async |id| {
            match self.complete_one(id).await? {
                Some(order) if order.status == Status::Confirmed => done.confirmed += 1,
                _ => done.closed += 1,
            }
            Ok(())
        };
        drain(claim, complete, &mut done.problems).await
    }

    /// Runs the remaining steps of a pending order, by the status of its reservation.
    async fn complete_one(&self, id: OrderId) -> Result<Option<Order>, Error> {
        let reservation = self.product.reservation(id).await;
        let next = match reservation.map_err(|error| Error::Unfinished(error.to_string()))? {
            Some(Outcome::Reserved) => Step::Commit,
            Some(Outcome::Committed) => Step::Confirm,
            Some(Outcome::Released | Outcome::Restocked) | None => Step::Release(Rejection::too_late()),
        };
        self.run(id, next).await
    }

    async fn expire(&self, done: &mut Reconciled) -> Result<(), Error> {
        for _ in 0..BATCHES {
            let expired = self.product.expire(EXPIRED).await;
            let expired = expired.map_err(|error| Error::Unfinished(error.to_string()))?;
            done.expired += u64::from(expired);
            if expired < EXPIRED {
                break;
            }
        }
        Ok(())
    }

    async fn return_stock(&self, done: &mut Reconciled) -> Result<(), Error> {
        let claim = async || self.store.claim_restocks(BATCH).await;
        let restock = async |id| {
            self.restock(id).await?;
            done.restocked += 1;
            Ok(())
        };
        drain(claim, restock, &mut done.problems).await
    }

    /// Ends when a claim is empty. A claim that is not full does not mean the end, because a batch has at most one event of
    /// each order.
    async fn relay<E: Events>(&self, events: &E, done: &mut Reconciled) -> Result<(), Error> {
        for _ in 0..BATCHES {
            let batch = self.store.claim_events(EVENTS).await?;
            if batch.is_empty() {
                break;
            }
            if let Err(cause) = events.append(&batch).await {
                done.problems
                    .push(format!("events could not be relayed: {cause}"));
                break;
            }
            self.store.mark_relayed(&batch).await?;
            done.relayed += batch.len() as u64;
        }
        Ok(())
    }

    /// Ends when there are no more deletions. One statement closes a cart, and a second statement, which begins after the
    /// first, empties it. The second statement sees all lines that were added before, and no line can be added later. So it
    /// does not matter how long other components accept a token of that user. A deletion is acknowledged only after both
    /// statements. If a run is interrupted before that, the next run repeats both. Orders are kept.
    async fn close_carts<U: Users>(&self, users: &U, done: &mut Reconciled) -> Result<(), Error> {
        for _ in 0..BATCHES {
            let deletions = match users.deletions(DELETIONS).await {
                Ok(deletions) => deletions,
                Err(cause) => {
                    done.problems
                        .push(format!("deleted users could not be read: {cause}"));
                    break;
                }
            };
            if deletions.is_empty() {
                break;
            }
            let gone: Vec<_> = deletions.iter().map(|deletion| deletion.user).collect();
            done.carts += self.store.close_carts(&gone).await?;
            self.store.empty_closed_carts(&gone).await?;
            if let Err(cause) = users.acknowledge(&deletions).await {
                done.problems
                    .push(format!("deleted users could not be acknowledged: {cause}"));
                break;
            }
        }
        Ok(())
    }

    async fn sweep(&self, done: &mut Reconciled) -> Result<(), Error> {
        done.swept = self.store.sweep(SWEPT).await?;
        Ok(())
    }
}

/// Claims batches of orders and works on each order, until a batch is not full, [`BATCHES`] are done or [`MOST_FAILURES`]
/// orders have failed. Failures are noted in `problems`.
async fn drain(
    claim: impl AsyncFn() -> Result<Vec<OrderId>, StoreError>,
    mut work: impl AsyncFnMut(OrderId) -> Result<(), Error>,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    let mut failures = 0;
    for _ in 0..BATCHES {
        let batch = claim().await?;
        for &id in &batch {
            if let Err(error) = work(id).await {
                problems.push(format!("order {id}: {error}"));
                failures += 1;
            }
            if failures >= MOST_FAILURES {
                return Ok(());
            }
        }
        if batch.len() < BATCH as usize {
            break;
        }
    }
    Ok(())
}
