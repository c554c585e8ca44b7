//! Carts and orders in Postgres, schema `order_service`: a function a statement, the SQL beside it.
//!
//! What changes a cart takes the cart's row first, and what confirms an order takes the cart before the order: nobody waits
//! for somebody who waits for them.

mod backlog;
mod carts;
mod orders;

use kernel::{Money, Timestamp};
use spin_adapters::postgres::{Database, Parameter, Row};

use crate::{
    domain::{Address, Order, OrderItem, Quantity, Reach, Status},
    service::StoreError,
};

/// Carts and orders in a database.
pub(crate) struct Postgres(pub(crate) Database);

/// The select list that [`order`] takes apart, of an order `o` and its [`items!`]. Times travel as microseconds and amounts
/// as text: Spin has no `timestamptz`, and a text keeps a decimal exact.
macro_rules! columns {
    () => {
        "o.id, o.user_id, o.status, o.rejection_reason, o.total_amount::text, o.currency::text, \
         o.shipping_address ->> 'name', o.shipping_address ->> 'postalCode', \
         o.shipping_address ->> 'country', o.shipping_address ->> 'region', \
         o.shipping_address ->> 'city', o.shipping_address ->> 'line1', \
         o.shipping_address ->> 'line2', o.shipping_address ->> 'phone', \
         o.version, (extract(epoch from o.created_at) * 1000000)::bigint, \
         (extract(epoch from o.updated_at) * 1000000)::bigint, \
         items.products, items.names, items.prices, items.quantities, items.available"
    };
}

/// The lines of an order `o`, as columns of equal length.
macro_rules! items {
    () => {
        " cross join lateral ( \
              select array_agg(product_id::text order by position) as products, \
                     array_agg(name::text order by position) as names, \
                     array_agg(unit_price::text order by position) as prices, \
                     array_agg(quantity::text order by position) as quantities, \
                     array_agg(coalesce(available::text, '') order by position) as available \
              from order_items where order_id = o.id) items "
    };
}

/// The orders within reach: everybody's ($1), or the caller's own ($2). Whatever looks at another's order or changes it
/// has this.
macro_rules! within_reach {
    () => {
        "($1 or user_id = $2::text::uuid)"
    };
}

/// Leaves an event for each of the orders `changed`. The amount has the decimals of its currency, as [`Money::amount`] has it.
macro_rules! event {
    () => {
        "insert into outbox (order_id, order_version, kind, payload) \
         select id, version, 'order.' || status, jsonb_build_object( \
             'orderId', id, 'userId', user_id, 'status', status, 'version', version, \
             'totalAmount', jsonb_build_object('currencyCode', currency, 'amount', round(total_amount, \
                 greatest(minor_units(currency), scale(trim_scale(total_amount))))::text), \
             'occurredAt', to_char(updated_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) \
         from changed"
    };
}

use {columns, event, items, within_reach};

/// The parameters of `within_reach!`.
fn within(reach: Reach) -> [Parameter; 2] {
    match reach {
        Reach::All => [Parameter::Boolean(true), Parameter::DbNull],
        Reach::Own(own) => [Parameter::Boolean(false), text(own)],
    }
}

fn text(value: impl ToString) -> Parameter {
    Parameter::Str(value.to_string())
}

fn texts(values: impl IntoIterator<Item = impl ToString>) -> Parameter {
    let values = values.into_iter().map(|value| Some(value.to_string()));
    Parameter::ArrayStr(values.collect())
}

fn optional(value: Option<impl ToString>) -> Parameter {
    value.map_or(Parameter::DbNull, text)
}

fn number(value: u64) -> Parameter {
    // Versions count changes: none comes near the end.
    Parameter::Int64(value.try_into().unwrap_or(i64::MAX))
}

/// The row of a statement that always has one.
fn only(rows: Vec<Row>) -> Result<Row, StoreError> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| StoreError::Failed("the statement returned no row".into()))
}

/// An order of the select list [`columns!`]; what follows in the row is left to the caller.
fn order(row: &mut Row) -> Result<Order, StoreError> {
    let id = parsed(row.text()?.parse())?;
    let user = parsed(row.text()?.parse())?;
    let status = Status::named(&row.text()?);
    let rejection_reason = row.optional_text()?;
    let total = parsed(Money::kept(&row.text()?, &row.text()?))?;
    Ok(Order {
        id,
        user,
        status: status.ok_or_else(|| StoreError::Failed("a stored order has no known status".into()))?,
        rejection_reason,
        total,
        address: address(row)?,
        version: parsed(row.bigint()?.try_into())?,
        created_at: Timestamp::from_unix_micros(row.bigint()?),
        updated_at: Timestamp::from_unix_micros(row.bigint()?),
        items: order_items(row, total)?,
    })
}

fn address(row: &mut Row) -> Result<Address, StoreError> {
    Ok(Address {
        name: row.text()?,
        postal_code: row.text()?,
        country: row.text()?,
        region: row.text()?,
        city: row.text()?,
        line1: row.text()?,
        line2: row.text()?,
        phone: row.text()?,
    })
}

/// All lines have the currency of the total.
fn order_items(row: &mut Row, total: Money) -> Result<Vec<OrderItem>, StoreError> {
    let (products, names, prices) = (row.texts()?, row.texts()?, row.texts()?);
    let (quantities, available) = (row.texts()?, row.texts()?);
    let columns = products
        .iter()
        .zip(names)
        .zip(prices)
        .zip(quantities)
        .zip(available);
    columns
        .map(|((((product, name), price), pieces), available)| {
            Ok(OrderItem {
                product: parsed(product.parse())?,
                name,
                unit_price: parsed(Money::kept(&price, total.currency().code()))?,
                quantity: quantity(&pieces)?,
                available: (!available.is_empty())
                    .then(|| parsed(available.parse()))
                    .transpose()?,
            })
        })
        .collect()
}

fn quantity(pieces: &str) -> Result<Quantity, StoreError> {
    let pieces: i32 = parsed(pieces.parse())?;
    parsed(pieces.try_into())
}

/// A row that breaks the rules of the domain, which the schema's constraints should have kept out.
fn parsed<T, E: std::fmt::Display>(value: Result<T, E>) -> Result<T, StoreError> {
    value.map_err(|error| StoreError::Failed(format!("a stored value {error}")))
}
