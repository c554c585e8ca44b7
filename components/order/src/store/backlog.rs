//! Statements on unfinished work. A claim locks with `skip locked` and marks the row in the same statement. So two reconcilers
//! that run at the same time get different rows, and the rows of a reconciler that dies are free again when the claim ends.
//!
//! The locked rows are looked up as an array, not joined. For a limit that is a parameter, the planner expects a tenth of the
//! table, and with a join it would read all of it.

use std::{sync::LazyLock, time::Duration};

use kernel::{OrderId, StoreError};
use spin_adapters::postgres::{Error as DatabaseError, FromRow, Parameter, Row, all, only, parameter::texts};

use super::Postgres;
use crate::service::{Backlog, Event};

/// The assignment that claims a row for 10 seconds.
const CLAIM: &str = "claimed_until = now() + interval '10 seconds'";

static CLAIM_PENDING: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with due as ( \
             select id from orders \
             where status = 'pending' and claimed_until <= now() and created_at <= now() - make_interval(secs => $1) \
             order by claimed_until, created_at limit $2 for update skip locked) \
         update orders o set {CLAIM} where o.id = any (array(select id from due)) returning o.id"
    )
});

static CLAIM_RESTOCKS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with due as ( \
             select id from orders where restock_due and claimed_until <= now() \
             order by claimed_until, updated_at limit $1 for update skip locked) \
         update orders o set {CLAIM} where o.id = any (array(select id from due)) returning o.id"
    )
});

// At most the earliest waiting event of each order: a later one must not overtake an event that another reconciler has claimed.
static CLAIM_EVENTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with due as ( \
             select e.id from outbox e where e.relayed_at is null and e.claimed_until <= now() and not exists ( \
                 select from outbox earlier where earlier.order_id = e.order_id \
                     and earlier.order_version < e.order_version and earlier.relayed_at is null) \
             order by e.created_at limit $1 for update skip locked) \
         update outbox e set {CLAIM} where e.id = any (array(select id from due)) \
         returning e.id, e.order_id, e.order_version, e.kind, e.payload::text as payload"
    )
});

const MARK_RELAYED: &str = "with relayed as ( \
         select id from outbox where id = any ($1::text[]::uuid[]) order by id for update) \
     update outbox e set relayed_at = now(), updated_at = now() \
     where e.id = any (array(select id from relayed)) and e.relayed_at is null";

const SWEEP: &str = "with additions as ( \
         delete from cart_additions a using ( \
             select user_id, request_key from cart_additions where created_at < now() - interval '1 day' \
             order by created_at limit $1 for update skip locked) old \
         where a.user_id = old.user_id and a.request_key = old.request_key returning 1), \
     lines as ( \
         delete from cart_items l using ( \
             select user_id, product_id from cart_items where deleted_at < now() - interval '30 days' \
             order by deleted_at limit $1 for update skip locked) old \
         where l.user_id = old.user_id and l.product_id = old.product_id returning 1), \
     events as ( \
         delete from outbox e using ( \
             select id from outbox where relayed_at < now() - interval '7 days' \
             order by relayed_at limit $1 for update skip locked) old \
         where e.id = old.id returning 1), \
     carts as ( \
         delete from carts c using ( \
             select user_id from carts where deleted_at < now() - interval '30 days' \
                 and not exists (select from cart_items where user_id = carts.user_id) \
             order by deleted_at limit $1 for update skip locked) old \
         where c.user_id = old.user_id returning 1) \
     select (select count(*) from additions) + (select count(*) from lines) + (select count(*) from events) \
          + (select count(*) from carts) as swept";

fn ids(rows: Vec<Row>) -> Result<Vec<OrderId>, StoreError> {
    let ids = rows.into_iter().map(|mut row| row.parse("id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

impl Backlog for Postgres {
    async fn claim_pending(&self, older_than: Duration, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let age = Parameter::Floating64(older_than.as_secs_f64());
        let parameters = [age, Parameter::Int64(limit.into())];
        ids(self.0.write(&CLAIM_PENDING, &parameters).await?)
    }

    async fn claim_restocks(&self, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let limit = [Parameter::Int64(limit.into())];
        ids(self.0.write(&CLAIM_RESTOCKS, &limit).await?)
    }

    async fn claim_events(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let limit = [Parameter::Int64(limit.into())];
        Ok(all(self.0.write(&CLAIM_EVENTS, &limit).await?)?)
    }

    async fn mark_relayed(&self, events: &[Event]) -> Result<(), StoreError> {
        let ids = texts(events.iter().map(|event| &event.id));
        self.0.write(MARK_RELAYED, &[ids]).await?;
        Ok(())
    }

    async fn sweep(&self, limit: u32) -> Result<u64, StoreError> {
        let rows = self.0.write(SWEEP, &[Parameter::Int64(limit.into())]).await?;
        Ok(only(rows)?.convert::<i64, _>("swept")?)
    }
}

impl FromRow for Event {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.get("id")?,
            order: row.parse("order_id")?,
            version: row.convert::<i64, _>("order_version")?,
            kind: row.get("kind")?,
            payload: row.get("payload")?,
        })
    }
}
