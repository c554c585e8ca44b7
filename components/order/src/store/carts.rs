//! Statements on carts.

use kernel::{Money, ProductId, StoreError, UserId};
use serde::Deserialize;
use spin_adapters::postgres::{
    Error as DatabaseError, FromRow, Parameter, Row, first, only,
    parameter::{optional, text, texts, uuid},
};

use super::{Postgres, parsed};
use crate::{
    domain::{CartLine, CartLines, Key, Line, Product, Quantity},
    service::{Added, Carts},
};

const CART: &str = "select c.version, lines.lines from carts c cross join lateral ( \
         select coalesce(json_agg(json_build_object('product', product_id, 'name', name, 'price', unit_price::text, \
                    'currency', currency, 'quantity', quantity) order by created_at, product_id), '[]')::text as lines \
         from cart_items where user_id = c.user_id and deleted_at is null) lines \
     where c.user_id = $1::uuid and c.deleted_at is null";

// The key is inserted first: if two requests have the same key, the second waits here and then adds nothing. The cart's row is
// next: its constraints decide whether there is room and whether the cart is closed. A violated constraint undoes the whole
// statement, including the key.
const ADD: &str = "with keyed as ( \
         insert into cart_additions (user_id, request_key, product_id, quantity) \
         select $1::uuid, $7::text, $2::uuid, $3::integer where $7::text is not null \
         on conflict do nothing returning user_id), \
     cart as ( \
         insert into carts (user_id, product_ids) \
         select $1::uuid, array[$2::uuid] where $7::text is null or exists (select from keyed) \
         on conflict (user_id) do update set \
             product_ids = case when excluded.product_ids <@ carts.product_ids then carts.product_ids \
                           else carts.product_ids || excluded.product_ids end, \
             version = carts.version + 1, updated_at = now() \
         returning user_id), \
     line as ( \
         insert into cart_items (user_id, product_id, quantity, name, unit_price, currency) \
         select user_id, $2::uuid, $3::integer, $4::text, $5::text::decimal, $6::text from cart \
         on conflict (user_id, product_id) do update set \
             quantity = excluded.quantity \
                 + case when cart_items.deleted_at is null then cart_items.quantity else 0 end, \
             name = excluded.name, unit_price = excluded.unit_price, currency = excluded.currency, \
             created_at = case when cart_items.deleted_at is null then cart_items.created_at else now() end, \
             updated_at = now(), deleted_at = null) \
     select exists (select from cart) as was_added";

const ADDITION: &str = "select product_id, quantity from cart_additions \
     where user_id = $1::uuid and request_key = $2";

const SET_QUANTITY: &str = "with cart as ( \
         update carts set version = version + 1, updated_at = now() \
         where user_id = $1::uuid and $2::uuid = any (product_ids) returning user_id) \
     update cart_items l set quantity = $3::integer, updated_at = now() from cart \
     where l.user_id = cart.user_id and l.product_id = $2::uuid and l.deleted_at is null \
     returning l.product_id";

const REMOVE: &str = "with cart as ( \
         update carts set product_ids = array_remove(product_ids, $2::uuid), \
             version = version + 1, updated_at = now() \
         where user_id = $1::uuid and $2::uuid = any (product_ids) returning user_id) \
     update cart_items l set deleted_at = now(), updated_at = now() from cart \
     where l.user_id = cart.user_id and l.product_id = $2::uuid and l.deleted_at is null";

// A line that is added while this statement waits for the cart's row is not among the lines that it sees: that addition comes
// after the clearing, and stays.
const CLEAR: &str = "with cart as ( \
         update carts c set version = version + 1, updated_at = now(), product_ids = array( \
             select kept from unnest(c.product_ids) as kept where kept not in ( \
                 select product_id from cart_items where user_id = c.user_id and deleted_at is null)) \
         where c.user_id = $1::uuid and c.product_ids <> '{}' returning user_id) \
     update cart_items l set deleted_at = now(), updated_at = now() from cart \
     where l.user_id = cart.user_id and l.deleted_at is null";

// A user without a cart gets a closed one, so that a late addition is refused. An addition locks the cart's row: either this
// statement waits for the addition, or the addition waits for this statement and then finds the cart closed.
const CLOSE: &str = "with closed as ( \
         insert into carts (user_id, deleted_at) \
         select distinct id, now() from unnest($1::text[]::uuid[]) as gone (id) order by id \
         on conflict (user_id) do update set \
             product_ids = '{}', version = carts.version + 1, updated_at = now(), deleted_at = now() \
         where carts.deleted_at is null \
         returning 1) \
     select count(*) as closed from closed";

// The carts are locked first, and only those that were closed when this statement began. So it sees all of their lines.
const EMPTY: &str = "with closed as ( \
         select user_id from carts where user_id = any ($1::text[]::uuid[]) and deleted_at is not null \
         order by user_id for update), \
     additions as (delete from cart_additions where user_id = any (array(select user_id from closed))) \
     delete from cart_items where user_id = any (array(select user_id from closed))";

/// The constraints that refuse an addition.
const MOST_PRODUCTS: &str = "carts_at_most_100_products";
const MOST_PIECES: &str = "cart_items_1_to_999_pieces";
const CLOSED: &str = "carts_closed_hold_nothing";

impl Carts for Postgres {
    async fn cart(&self, user: UserId) -> Result<CartLines, StoreError> {
        let rows = self.0.read(CART, &[uuid(user)]).await?;
        Ok(first(rows)?.unwrap_or_default())
    }

    async fn add(
        &self,
        user: UserId,
        product: &Product,
        quantity: Quantity,
        key: Option<&Key>,
    ) -> Result<Added, StoreError> {
        let parameters = [
            uuid(user),
            uuid(product.id),
            Parameter::Int32(quantity.into()),
            text(&product.name),
            text(product.price.amount()),
            text(product.price.currency().code()),
            optional(key.map(Key::as_str)),
        ];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => match only(rows)?.get("was_added")? {
                true => Ok(Added::Done),
                false => Ok(Added::Repeated),
            },
            Err(DatabaseError::Check { constraint }) if constraint == MOST_PRODUCTS => Ok(Added::CartFull),
            Err(DatabaseError::Check { constraint }) if constraint == MOST_PIECES => Ok(Added::LineFull),
            Err(DatabaseError::Check { constraint }) if constraint == CLOSED => Ok(Added::Closed),
            Err(error) => Err(error.into()),
        }
    }

    async fn addition(&self, user: UserId, key: &Key) -> Result<Option<Line>, StoreError> {
        let rows = self.0.read(ADDITION, &[uuid(user), text(key.as_str())]).await?;
        Ok(first(rows)?)
    }

    async fn set_quantity(&self, user: UserId, line: Line) -> Result<bool, StoreError> {
        let parameters = [
            uuid(user),
            uuid(line.product),
            Parameter::Int32(line.quantity.into()),
        ];
        Ok(!self.0.write(SET_QUANTITY, &parameters).await?.is_empty())
    }

    async fn remove(&self, user: UserId, product: ProductId) -> Result<(), StoreError> {
        self.0.write(REMOVE, &[uuid(user), uuid(product)]).await?;
        Ok(())
    }

    async fn clear(&self, user: UserId) -> Result<(), StoreError> {
        self.0.write(CLEAR, &[uuid(user)]).await?;
        Ok(())
    }

    async fn close_carts(&self, users: &[UserId]) -> Result<u64, StoreError> {
        let rows = self.0.write(CLOSE, &[texts(users)]).await?;
        Ok(only(rows)?.convert::<i64, _>("closed")?)
    }

    async fn empty_closed_carts(&self, users: &[UserId]) -> Result<(), StoreError> {
        self.0.write(EMPTY, &[texts(users)]).await?;
        Ok(())
    }
}

impl FromRow for CartLines {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        let lines: Vec<StoredLine> = row.json("lines")?;
        Ok(Self {
            version: row.convert::<i64, _>("version")?,
            lines: lines
                .into_iter()
                .map(CartLine::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl FromRow for Line {
    fn from_row(row: &mut Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            product: row.parse("product_id")?,
            quantity: row.convert::<i32, _>("quantity")?,
        })
    }
}

/// A line of a cart as JSON.
#[derive(Deserialize)]
struct StoredLine {
    product: String,
    name: String,
    price: String,
    currency: String,
    quantity: i32,
}

impl TryFrom<StoredLine> for CartLine {
    type Error = DatabaseError;

    fn try_from(stored: StoredLine) -> Result<Self, DatabaseError> {
        let line = Line {
            product: parsed("lines.product", stored.product.parse())?,
            quantity: parsed("lines.quantity", Quantity::try_from(stored.quantity))?,
        };
        Ok(Self {
            line,
            name: stored.name,
            unit_price: parsed("lines.price", Money::kept(&stored.price, &stored.currency))?,
        })
    }
}
