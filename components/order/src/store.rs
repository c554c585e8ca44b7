//! Carts and orders in Postgres, schema `order_service`: one function for each statement.
//!
//! All statements lock rows in the same order: a change of a cart locks the cart's row first, and the confirmation of an order
//! locks the cart before the order. So two statements never wait for each other.

mod backlog;
mod carts;
mod orders;

use kernel::StoreError;
use serde::{Deserialize, Serialize};
use spin_adapters::postgres::{Database, Error, FromRow, Parameter, Row};

use crate::domain::{Address, Order, OrderItem, Quantity};

/// Carts and orders in a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Postgres(pub(crate) Database);

/// The select list of an [`Order`], from an order `o` and its [`ORDER_ITEMS`]. Times are microseconds and amounts are texts:
/// Spin has no `timestamptz`, and a text keeps a decimal exact.
const ORDER_COLUMNS: &str = "o.id, o.user_id, o.status, o.rejection_reason, o.total_amount::text as total_amount, \
     o.currency::text as currency, o.shipping_address::text as shipping_address, o.version, \
     (extract(epoch from o.created_at) * 1000000)::bigint as created_at, \
     (extract(epoch from o.updated_at) * 1000000)::bigint as updated_at, items.items";

/// The lines of an order `o` as one JSON array, for [`StoredItem`].
const ORDER_ITEMS: &str = "cross join lateral ( \
         select json_agg(json_build_object('product', product_id, 'name', name, 'price', unit_price::text, \
                    'quantity', quantity, 'available', available) order by position)::text as items \
         from order_items where order_id = o.id) items";

/// The condition that an order is in the caller's access scope: all orders ($1), or those of one user ($2). Every statement
/// that reads or changes an order by a client's id has it.
const IN_SCOPE: &str = "($1 or user_id = $2::uuid)";

impl FromRow for Order {
    fn from_row(row: &mut Row) -> Result<Self, Error> {
        let total = row.money("total_amount", "currency")?;
        let items: Vec<StoredItem> = row.json("items")?;
        let item = |item: StoredItem| item.with_currency(total.currency().code());
        Ok(Self {
            id: row.parse("id")?,
            user: row.parse("user_id")?,
            status: row.parse("status")?,
            rejection_reason: row.get("rejection_reason")?,
            items: items.into_iter().map(item).collect::<Result<_, _>>()?,
            total,
            address: row.json::<StoredAddress>("shipping_address")?.0,
            version: row.convert::<i64, _>("version")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// A line of an order as JSON. It has the currency of the order's total.
#[derive(Serialize, Deserialize)]
struct StoredItem {
    product: String,
    name: String,
    price: String,
    quantity: i32,
    available: Option<u32>,
}

impl StoredItem {
    fn with_currency(self, currency: &str) -> Result<OrderItem, Error> {
        Ok(OrderItem {
            product: parsed("items.product", self.product.parse())?,
            name: self.name,
            unit_price: parsed("items.price", kernel::Money::kept(&self.price, currency))?,
            quantity: parsed("items.quantity", Quantity::try_from(self.quantity))?,
            available: self.available,
        })
    }
}

impl From<&OrderItem> for StoredItem {
    fn from(item: &OrderItem) -> Self {
        Self {
            product: item.product.to_string(),
            name: item.name.clone(),
            price: item.unit_price.amount(),
            quantity: item.quantity.into(),
            available: item.available,
        }
    }
}

/// A shipping address as JSON.
#[derive(Serialize, Deserialize)]
struct StoredAddress(#[serde(with = "AddressFields")] Address);

/// The fields of the JSON, which the column `shipping_address` has.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Address", rename_all = "camelCase")]
struct AddressFields {
    name: String,
    postal_code: String,
    country: String,
    region: String,
    city: String,
    line1: String,
    line2: String,
    phone: String,
}

/// A value in a JSON column. An error means that the schema's constraints accept a value that the domain refuses.
fn parsed<T>(place: &str, value: Result<T, impl std::fmt::Display>) -> Result<T, Error> {
    value.map_err(|error| Error::invalid(place, error))
}

/// A parameter with the JSON of a value.
fn json(value: &impl Serialize) -> Result<Parameter, StoreError> {
    let text = serde_json::to_string(value).map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Parameter::Str(text))
}
