//! Orders: from pending to where they end.

use kernel::{OrderId, PageToken, UserId};
use spin_adapters::postgres::{Error as DatabaseError, Parameter};
use uuid::Uuid;

use super::{Postgres, columns, event, items, number, only, order, text, texts, within, within_reach};
use crate::{
    domain::{Key, NewOrder, Order, Reach, RequestHash, Shortage, Status},
    service::{Due, Inserted, Orders, StoreError},
};

const FIND_BY_KEY: &str = concat!(
    "select ",
    columns!(),
    ", o.request_hash::text from orders o ",
    items!(),
    "where o.user_id = $1::text::uuid and o.idempotency_key = $2"
);

const CART_IS_TAKEN: &str = "select exists ( \
         select from orders where user_id = $1::text::uuid and cart_version = $2 and status <> 'rejected') \
     or exists ( \
         select from orders where user_id = $1::text::uuid and cart_version is not null and status = 'pending')";

// The cart is locked in the version that was quoted, so that no order is of a cart that has changed since. What the unique
// indexes refuse is found by another statement: one that inserts or selects can return nothing in a race.
const INSERT: &str = "with cart as ( \
         select from carts where user_id = $2::text::uuid and version = $3::bigint for no key update), \
     placed as ( \
         insert into orders (id, user_id, cart_version, idempotency_key, request_hash, total_amount, currency, \
                             shipping_address) \
         select $1::text::uuid, $2::text::uuid, $3::bigint, $4::text, $5::text, $6::text::decimal, $7::text, \
             jsonb_build_object('name', $8::text, 'postalCode', $9::text, 'country', $10::text, \
                 'region', $11::text, 'city', $12::text, 'line1', $13::text, 'line2', $14::text, \
                 'phone', $15::text) \
         where $3::bigint is null or exists (select from cart) \
         returning id), \
     lines as ( \
         insert into order_items (order_id, position, product_id, name, unit_price, quantity) \
         select placed.id, item.position, item.product::uuid, item.name, item.price::decimal, \
                item.quantity::integer \
         from placed, unnest($16::text[], $17::text[], $18::text[], $19::text[]) with ordinality \
             as item (product, name, price, quantity, position)) \
     select id from placed";

// The cart before the order, as those who place one do: the filter that reads `cart` is evaluated before any order is locked.
// Lines that were added to since keep what was added.
const CONFIRM: &str = concat!(
    "with cart as ( \
         select from carts c join orders o on o.user_id = c.user_id \
         where o.id = $1::text::uuid and o.cart_version is not null for no key update of c), \
     changed as ( \
         update orders set status = 'confirmed', version = version + 1, updated_at = now() \
         where id = $1::text::uuid and status = 'pending' and (select count(*) from cart) >= 0 \
         returning *), \
     taken as ( \
         update cart_items l set updated_at = now(), \
             quantity = case when l.quantity > i.quantity then l.quantity - i.quantity else l.quantity end, \
             deleted_at = case when l.quantity > i.quantity then null else now() end \
         from changed o join order_items i on i.order_id = o.id \
         where o.cart_version is not null and l.user_id = o.user_id and l.product_id = i.product_id \
             and l.deleted_at is null \
         returning l.product_id, l.deleted_at is not null as gone), \
     emptied as ( \
         update carts c set version = c.version + 1, updated_at = now(), product_ids = array( \
             select kept from unnest(c.product_ids) as kept where kept <> all (gone.products)) \
         from changed o, (select coalesce(array_agg(product_id) filter (where gone), '{}') as products from taken) gone \
         where o.cart_version is not null and c.user_id = o.user_id), \
     told as (",
    event!(),
    ") select ",
    columns!(),
    " from changed o ",
    items!()
);

const REJECT: &str = concat!(
    "with changed as ( \
         update orders set status = 'rejected', rejection_reason = $2, version = version + 1, updated_at = now() \
         where id = $1::text::uuid and status = 'pending' returning *), \
     short as ( \
         update order_items i set available = short.available::integer, updated_at = now() \
         from changed o, unnest($3::text[], $4::text[]) as short (product, available) \
         where i.order_id = o.id and i.product_id = short.product::uuid) ",
    event!()
);

const CANCEL: &str = concat!(
    "with changed as ( \
         update orders set status = 'cancelled', restock_due = true, version = version + 1, updated_at = now(), \
             claimed_until = '-infinity' \
         where id = $3::text::uuid and ",
    within_reach!(),
    " and status = 'confirmed' returning *) ",
    event!()
);

const RESTOCKED: &str = "update orders set restock_due = false where id = $1::text::uuid and restock_due";

const FIND: &str = concat!(
    "select ",
    columns!(),
    ", o.restock_due from orders o ",
    items!(),
    "where o.id = $3::text::uuid and ",
    within_reach!()
);

const NEWER: &str = concat!(
    "select ",
    columns!(),
    " from orders o ",
    items!(),
    "where o.id = $3::text::uuid and o.version > $4 and ",
    within_reach!()
);

/// A page, cut before the lines of its orders are looked up. Twice: of a limit that is a parameter the planner expects a tenth
/// of the table, and would sort all of it; 101 is what the largest page reads.
macro_rules! list {
    ($page:literal) => {
        concat!(
            "select ",
            columns!(),
            " from (select * from (select * from orders where ",
            $page,
            " limit 101) most limit $2) o ",
            items!(),
            "order by o.id desc"
        )
    };
}

// Four statements instead of one with `$3 is null or …`: such an `or` would keep the planner from the indexes. And bounds
// instead of equalities, on whole rows of an index: with an equality the planner may walk all orders by id and pick the
// user's, which is quick for who has most of them and slow for everybody else.
const LIST_ALL: &str = list!("id < $1::text::uuid order by id desc");
const LIST_ALL_BY_STATUS: &str =
    list!("(status, id) < ($3::text, $1::text::uuid) and status >= $3 order by status desc, id desc");
const LIST_OWN: &str = list!(
    "(user_id, id) < ($3::text::uuid, $1::text::uuid) and user_id >= $3::text::uuid \
     order by user_id desc, id desc"
);
const LIST_OWN_BY_STATUS: &str = list!(
    "(user_id, status, id) < ($3::text::uuid, $4::text, $1::text::uuid) \
     and (user_id, status) >= ($3::text::uuid, $4::text) order by user_id desc, status desc, id desc"
);

impl Orders for Postgres {
    async fn find_by_key(&self, user: UserId, key: &Key) -> Result<Option<(Order, RequestHash)>, StoreError> {
        let rows = self
            .0
            .read(FIND_BY_KEY, &[text(user), text(key.as_str())])
            .await?;
        let found = rows.into_iter().next().map(|mut row| {
            let order = order(&mut row)?;
            Ok((order, RequestHash::kept(row.text()?)))
        });
        found.transpose()
    }

    async fn cart_is_taken(&self, user: UserId, version: u64) -> Result<bool, StoreError> {
        let rows = self.0.read(CART_IS_TAKEN, &[text(user), number(version)]).await?;
        Ok(only(rows)?.boolean()?)
    }

    async fn insert(&self, order: &NewOrder) -> Result<Inserted, StoreError> {
        match self.0.write(INSERT, &insertion(order)).await {
            Ok(rows) if rows.is_empty() => Ok(Inserted::CartChanged),
            Ok(_) => Ok(Inserted::Done),
            Err(DatabaseError::Unique { .. }) => Ok(Inserted::Taken),
            Err(error) => Err(error.into()),
        }
    }

    async fn confirm(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let rows = self.0.write(CONFIRM, &[text(id)]).await?;
        rows.into_iter().next().map(|mut row| order(&mut row)).transpose()
    }

    async fn reject(&self, id: OrderId, reason: &str, short: &[Shortage]) -> Result<(), StoreError> {
        let parameters = [
            text(id),
            text(reason),
            texts(short.iter().map(|short| short.product)),
            texts(short.iter().map(|short| short.available)),
        ];
        self.0.write(REJECT, &parameters).await?;
        Ok(())
    }

    async fn cancel(&self, reach: Reach, id: OrderId) -> Result<(), StoreError> {
        let [all, own] = within(reach);
        self.0.write(CANCEL, &[all, own, text(id)]).await?;
        Ok(())
    }

    async fn restocked(&self, id: OrderId) -> Result<(), StoreError> {
        self.0.write(RESTOCKED, &[text(id)]).await?;
        Ok(())
    }

    async fn find(&self, reach: Reach, id: OrderId) -> Result<Option<(Order, Due)>, StoreError> {
        let [all, own] = within(reach);
        let rows = self.0.read(FIND, &[all, own, text(id)]).await?;
        let found = rows.into_iter().next().map(|mut row| {
            let order = order(&mut row)?;
            Ok((order, Due(row.boolean()?)))
        });
        found.transpose()
    }

    async fn newer(&self, reach: Reach, id: OrderId, than: u64) -> Result<Option<Order>, StoreError> {
        let [all, own] = within(reach);
        let rows = self.0.read(NEWER, &[all, own, text(id), number(than)]).await?;
        rows.into_iter().next().map(|mut row| order(&mut row)).transpose()
    }

    async fn list(
        &self,
        reach: Reach,
        status: Option<Status>,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        // Every id is below the greatest UUID, which no order has: the first page needs no statement of its own.
        let below = after.map_or(Uuid::max(), PageToken::key);
        let mut parameters = vec![text(below), Parameter::Int64(limit.into())];
        let statement = match (reach, status) {
            (Reach::All, None) => LIST_ALL,
            (Reach::All, Some(_)) => LIST_ALL_BY_STATUS,
            (Reach::Own(_), None) => LIST_OWN,
            (Reach::Own(_), Some(_)) => LIST_OWN_BY_STATUS,
        };
        if let Reach::Own(user) = reach {
            parameters.push(text(user));
        }
        parameters.extend(status.map(|status| text(status.name())));
        let rows = self.0.read(statement, &parameters).await?;
        rows.into_iter().map(|mut row| order(&mut row)).collect()
    }
}

fn insertion(order: &NewOrder) -> [Parameter; 19] {
    let NewOrder { address, items, .. } = order;
    [
        text(order.id),
        text(order.user),
        order.cart_version.map_or(Parameter::DbNull, number),
        text(order.key.as_str()),
        text(order.hash.as_str()),
        text(order.total.amount()),
        text(order.total.currency().code()),
        text(&address.name),
        text(&address.postal_code),
        text(&address.country),
        text(&address.region),
        text(&address.city),
        text(&address.line1),
        text(&address.line2),
        text(&address.phone),
        texts(items.iter().map(|item| item.product)),
        texts(items.iter().map(|item| &item.name)),
        texts(items.iter().map(|item| item.unit_price.amount())),
        texts(items.iter().map(|item| item.quantity.get())),
    ]
}
