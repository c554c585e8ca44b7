//! Carts.

use kernel::{Money, ProductId, UserId};
use spin_adapters::postgres::{Error as DatabaseError, Parameter};

use super::{Postgres, only, optional, parsed, quantity, text, texts};
use crate::{
    domain::{CartLine, CartLines, Key, Line, Product, Quantity},
    service::{Added, Carts, StoreError},
};

const CART: &str = "select c.version, lines.products, lines.names, lines.prices, lines.currencies, lines.quantities \
     from carts c cross join lateral ( \
         select coalesce(array_agg(product_id::text order by created_at, product_id), '{}') as products, \
                coalesce(array_agg(name::text order by created_at, product_id), '{}') as names, \
                coalesce(array_agg(unit_price::text order by created_at, product_id), '{}') as prices, \
                coalesce(array_agg(currency::text order by created_at, product_id), '{}') as currencies, \
                coalesce(array_agg(quantity::text order by created_at, product_id), '{}') as quantities \
         from cart_items where user_id = c.user_id and deleted_at is null) lines \
     where c.user_id = $1::text::uuid and c.deleted_at is null";

// The key first: of two requests with the same one, the second waits here and then adds nothing. Then the cart's row, which
// is what says whether there is room, and whether it is closed. A constraint that is broken undoes all of it, the key included.
const ADD: &str = "with keyed as ( \
         insert into cart_additions (user_id, request_key, product_id, quantity) \
         select $1::text::uuid, $7::text, $2::text::uuid, $3::integer where $7::text is not null \
         on conflict do nothing returning user_id), \
     cart as ( \
         insert into carts (user_id, product_ids) \
         select $1::text::uuid, array[$2::text::uuid] where $7::text is null or exists (select from keyed) \
         on conflict (user_id) do update set \
             product_ids = case when excluded.product_ids <@ carts.product_ids then carts.product_ids \
                           else carts.product_ids || excluded.product_ids end, \
             version = carts.version + 1, updated_at = now() \
         returning user_id), \
     line as ( \
         insert into cart_items (user_id, product_id, quantity, name, unit_price, currency) \
         select user_id, $2::text::uuid, $3::integer, $4::text, $5::text::decimal, $6::text from cart \
         on conflict (user_id, product_id) do update set \
             quantity = excluded.quantity \
                 + case when cart_items.deleted_at is null then cart_items.quantity else 0 end, \
             name = excluded.name, unit_price = excluded.unit_price, currency = excluded.currency, \
             created_at = case when cart_items.deleted_at is null then cart_items.created_at else now() end, \
             updated_at = now(), deleted_at = null) \
     select exists (select from cart)";

const ADDITION: &str = "select product_id, quantity::text from cart_additions \
     where user_id = $1::text::uuid and request_key = $2";

const SET_QUANTITY: &str = "with cart as ( \
         update carts set version = version + 1, updated_at = now() \
         where user_id = $1::text::uuid and $2::text::uuid = any (product_ids) returning user_id) \
     update cart_items l set quantity = $3::integer, updated_at = now() from cart \
     where l.user_id = cart.user_id and l.product_id = $2::text::uuid and l.deleted_at is null \
     returning l.product_id";

const REMOVE: &str = "with cart as ( \
         update carts set product_ids = array_remove(product_ids, $2::text::uuid), \
             version = version + 1, updated_at = now() \
         where user_id = $1::text::uuid and $2::text::uuid = any (product_ids) returning user_id) \
     update cart_items l set deleted_at = now(), updated_at = now() from cart \
     where l.user_id = cart.user_id and l.product_id = $2::text::uuid and l.deleted_at is null";

// What is added while this waits for the cart is not among the lines that it sees: it comes after, and stays.
const CLEAR: &str = "with cart as ( \
         update carts c set version = version + 1, updated_at = now(), product_ids = array( \
             select kept from unnest(c.product_ids) as kept where kept not in ( \
                 select product_id from cart_items where user_id = c.user_id and deleted_at is null)) \
         where c.user_id = $1::text::uuid and c.product_ids <> '{}' returning user_id) \
     update cart_items l set deleted_at = now(), updated_at = now() from cart \
     where l.user_id = cart.user_id and l.deleted_at is null";

// A user without a cart gets one that is closed, for what comes late. Whoever is adding to the cart has its row: this waits for
// them, or they for this, and then there is no room for what they add.
const CLOSE: &str = "with closed as ( \
         insert into carts (user_id, deleted_at) \
         select distinct id, now() from unnest($1::text[]::uuid[]) as gone (id) order by id \
         on conflict (user_id) do update set \
             product_ids = '{}', version = carts.version + 1, updated_at = now(), deleted_at = now() \
         where carts.deleted_at is null \
         returning 1) \
     select count(*) from closed";

// The carts first, and only those that were closed when this began: their lines are all there to be seen.
const EMPTY: &str = "with closed as ( \
         select user_id from carts where user_id = any ($1::text[]::uuid[]) and deleted_at is not null \
         order by user_id for update), \
     additions as (delete from cart_additions where user_id = any (array(select user_id from closed))) \
     delete from cart_items where user_id = any (array(select user_id from closed))";

/// The constraints that say no to an addition.
const MOST_PRODUCTS: &str = "carts_at_most_100_products";
const MOST_PIECES: &str = "cart_items_1_to_999_pieces";
const CLOSED: &str = "carts_closed_hold_nothing";

impl Carts for Postgres {
    async fn cart(&self, user: UserId) -> Result<CartLines, StoreError> {
        let rows = self.0.read(CART, &[text(user)]).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(CartLines::default());
        };
        let version = parsed(row.bigint()?.try_into())?;
        let (products, names, prices) = (row.texts()?, row.texts()?, row.texts()?);
        let (currencies, quantities) = (row.texts()?, row.texts()?);
        let columns = products
            .iter()
            .zip(names)
            .zip(prices)
            .zip(currencies)
            .zip(quantities);
        let lines = columns.map(|((((product, name), price), currency), pieces)| {
            Ok::<_, StoreError>(CartLine {
                line: Line {
                    product: parsed(product.parse())?,
                    quantity: quantity(&pieces)?,
                },
                name,
                unit_price: parsed(Money::kept(&price, &currency))?,
            })
        });
        Ok(CartLines {
            version,
            lines: lines.collect::<Result<_, _>>()?,
        })
    }

    async fn add(
        &self,
        user: UserId,
        product: &Product,
        quantity: Quantity,
        key: Option<&Key>,
    ) -> Result<Added, StoreError> {
        let parameters = [
            text(user),
            text(product.id),
            pieces(quantity),
            text(&product.name),
            text(product.price.amount()),
            text(product.price.currency().code()),
            optional(key.map(Key::as_str)),
        ];
        match self.0.write(ADD, &parameters).await {
            Ok(rows) => match only(rows)?.boolean()? {
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
        let rows = self.0.read(ADDITION, &[text(user), text(key.as_str())]).await?;
        let line = rows.into_iter().next().map(|mut row| {
            Ok(Line {
                product: parsed(row.text()?.parse())?,
                quantity: quantity(&row.text()?)?,
            })
        });
        line.transpose()
    }

    async fn set_quantity(&self, user: UserId, line: Line) -> Result<bool, StoreError> {
        let parameters = [text(user), text(line.product), pieces(line.quantity)];
        Ok(!self.0.write(SET_QUANTITY, &parameters).await?.is_empty())
    }

    async fn remove(&self, user: UserId, product: ProductId) -> Result<(), StoreError> {
        self.0.write(REMOVE, &[text(user), text(product)]).await?;
        Ok(())
    }

    async fn clear(&self, user: UserId) -> Result<(), StoreError> {
        self.0.write(CLEAR, &[text(user)]).await?;
        Ok(())
    }

    async fn close_carts(&self, users: &[UserId]) -> Result<u64, StoreError> {
        let rows = self.0.write(CLOSE, &[texts(users)]).await?;
        parsed(only(rows)?.bigint()?.try_into())
    }

    async fn empty_closed_carts(&self, users: &[UserId]) -> Result<(), StoreError> {
        self.0.write(EMPTY, &[texts(users)]).await?;
        Ok(())
    }
}

fn pieces(quantity: Quantity) -> Parameter {
    // At most 999.
    Parameter::Int32(quantity.get() as i32)
}
