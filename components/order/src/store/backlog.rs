//! What is left to do. Whatever is claimed is locked with `skip locked` and marked in the same statement: two who ask at
//! once get different rows, and one who never comes back keeps nothing for longer than the claim lasts.
//!
//! What was locked is looked up as an array, not joined: of a limit that is a parameter the planner expects a tenth of the
//! table, and would read all of it.

use std::time::Duration;

use kernel::OrderId;
use spin_adapters::postgres::Parameter;

use super::{Postgres, columns, items, only, order, parsed, texts};
use crate::{
    domain::Order,
    service::{Backlog, Event, StoreError},
};

/// How long a claim lasts.
macro_rules! claim {
    () => {
        "claimed_until = now() + interval '10 seconds'"
    };
}

const CLAIM_PENDING: &str = concat!(
    "with due as ( \
         select id from orders \
         where status = 'pending' and claimed_until <= now() and created_at <= now() - make_interval(secs => $1) \
         order by claimed_until, created_at limit $2 for update skip locked), \
     claimed as (update orders o set ",
    claim!(),
    " where o.id = any (array(select id from due)) returning o.*) select ",
    columns!(),
    " from claimed o ",
    items!(),
    "order by o.created_at"
);

const CLAIM_RESTOCKS: &str = concat!(
    "with due as ( \
         select id from orders where restock_due and claimed_until <= now() \
         order by claimed_until, updated_at limit $1 for update skip locked) \
     update orders o set ",
    claim!(),
    " where o.id = any (array(select id from due)) returning o.id"
);

// Of each order the earliest event that waits, and so at most one: a later one must not overtake one in another's hand.
const CLAIM_EVENTS: &str = concat!(
    "with due as ( \
         select e.id from outbox e where e.relayed_at is null and e.claimed_until <= now() and not exists ( \
             select from outbox earlier where earlier.order_id = e.order_id \
                 and earlier.order_version < e.order_version and earlier.relayed_at is null) \
         order by e.created_at limit $1 for update skip locked) \
     update outbox e set ",
    claim!(),
    " where e.id = any (array(select id from due)) returning e.id, e.order_id, e.order_version, e.kind, e.payload::text"
);

const RELAYED: &str = "with told as ( \
         select id from outbox where id = any ($1::text[]::uuid[]) order by id for update) \
     update outbox e set relayed_at = now(), updated_at = now() \
     where e.id = any (array(select id from told)) and e.relayed_at is null";

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
          + (select count(*) from carts)";

impl Backlog for Postgres {
    async fn claim_pending(&self, older_than: Duration, limit: u32) -> Result<Vec<Order>, StoreError> {
        let parameters = [
            Parameter::Floating64(older_than.as_secs_f64()),
            Parameter::Int64(limit.into()),
        ];
        let rows = self.0.write(CLAIM_PENDING, &parameters).await?;
        rows.into_iter().map(|mut row| order(&mut row)).collect()
    }

    async fn claim_restocks(&self, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let rows = self
            .0
            .write(CLAIM_RESTOCKS, &[Parameter::Int64(limit.into())])
            .await?;
        rows.into_iter()
            .map(|mut row| parsed(row.text()?.parse()))
            .collect()
    }

    async fn claim_events(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = self
            .0
            .write(CLAIM_EVENTS, &[Parameter::Int64(limit.into())])
            .await?;
        let event = |mut row: spin_adapters::postgres::Row| {
            Ok(Event {
                id: row.text()?,
                order: parsed(row.text()?.parse())?,
                version: parsed(row.bigint()?.try_into())?,
                kind: row.text()?,
                payload: row.text()?,
            })
        };
        rows.into_iter().map(event).collect()
    }

    async fn relayed(&self, events: &[Event]) -> Result<(), StoreError> {
        let ids = texts(events.iter().map(|event| &event.id));
        self.0.write(RELAYED, &[ids]).await?;
        Ok(())
    }

    async fn sweep(&self, limit: u32) -> Result<u64, StoreError> {
        let rows = self.0.write(SWEEP, &[Parameter::Int64(limit.into())]).await?;
        parsed(only(rows)?.bigint()?.try_into())
    }
}
