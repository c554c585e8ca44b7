//! Statements on orders, from the pending order to its last status.

use std::sync::LazyLock;

use kernel::{AccessScope, OrderId, PageToken, StoreError, UserId};
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Parameter, Row, all, first, only,
    parameter::{in_scope, number, text, texts, uuid},
};
use uuid::Uuid;

use super::{IN_SCOPE, ORDER_COLUMNS, ORDER_ITEMS, Postgres, StoredAddress, StoredItem, json};
use crate::{
    domain::{Key, NewOrder, Order, RequestHash, Shortage, Status},
    service::{Inserted, Orders, RestockDue},
};

/// Inserts an event for each of the orders `changed`. The amount has the decimals of its currency, as
/// [`Money::amount`](kernel::Money::amount) has it.
const INSERT_EVENTS: &str = "insert into outbox (order_id, order_version, kind, payload) \
     select id, version, 'order.' || status, jsonb_build_object( \
         'orderId', id, 'userId', user_id, 'status', status, 'version', version, \
         'totalAmount', jsonb_build_object('currencyCode', currency, 'amount', round(total_amount, \
             greatest(minor_units(currency), scale(trim_scale(total_amount))))::text), \
         'occurredAt', to_char(updated_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) \
     from changed";

static FIND_BY_KEY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {ORDER_COLUMNS}, o.request_hash::text as request_hash from orders o {ORDER_ITEMS} \
         where o.user_id = $1::uuid and o.idempotency_key = $2"
    )
});

const CART_IS_TAKEN: &str = "select exists ( \
         select from orders where user_id = $1::uuid and cart_version = $2 and status <> 'rejected') \
     or exists ( \
         select from orders where user_id = $1::uuid and cart_version is not null and status = 'pending') as is_taken";

// $1 id, $2 user, $3 version of the cart or null, $4 idempotency key, $5 hash of the request, $6 total amount, $7 currency,
// $8 shipping address (JSON), $9 items (JSON).
//
// The cart is locked only in the version that was quoted, so that an order never has a cart that has changed since. If a unique
// index refuses the order, another statement finds the existing order: a single statement that inserts or selects can return no
// row in a race.
const INSERT_PENDING: &str = "with cart as ( \
         select from carts where user_id = $2::uuid and version = $3::bigint for no key update), \
     placed as ( \
         insert into orders (id, user_id, cart_version, idempotency_key, request_hash, total_amount, currency, \
                             shipping_address) \
         select $1::uuid, $2::uuid, $3::bigint, $4::text, $5::text, $6::text::decimal, $7::text, $8::text::jsonb \
         where $3::bigint is null or exists (select from cart) \
         returning id), \
     lines as ( \
         insert into order_items (order_id, position, product_id, name, unit_price, quantity) \
         select placed.id, item.position, item.product, item.name, item.price, item.quantity \
         from placed, rows from (json_to_recordset($9::text::json) \
                 as (product uuid, name text, price decimal, quantity integer)) with ordinality \
             as item (product, name, price, quantity, position)) \
     select id from placed";

// The cart is locked before the order, as in `INSERT_PENDING`: the filter that reads `cart` is evaluated before the order is
// locked. If pieces were added to a line since, the line keeps them.
static CONFIRM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with cart as ( \
             select from carts c join orders o on o.user_id = c.user_id \
             where o.id = $1::uuid and o.cart_version is not null for no key update of c), \
         changed as ( \
             update orders set status = 'confirmed', version = version + 1, updated_at = now() \
             where id = $1::uuid and status = 'pending' and (select count(*) from cart) >= 0 \
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
             from changed o, \
                 (select coalesce(array_agg(product_id) filter (where gone), '{{}}') as products from taken) gone \
             where o.cart_version is not null and c.user_id = o.user_id), \
         events as ({INSERT_EVENTS}) \
         select {ORDER_COLUMNS} from changed o {ORDER_ITEMS}"
    )
});

static REJECT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with changed as ( \
             update orders set status = 'rejected', rejection_reason = $2, version = version + 1, updated_at = now() \
             where id = $1::uuid and status = 'pending' returning *), \
         short as ( \
             update order_items i set available = short.available::integer, updated_at = now() \
             from changed o, unnest($3::text[], $4::text[]) as short (product, available) \
             where i.order_id = o.id and i.product_id = short.product::uuid) \
         {INSERT_EVENTS}"
    )
});

static CANCEL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with changed as ( \
             update orders set status = 'cancelled', restock_due = true, version = version + 1, updated_at = now(), \
                 claimed_until = '-infinity' \
             where id = $3::uuid and {IN_SCOPE} and status = 'confirmed' returning *) \
         {INSERT_EVENTS}"
    )
});

const MARK_RESTOCKED: &str = "update orders set restock_due = false where id = $1::uuid and restock_due";

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {ORDER_COLUMNS}, o.restock_due from orders o {ORDER_ITEMS} where o.id = $3::uuid and {IN_SCOPE}"
    )
});

static FIND_NEWER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {ORDER_COLUMNS} from orders o {ORDER_ITEMS} \
         where o.id = $3::uuid and o.version > $4 and {IN_SCOPE}"
    )
});

/// A page, limited before the lines of its orders are looked up. The limit occurs twice. For a limit that is a parameter, the
/// planner expects a tenth of the table, and would sort all of it. The constant 101 is the number of rows for the largest page.
fn page(condition: &str) -> String {
    format!(
        "select {ORDER_COLUMNS} \
         from (select * from (select * from orders where {condition} limit 101) most limit $2) o {ORDER_ITEMS} \
         order by o.id desc"
    )
}

// There are four statements instead of one with `$3 is null or …`, because the planner would not use the indexes for such an
// `or`. The conditions are bounds on whole rows of an index, not equalities. With an equality the planner may read all
// orders by id and filter those of the user. That is fast for the user with the most orders, and slow for all others.
static LIST_ALL: LazyLock<String> = LazyLock::new(|| page("id < $1::uuid order by id desc"));
static LIST_ALL_BY_STATUS: LazyLock<String> = LazyLock::new(|| {
    page("(status, id) < ($3::text, $1::uuid) and status >= $3 order by status desc, id desc")
});
static LIST_OWN: LazyLock<String> = LazyLock::new(|| {
    page("(user_id, id) < ($3::uuid, $1::uuid) and user_id >= $3::uuid order by user_id desc, id desc")
});
static LIST_OWN_BY_STATUS: LazyLock<String> = LazyLock::new(|| {
    page(
        "(user_id, status, id) < ($3::uuid, $4::text, $1::uuid) and (user_id, status) >= ($3::uuid, $4::text) \
         order by user_id desc, status desc, id desc",
    )
});

impl Orders for Postgres {
    async fn find_by_key(&self, user: UserId, key: &Key) -> Result<Option<(Order, RequestHash)>, StoreError> {
        let rows = self
            .0
            .read(&FIND_BY_KEY, &[uuid(user), text(key.as_str())])
            .await?;
        Ok(first(rows)?)
    }

    async fn cart_is_taken(&self, user: UserId, version: u64) -> Result<bool, StoreError> {
        let rows = self.0.read(CART_IS_TAKEN, &[uuid(user), number(version)]).await?;
        Ok(only(rows)?.get("is_taken")?)
    }

    async fn insert_pending(&self, order: &NewOrder) -> Result<Inserted, StoreError> {
        let items: Vec<_> = order.items.iter().map(StoredItem::from).collect();
        let parameters = [
            uuid(order.id),
            uuid(order.user),
            order.cart_version.map_or(Parameter::DbNull, number),
            text(order.key.as_str()),
            text(order.hash.as_str()),
            text(order.total.amount()),
            text(order.total.currency().code()),
            json(&StoredAddress(order.address.clone()))?,
            json(&items)?,
        ];
        match self.0.write(INSERT_PENDING, &parameters).await {
            Ok(rows) if rows.is_empty() => Ok(Inserted::CartChanged),
            Ok(_) => Ok(Inserted::Done),
            Err(DatabaseError::Unique { .. }) => Ok(Inserted::Taken),
            Err(error) => Err(error.into()),
        }
    }

    async fn confirm(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(first(self.0.write(&CONFIRM, &[uuid(id)]).await?)?)
    }

    async fn reject(&self, id: OrderId, reason: &str, short: &[Shortage]) -> Result<(), StoreError> {
        let parameters = [
            uuid(id),
            text(reason),
            texts(short.iter().map(|short| short.product)),
            texts(short.iter().map(|short| short.available)),
        ];
        self.0.write(&REJECT, &parameters).await?;
        Ok(())
    }

    async fn cancel(&self, scope: AccessScope, id: OrderId) -> Result<(), StoreError> {
        let [is_all, own] = in_scope(scope);
        self.0.write(&CANCEL, &[is_all, own, uuid(id)]).await?;
        Ok(())
    }

    async fn mark_restocked(&self, id: OrderId) -> Result<(), StoreError> {
        self.0.write(MARK_RESTOCKED, &[uuid(id)]).await?;
        Ok(())
    }

    async fn find(&self, scope: AccessScope, id: OrderId) -> Result<Option<(Order, RestockDue)>, StoreError> {
        let [is_all, own] = in_scope(scope);
        let rows = self.0.read(&FIND, &[is_all, own, uuid(id)]).await?;
        Ok(first(rows)?)
    }

    async fn find_newer(
        &self,
        scope: AccessScope,
        id: OrderId,
        version: u64,
    ) -> Result<Option<Order>, StoreError> {
        let [is_all, own] = in_scope(scope);
        let parameters = [is_all, own, uuid(id), number(version)];
        Ok(first(self.0.read(&FIND_NEWER, &parameters).await?)?)
    }

    async fn list(
        &self,
        scope: AccessScope,
        status: Option<Status>,
        after: Option<PageToken>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        // The greatest UUID is no order's id, and every id is below it. So the first page can use the same statement.
        let below = after.map_or(Uuid::max(), PageToken::key);
        let mut parameters = vec![uuid(below), Parameter::Int64(limit.into())];
        let statement = match (scope, status) {
            (AccessScope::All, None) => &LIST_ALL,
            (AccessScope::All, Some(_)) => &LIST_ALL_BY_STATUS,
            (AccessScope::Own(_), None) => &LIST_OWN,
            (AccessScope::Own(_), Some(_)) => &LIST_OWN_BY_STATUS,
        };
        if let AccessScope::Own(user) = scope {
            parameters.push(uuid(user));
        }
        parameters.extend(status.map(|status| text(status.name())));
        Ok(all(self.0.read(statement, &parameters).await?)?)
    }
}

impl FromRow for RequestHash {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        row.get("request_hash").map(Self::kept)
    }
}

impl FromRow for RestockDue {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        row.get("restock_due").map(Self)
    }
}
