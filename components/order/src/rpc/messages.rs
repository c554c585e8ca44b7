//! Messages from domain types, and back.

use api::{
    common::v1::Money as MoneyMessage,
    order::v1::{
        Cart as CartMessage, CartItem as CartItemMessage, CartItemNote, Order as OrderMessage,
        OrderItem as OrderItemMessage, OrderStatus, ShippingAddress,
    },
    product::v1::stock_shortage,
};
use kernel::Money;
use rpc_adapters::messages::timestamp;

use crate::domain::{Address, AddressInput, Cart, CartItem, Note, Order, OrderItem, Shortage, Status};

pub(super) fn money(money: Money) -> MoneyMessage {
    MoneyMessage {
        amount: money.amount(),
        currency_code: money.currency().code().into(),
    }
}

/// Numbers come from columns of the messages' own widths: nothing is ever cut.
fn pieces(count: u32) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

pub(super) fn item_short(short: Shortage) -> stock_shortage::Item {
    stock_shortage::Item {
        product_id: short.product.to_string(),
        requested: pieces(short.requested),
        available: pieces(short.available),
    }
}

/// An absent address is one without anything in it.
pub(super) fn address(address: Option<&ShippingAddress>) -> AddressInput<'_> {
    address.map_or_else(AddressInput::default, |address| AddressInput {
        name: &address.name,
        postal_code: &address.postal_code,
        country: &address.country,
        region: &address.region,
        city: &address.city,
        line1: &address.line1,
        line2: &address.line2,
        phone: &address.phone,
    })
}

/// The status that a list is of; none for all of them.
pub(super) fn status(wanted: Option<i32>) -> Result<Option<Status>, &'static str> {
    let wanted = OrderStatus::try_from(wanted.unwrap_or_default());
    match wanted.map_err(|_| "must be a status of an order")? {
        OrderStatus::Unspecified => Ok(None),
        OrderStatus::Pending => Ok(Some(Status::Pending)),
        OrderStatus::Confirmed => Ok(Some(Status::Confirmed)),
        OrderStatus::Cancelled => Ok(Some(Status::Cancelled)),
        OrderStatus::Rejected => Ok(Some(Status::Rejected)),
    }
}

impl From<Cart> for CartMessage {
    fn from(cart: Cart) -> Self {
        Self {
            items: cart.items.into_iter().map(CartItemMessage::from).collect(),
            total_amount: cart.total.map(money),
        }
    }
}

impl From<CartItem> for CartItemMessage {
    fn from(item: CartItem) -> Self {
        let note = |note: Note| match note {
            Note::PriceChanged => CartItemNote::PriceChanged,
            Note::InsufficientStock => CartItemNote::InsufficientStock,
            Note::OutOfStock => CartItemNote::OutOfStock,
            Note::Deleted => CartItemNote::Deleted,
        };
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: Some(money(item.unit_price)),
            quantity: pieces(item.quantity.get()),
            available: pieces(item.available),
            notes: item.notes.into_iter().map(|kept| note(kept).into()).collect(),
        }
    }
}

impl From<Order> for OrderMessage {
    fn from(order: Order) -> Self {
        let status = match order.status {
            Status::Pending => OrderStatus::Pending,
            Status::Confirmed => OrderStatus::Confirmed,
            Status::Cancelled => OrderStatus::Cancelled,
            Status::Rejected => OrderStatus::Rejected,
        };
        Self {
            id: order.id.to_string(),
            user_id: order.user.to_string(),
            status: status.into(),
            rejection_reason: order.rejection_reason.unwrap_or_default(),
            items: order.items.into_iter().map(OrderItemMessage::from).collect(),
            total_amount: Some(money(order.total)),
            shipping_address: Some(order.address.into()),
            created_at: Some(timestamp(order.created_at)),
            updated_at: Some(timestamp(order.updated_at)),
        }
    }
}

impl From<OrderItem> for OrderItemMessage {
    fn from(item: OrderItem) -> Self {
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: Some(money(item.unit_price)),
            quantity: pieces(item.quantity.get()),
        }
    }
}

impl From<Address> for ShippingAddress {
    fn from(address: Address) -> Self {
        Self {
            name: address.name,
            postal_code: address.postal_code,
            country: address.country,
            region: address.region,
            city: address.city,
            line1: address.line1,
            line2: address.line2,
            phone: address.phone,
        }
    }
}
