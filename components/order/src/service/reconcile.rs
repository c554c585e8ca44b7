//! Finishing what nobody repeats.
//!
//! Two reconcilers at once do no harm: each takes work in hand for some seconds, and whatever both did would be done once,
//! because every step can be repeated. A stage that meets trouble leaves the rest to the next run.

use std::time::Duration;

use super::{Backlog, Carts, Error, Events, Inventory, Orders, Outcome, Shop, Users};
use crate::domain::{Order, Status};

/// Orders taken in hand at a time.
const BATCH: u32 = 20;

/// Batches of a run: what is left is the next run's.
const BATCHES: u32 = 10;

/// Orders whose reservations are given back at a time.
const EXPIRED: u32 = 100;

/// Events taken in hand at a time.
const EVENTS: u32 = 100;

/// Deleted users that are asked for at a time.
const DELETIONS: u32 = 100;

/// Rows of each kind that a run removes.
const SWEPT: u32 = 1000;

/// How many orders may fail before a stage gives up: whatever they wait for is waited for by the others, too.
const FAILURES: usize = 3;

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    /// Orders that were pending and are confirmed.
    pub(crate) confirmed: u64,
    /// Orders that were pending and are rejected, or were finished by somebody else meanwhile.
    pub(crate) closed: u64,
    /// Reservations given back because they were held for too long.
    pub(crate) expired: u64,
    /// Cancelled orders whose stock is back.
    pub(crate) restocked: u64,
    /// Events told.
    pub(crate) relayed: u64,
    /// Carts closed, because their users are deleted.
    pub(crate) carts: u64,
    /// Rows removed.
    pub(crate) swept: u64,
    /// What went wrong, for the log; it is left to the next run.
    pub(crate) problems: Vec<String>,
}

/// What a run works with, besides the shop's own.
pub(crate) struct Stages<'a, E, U> {
    /// Pending orders younger than this are left to those who are placing them.
    pub(crate) pending_for: Duration,
    /// Who is told of changes.
    pub(crate) events: &'a E,
    /// Who knows which users were deleted.
    pub(crate) users: &'a U,
}

impl<S: Orders + Carts + Backlog, P: Inventory> Shop<S, P> {
    /// Finishes pending orders, gives back what was held for too long, returns stock that is due, tells of changes, closes the
    /// carts of deleted users, and removes what is of no use any more.
    pub(crate) async fn reconcile<E: Events, U: Users>(&self, stages: Stages<'_, E, U>) -> Reconciled {
        let mut done = Reconciled::default();
        let ended = [
            self.finish_pending(stages.pending_for, &mut done).await,
            // After that: what is held for an order that can go on is taken, not given back.
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

    async fn finish_pending(&self, pending_for: Duration, done: &mut Reconciled) -> Result<(), Error> {
        let mut failures = 0;
        for _ in 0..BATCHES {
            let orders = self.store.claim_pending(pending_for, BATCH).await?;
            for order in &orders {
                match self.finish_one(order).await {
                    Ok(Some(finished)) if finished.status == Status::Confirmed => done.confirmed += 1,
                    Ok(_) => done.closed += 1,
                    Err(error) => {
                        done.problems.push(format!("order {}: {error}", order.id));
                        failures += 1;
                    }
                }
                if failures >= FAILURES {
                    return Ok(());
                }
            }
            if orders.len() < BATCH as usize {
                break;
            }
        }
        Ok(())
    }

    /// Confirms what was taken, takes what is held, and gives up the rest.
    async fn finish_one(&self, order: &Order) -> Result<Option<Order>, Error> {
        let reservation = self.product.reservation(order.id).await;
        match reservation.map_err(|error| Error::Unfinished(error.to_string()))? {
            Some(Outcome::Committed) => Ok(self.store.confirm(order.id).await?),
            Some(Outcome::Reserved) => self.take(order.id).await,
            Some(Outcome::Released | Outcome::Restocked) | None => self.abandon(order.id).await,
        }
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
        let mut failures = 0;
        for _ in 0..BATCHES {
            let orders = self.store.claim_restocks(BATCH).await?;
            for id in &orders {
                match self.restock(*id).await {
                    Ok(()) => done.restocked += 1,
                    Err(error) => {
                        done.problems.push(format!("order {id}: {error}"));
                        failures += 1;
                    }
                }
                if failures >= FAILURES {
                    return Ok(());
                }
            }
            if orders.len() < BATCH as usize {
                break;
            }
        }
        Ok(())
    }

    /// Until a claim comes back empty, not merely short: of each order there is one event in a batch at most.
    async fn relay<E: Events>(&self, events: &E, done: &mut Reconciled) -> Result<(), Error> {
        for _ in 0..BATCHES {
            let batch = self.store.claim_events(EVENTS).await?;
            if batch.is_empty() {
                break;
            }
            if let Err(cause) = events.append(&batch).await {
                done.problems.push(format!("events were not told: {cause}"));
                break;
            }
            self.store.relayed(&batch).await?;
            done.relayed += batch.len() as u64;
        }
        Ok(())
    }

    /// Until there is no more news. A cart is closed by one statement and emptied by another that begins after it: what was
    /// added before it was closed is seen by the second, and later nothing can be added. So it does not matter for how long
    /// a token of that user is still believed elsewhere, and only then the news is acknowledged. Whoever is cut off before
    /// does all of it again. Orders are kept.
    async fn close_carts<U: Users>(&self, users: &U, done: &mut Reconciled) -> Result<(), Error> {
        for _ in 0..BATCHES {
            let deletions = match users.deletions(DELETIONS).await {
                Ok(deletions) => deletions,
                Err(cause) => {
                    done.problems
                        .push(format!("deleted users were not heard of: {cause}"));
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
                    .push(format!("deleted users were not acknowledged: {cause}"));
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
