//! Reservations and their stock in Postgres, schema `product_service`: one function for each statement.
//!
//! All statements lock in the same order: first the inventory of their products, by key, then the rows of
//! `reservations`. In the other order, two calls for one order could wait for each other: a repeated `Reserve` holds
//! the inventory when it finds that the key exists, and has to wait for the statement that is changing that row.
//!
//! Items are inserted only together with their reservation, so a statement that sees one sees the other. Each statement
//! changes the stock only for a reservation's row that it has changed itself (`settled`). So the second of two equal
//! calls changes no row, and no stock.

use std::sync::LazyLock;

use kernel::{OrderId, StoreError, Timestamp};
use serde::Deserialize;
use spin_adapters::postgres::{
    Database, Error as DatabaseError, FromRow, Parameter, Row, first, only,
    parameter::{texts, uuid},
};

use super::{
    domain::{Item, Items, Limit, Reservation, Shortage, Status, Ttl},
    service::{Reserved, Store},
};

/// The select list of a [`Reservation`], from a reservation `r` and its items, `lines`. Times are microseconds.
const COLUMNS: &str = "r.order_id, r.status, \
     (select coalesce(json_agg(json_build_object('product', product_id, 'quantity', quantity) order by product_id), '[]') \
         from lines)::text as items, \
     (extract(epoch from r.expires_at) * 1000000)::bigint as expires_at, \
     (extract(epoch from r.created_at) * 1000000)::bigint as created_at, \
     (extract(epoch from r.updated_at) * 1000000)::bigint as updated_at";

/// The inventory of the products in `lines`, locked. A statement has to read all of its rows, because a row that is not
/// read is not locked.
const LOCKED: &str = "locked as ( \
         select product_id from inventory where product_id in (select product_id from lines) \
         order by product_id for no key update)";

/// The step of one order from one status to another, with its change of the stock. A step that was made before finds no
/// lines and locks no row.
fn step(from: &str, to: &str, change_of_stock: &str) -> String {
    format!(
        "with lines as ( \
             select i.product_id, i.quantity from reservations r join reservation_items i using (order_id) \
             where r.order_id = $1::uuid and r.status = '{from}'), \
         {LOCKED}, \
         settled as ( \
             update reservations r set status = '{to}', updated_at = clock_timestamp() \
             from (select count(*) as products from locked) as l \
             where r.order_id = $1::uuid and r.status = '{from}' and l.products > 0 \
             returning r.*), \
         moved as ( \
             update inventory i set {change_of_stock}, updated_at = clock_timestamp() \
             from lines, settled where i.product_id = lines.product_id)"
    )
}

// All or nothing: a row is inserted only if every product has enough stock. A second attempt of the same order either
// sees the first attempt's row and inserts nothing, or conflicts with the same key at the same time and is rolled back
// completely.
//
// `held` writes the locked values, including `quantity`, and does not add to the values that it finds itself. It finds
// the row in its state at the start of the statement, and Postgres checks the table's constraints with that row before
// it sees the newer one. If stock came back while this statement waited for its lock, the constraint would refuse stock
// that is available.
const RESERVE: &str = "with want as ( \
         select product_id, quantity from unnest($2::text[]::uuid[], $3::integer[]) as w (product_id, quantity)), \
     locked as ( \
         select product_id, quantity, reserved, quantity - reserved as available from inventory \
         where product_id in (select product_id from want) and deleted_at is null \
         order by product_id for no key update), \
     short as ( \
         select want.product_id, want.quantity, coalesce(locked.available, 0) as available \
         from want left join locked using (product_id) where coalesce(locked.available, 0) < want.quantity), \
     made as ( \
         insert into reservations (order_id, status, expires_at) \
         select $1::uuid, 'reserved', now() + $4::bigint * interval '1 microsecond' \
         where not exists (select from short) \
             and not exists (select from reservations where order_id = $1::uuid) \
         returning *), \
     lines as ( \
         insert into reservation_items (order_id, product_id, quantity) \
         select made.order_id, want.product_id, want.quantity from want, made), \
     held as ( \
         update inventory i set quantity = locked.quantity, reserved = locked.reserved + want.quantity, updated_at = now() \
         from want join locked using (product_id), made where i.product_id = locked.product_id) \
     select null::text as product_id, 0 as requested, 0 as available, \
         (extract(epoch from expires_at) * 1000000)::bigint as expires_at, \
         (extract(epoch from created_at) * 1000000)::bigint as created_at from made \
     union all select product_id::text, quantity, available, 0, 0 from short";

static COMMIT: LazyLock<String> = LazyLock::new(|| {
    let stock = "quantity = i.quantity - lines.quantity, reserved = i.reserved - lines.quantity, version = i.version + 1";
    let step = step("reserved", "committed", stock);
    format!("{step} select {COLUMNS} from settled r")
});

// The row that closes an order without reservations gives way to a reservation that is made at the same moment. `on
// conflict` waits for that reservation. Then there is something to release, but only another statement can see it.
static RELEASE: LazyLock<String> = LazyLock::new(|| {
    let step = step("reserved", "released", "reserved = i.reserved - lines.quantity");
    format!(
        "{step}, closed as ( \
             insert into reservations (order_id, status) select $1::uuid, 'released' \
             where not exists (select from reservations where order_id = $1::uuid) \
             on conflict do nothing returning *) \
         select {COLUMNS} from (select * from settled union all select * from closed) as r"
    )
});

static RESTOCK: LazyLock<String> = LazyLock::new(|| {
    let stock = "quantity = i.quantity + lines.quantity, version = i.version + 1";
    let step = step("committed", "restocked", stock);
    format!("{step} select {COLUMNS} from settled r")
});

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with lines as (select product_id, quantity from reservation_items where order_id = $1::uuid) \
         select {COLUMNS} from reservations r where r.order_id = $1::uuid"
    )
});

// Two of these statements at once may choose the same reservations. The second waits for the first at the inventory,
// and then changes nothing. Skipping locked rows would require a lock on reservations before the inventory.
static EXPIRE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with due as ( \
             select order_id from reservations where status = 'reserved' and expires_at <= now() \
             order by expires_at limit $1), \
         lines as (select order_id, product_id, quantity from due join reservation_items using (order_id)), \
         {LOCKED}, \
         settled as ( \
             update reservations r set status = 'released', updated_at = clock_timestamp() \
             from due, (select count(*) as products from locked) as l \
             where r.order_id = due.order_id and r.status = 'reserved' and l.products > 0 \
             returning r.order_id), \
         back as ( \
             select product_id, sum(quantity) as quantity from lines join settled using (order_id) \
             group by product_id), \
         moved as ( \
             update inventory i set reserved = i.reserved - back.quantity, updated_at = clock_timestamp() \
             from back where i.product_id = back.product_id) \
         select count(*) as expired from settled"
    )
});

/// The primary key of `reservations`: the order.
const ORDER_UNIQUE: &str = "reservations_pkey";

/// The inventory in a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn reserve(&self, order: OrderId, items: &Items, ttl: Ttl) -> Result<Reserved, StoreError> {
        let quantities = items.iter().map(|item| Some(item.quantity));
        let micros = i64::try_from(ttl.get().as_micros()).unwrap_or(i64::MAX);
        let parameters = [
            uuid(order),
            texts(items.iter().map(|item| item.product)),
            Parameter::ArrayInt32(quantities.collect()),
            Parameter::Int64(micros),
        ];
        match self.0.write(RESERVE, &parameters).await {
            Ok(rows) => Ok(reserved(rows, order, items)?),
            Err(DatabaseError::Unique { constraint }) if constraint == ORDER_UNIQUE => Ok(Reserved::Known),
            Err(error) => Err(error.into()),
        }
    }

    async fn commit(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(first(self.0.write(&COMMIT, &[uuid(order)]).await?)?)
    }

    async fn release(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(first(self.0.write(&RELEASE, &[uuid(order)]).await?)?)
    }

    async fn restock(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(first(self.0.write(&RESTOCK, &[uuid(order)]).await?)?)
    }

    async fn find(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        Ok(first(self.0.read(&FIND, &[uuid(order)]).await?)?)
    }

    async fn expire(&self, limit: Limit) -> Result<i32, StoreError> {
        let rows = self
            .0
            .write(&EXPIRE, &[Parameter::Int64(limit.get().into())])
            .await?;
        Ok(only(rows)?.convert::<i64, _>("expired")?)
    }
}

/// The result of [`RESERVE`]. A row without a product is the reservation. Rows with a product are shortages. No row
/// means that the order has a reservation already.
fn reserved(rows: Vec<Row>, order: OrderId, items: &Items) -> Result<Reserved, DatabaseError> {
    let mut shortages = Vec::new();
    for mut row in rows {
        let Some(product) = row.get::<Option<String>>("product_id")? else {
            return Ok(Reserved::Made(made(row, order, items)?));
        };
        shortages.push(Shortage {
            product: parsed("product_id", product.parse())?,
            requested: row.get("requested")?,
            available: row.get("available")?,
        });
    }
    Ok(match shortages.is_empty() {
        true => Reserved::Known,
        false => Reserved::Short(shortages),
    })
}

fn made(mut row: Row, order: OrderId, items: &Items) -> Result<Reservation, DatabaseError> {
    let mut items: Vec<Item> = items.iter().copied().collect();
    items.sort_by_key(|item| item.product);
    let created_at: Timestamp = row.get("created_at")?;
    Ok(Reservation {
        order,
        status: Status::Reserved,
        items,
        expires_at: row.get("expires_at")?,
        created_at,
        updated_at: created_at,
    })
}

impl FromRow for Reservation {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        let items: Vec<StoredItem> = row.json("items")?;
        Ok(Self {
            order: row.parse("order_id")?,
            status: row.parse("status")?,
            items: items.into_iter().map(Item::try_from).collect::<Result<_, _>>()?,
            expires_at: row.get("expires_at")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// An item of a reservation as JSON.
#[derive(Deserialize)]
struct StoredItem {
    product: String,
    quantity: i32,
}

impl TryFrom<StoredItem> for Item {
    type Error = DatabaseError;

    fn try_from(stored: StoredItem) -> Result<Self, DatabaseError> {
        Ok(Self {
            product: parsed("items.product", stored.product.parse())?,
            quantity: stored.quantity,
        })
    }
}

/// A value inside a JSON column. An error means that the schema's constraints allowed a value that the domain refuses.
fn parsed<T>(place: &str, value: Result<T, impl std::fmt::Display>) -> Result<T, DatabaseError> {
    value.map_err(|error| DatabaseError::invalid(place, error))
}
