//! Reservations and the stock they are about, in Postgres, schema `product_service`: a function a statement, the SQL beside
//! it.
//!
//! Every statement here locks in one order: the inventory of the products concerned, by their keys, then the rows of
//! `reservations`. The other way round, two calls for one order could wait for each other: a `Reserve` that comes twice holds
//! the inventory when it finds that the key is taken, and has to wait for whoever is changing that row.
//!
//! Items are only ever added together with their reservation, so a statement that sees one sees the other. What it then does
//! to the stock depends on the row that it changed itself (`settled`): whoever comes second changes no row, and no stock.

use kernel::{OrderId, Timestamp};
use spin_adapters::postgres::{Database, Error as DatabaseError, FromRow, Parameter, Row, only};

use super::{
    domain::{Item, Items, Limit, Reservation, Shortage, Status, Ttl},
    service::{Reserved, Store},
};
use crate::store::{StoreError, first};

/// The columns of a [`Reservation`]: of the row `r`, and `lines`, its items. Times travel as microseconds.
macro_rules! columns {
    () => {
        "r.order_id, r.status, \
         (select coalesce(array_agg(product_id::text order by product_id), '{}') from lines) as products, \
         (select coalesce(array_agg(quantity order by product_id), '{}') from lines) as quantities, \
         (extract(epoch from r.expires_at) * 1000000)::bigint as expires_at, \
         (extract(epoch from r.created_at) * 1000000)::bigint as created_at, \
         (extract(epoch from r.updated_at) * 1000000)::bigint as updated_at"
    };
}

/// The inventory of what is in `lines`, locked. Whoever reads it has to read all of it: a row that is not read is not locked.
macro_rules! locked {
    () => {
        "locked as ( \
             select product_id from inventory where product_id in (select product_id from lines) \
             order by product_id for no key update)"
    };
}

/// One order's step from a status to another, and what it does to the stock. A step that is behind us finds no lines, and
/// locks nothing.
macro_rules! step {
    ($from:literal, $to:literal, $stock:literal) => {
        concat!(
            "with lines as ( \
                 select i.product_id, i.quantity from reservations r join reservation_items i using (order_id) \
                 where r.order_id = $1::text::uuid and r.status = '",
            $from,
            "'), ",
            locked!(),
            ", settled as ( \
                 update reservations r set status = '",
            $to,
            "', updated_at = clock_timestamp() \
                 from (select count(*) as products from locked) as l \
                 where r.order_id = $1::text::uuid and r.status = '",
            $from,
            "' and l.products > 0 \
                 returning r.*), \
             moved as ( \
                 update inventory i set ",
            $stock,
            ", updated_at = clock_timestamp() from lines, settled where i.product_id = lines.product_id)"
        )
    };
}

// All or nothing: there is something to insert only if nothing is short. A second attempt of the same order either sees the
// first one's row and inserts nothing, or comes to the same key at the same time and is undone as a whole.
//
// `held` writes the whole of what was locked, `quantity` too, and adds to nothing that it finds itself. It finds the row as it
// was when the statement began, and Postgres holds what is made of that against the constraints of the table before it sees
// that there is a newer one: where stock came back while this waited for its lock, the constraint would refuse what there is.
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
         select $1::text::uuid, 'reserved', now() + $4::bigint * interval '1 microsecond' \
         where not exists (select from short) \
             and not exists (select from reservations where order_id = $1::text::uuid) \
         returning *), \
     lines as ( \
         insert into reservation_items (order_id, product_id, quantity) \
         select made.order_id, want.product_id, want.quantity from want, made), \
     held as ( \
         update inventory i set quantity = locked.quantity, reserved = locked.reserved + want.quantity, updated_at = now() \
         from want join locked using (product_id), made where i.product_id = locked.product_id) \
     select null::text as product, 0 as requested, 0 as available, \
         (extract(epoch from expires_at) * 1000000)::bigint as expires_at, \
         (extract(epoch from created_at) * 1000000)::bigint as created_at from made \
     union all select product_id::text, quantity, available, 0, 0 from short";

const COMMIT: &str = concat!(
    step!(
        "reserved",
        "committed",
        "quantity = i.quantity - lines.quantity, reserved = i.reserved - lines.quantity, version = i.version + 1"
    ),
    " select ",
    columns!(),
    " from settled r"
);

// The one that closes an order which reserved nothing yet gives way to a reservation made at the same moment: `conflict`
// waits for it, and then there is something to release, which only another statement can see.
const RELEASE: &str = concat!(
    step!("reserved", "released", "reserved = i.reserved - lines.quantity"),
    ", closed as ( \
         insert into reservations (order_id, status) select $1::text::uuid, 'released' \
         where not exists (select from reservations where order_id = $1::text::uuid) \
         on conflict do nothing returning *) \
     select ",
    columns!(),
    " from (select * from settled union all select * from closed) as r"
);

const RESTOCK: &str = concat!(
    step!(
        "committed",
        "restocked",
        "quantity = i.quantity + lines.quantity, version = i.version + 1"
    ),
    " select ",
    columns!(),
    " from settled r"
);

const FIND: &str = concat!(
    "with lines as (select product_id, quantity from reservation_items where order_id = $1::text::uuid) select ",
    columns!(),
    " from reservations r where r.order_id = $1::text::uuid"
);

// Two at once may choose the same ones: the second waits for the first at the inventory, and then changes nothing. Skipping what
// is locked would mean to lock reservations before the inventory.
const EXPIRE: &str = concat!(
    "with due as ( \
         select order_id from reservations where status = 'reserved' and expires_at <= now() \
         order by expires_at limit $1), \
     lines as (select order_id, product_id, quantity from due join reservation_items using (order_id)), ",
    locked!(),
    ", settled as ( \
         update reservations r set status = 'released', updated_at = clock_timestamp() \
         from due, (select count(*) as products from locked) as l \
         where r.order_id = due.order_id and r.status = 'reserved' and l.products > 0 \
         returning r.order_id), \
     back as ( \
         select product_id, sum(quantity) as quantity from lines join settled using (order_id) group by product_id), \
     moved as ( \
         update inventory i set reserved = i.reserved - back.quantity, updated_at = clock_timestamp() \
         from back where i.product_id = back.product_id) \
     select count(*) as expired from settled"
);

/// The key of the reservations: the order.
const ORDER_UNIQUE: &str = "reservations_pkey";

/// The inventory in a database.
pub(crate) struct Postgres(pub(crate) Database);

impl Store for Postgres {
    async fn reserve(&self, order: OrderId, items: &Items, ttl: Ttl) -> Result<Reserved, StoreError> {
        let products = items.iter().map(|item| Some(item.product.to_string()));
        let quantities = items.iter().map(|item| Some(item.quantity));
        let micros = i64::try_from(ttl.get().as_micros()).unwrap_or(i64::MAX);
        let parameters = [
            Parameter::Str(order.to_string()),
            Parameter::ArrayStr(products.collect()),
            Parameter::ArrayInt32(quantities.collect()),
            Parameter::Int64(micros),
        ];
        match self.0.write(RESERVE, &parameters).await {
            Ok(rows) => reserved(rows, order, items),
            // Somebody was here before with the same order.
            Err(DatabaseError::Unique { constraint }) if constraint == ORDER_UNIQUE => Ok(Reserved::Known),
            Err(error) => Err(error.into()),
        }
    }

    async fn commit(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        self.step(COMMIT, order).await
    }

    async fn release(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        self.step(RELEASE, order).await
    }

    async fn restock(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        self.step(RESTOCK, order).await
    }

    async fn find(&self, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        let rows = self.0.read(FIND, &[Parameter::Str(order.to_string())]).await?;
        first(rows)
    }

    async fn expire(&self, limit: Limit) -> Result<i32, StoreError> {
        let rows = self
            .0
            .write(EXPIRE, &[Parameter::Int64(limit.get().into())])
            .await?;
        Ok(only(rows)?.convert::<i64, _>("expired")?)
    }
}

impl Postgres {
    async fn step(&self, statement: &str, order: OrderId) -> Result<Option<Reservation>, StoreError> {
        let rows = self
            .0
            .write(statement, &[Parameter::Str(order.to_string())])
            .await?;
        first(rows)
    }
}

/// A row without a product is the reservation; those with one are what is short; none means that it was there already.
fn reserved(rows: Vec<Row>, order: OrderId, items: &Items) -> Result<Reserved, StoreError> {
    let mut shortages = Vec::new();
    for mut row in rows {
        let Some(product) = row.get::<Option<String>>("product")? else {
            return Ok(Reserved::Made(made(row, order, items)?));
        };
        let product = product.parse();
        shortages.push(Shortage {
            product: product.map_err(|error| DatabaseError::invalid("product", error))?,
            requested: row.get("requested")?,
            available: row.get("available")?,
        });
    }
    Ok(match shortages.is_empty() {
        true => Reserved::Known,
        false => Reserved::Short(shortages),
    })
}

fn made(mut row: Row, order: OrderId, items: &Items) -> Result<Reservation, StoreError> {
    let mut items: Vec<Item> = items.iter().copied().collect();
    items.sort_by_key(|item| item.product);
    let expires_at = Timestamp::from_unix_micros(row.get("expires_at")?);
    let created_at = Timestamp::from_unix_micros(row.get("created_at")?);
    Ok(Reservation {
        order,
        status: Status::Reserved,
        items,
        expires_at: Some(expires_at),
        created_at,
        updated_at: created_at,
    })
}

impl FromRow for Reservation {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        let expires_at: Option<i64> = row.get("expires_at")?;
        Ok(Self {
            order: row.parse("order_id")?,
            status: status(&row.get::<String>("status")?)?,
            items: items(row)?,
            expires_at: expires_at.map(Timestamp::from_unix_micros),
            created_at: Timestamp::from_unix_micros(row.get("created_at")?),
            updated_at: Timestamp::from_unix_micros(row.get("updated_at")?),
        })
    }
}

fn items(row: &mut Row) -> Result<Vec<Item>, DatabaseError> {
    let (products, quantities): (Vec<String>, Vec<i32>) = (row.get("products")?, row.get("quantities")?);
    let item = |(product, quantity): (String, i32)| {
        let product = product.parse();
        Ok(Item {
            product: product.map_err(|error| DatabaseError::invalid("products", error))?,
            quantity,
        })
    };
    products.into_iter().zip(quantities).map(item).collect()
}

fn status(text: &str) -> Result<Status, DatabaseError> {
    match text {
        "reserved" => Ok(Status::Reserved),
        "committed" => Ok(Status::Committed),
        "released" => Ok(Status::Released),
        "restocked" => Ok(Status::Restocked),
        _ => Err(DatabaseError::invalid("status", "is no status of a reservation")),
    }
}
