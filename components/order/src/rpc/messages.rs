//! Messages from domain types and errors, and back.

use api::{
    order::v1::{
        AddToCartResponse, CancelOrderResponse, Cart as CartMessage, CartItem as CartItemMessage,
        CartItemNote, ClearCartResponse, CreateOrderResponse, GetCartResponse, GetOrderResponse,
        Order as OrderMessage, OrderItem as OrderItemMessage, OrderStatus, RemoveFromCartResponse,
        ShippingAddress, TotalChanged, UpdateCartItemResponse, WatchOrderResponse,
    },
    product::v1::{StockShortage, stock_shortage},
};
use connect::ConnectError;
use kernel::Violations;
use rpc_adapters::messages::{invalid_argument, money, pieces, store_error, timestamp};
use spin_adapters::log;
use web::{challenge, request_id::RequestIds};

use crate::{
    domain::{Address, AddressInput, Cart, CartItem, Note, Order, OrderItem, Shortage, Status},
    service::Error,
};

rpc_adapters::responses! {
    Cart => cart in AddToCartResponse, UpdateCartItemResponse, RemoveFromCartResponse, GetCartResponse,
        ClearCartResponse;
    Order => order in CreateOrderResponse, GetOrderResponse, CancelOrderResponse, WatchOrderResponse;
}

rpc_adapters::same_variants! {
    Status => OrderStatus { Pending, Confirmed, Cancelled, Rejected }
    Note => CartItemNote { PriceChanged, InsufficientStock, OutOfStock, Deleted }
}

rpc_adapters::same_fields! {
    Address => ShippingAddress { name, postal_code, country, region, city, line1, line2, phone }
    &ShippingAddress => AddressInput { name, postal_code, country, region, city, line1, line2, phone }
}

/// The status by which a list is filtered; `None` for all orders.
pub(super) fn status(number: Option<i32>) -> Result<Option<Status>, Violations> {
    match OrderStatus::try_from(number.unwrap_or_default()) {
        Ok(OrderStatus::Unspecified) => Ok(None),
        Ok(OrderStatus::Pending) => Ok(Some(Status::Pending)),
        Ok(OrderStatus::Confirmed) => Ok(Some(Status::Confirmed)),
        Ok(OrderStatus::Cancelled) => Ok(Some(Status::Cancelled)),
        Ok(OrderStatus::Rejected) => Ok(Some(Status::Rejected)),
        Err(_) => Err(Violations::one("status", "must be a status of an order")),
    }
}

/// A cancelled order. The log gets the cause if the order's stock could not be returned at once.
pub(crate) fn log_restock((order, failure): (Order, Option<String>), ids: RequestIds<'_>) -> Order {
    if let Some(cause) = failure {
        log::error(
            ids,
            format_args!("the reconciler will return the stock of a cancelled order: {cause}"),
        );
    }
    order
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
        Self {
            product_id: item.product.to_string(),
            name: item.name,
            unit_price: Some(money(item.unit_price)),
            quantity: item.quantity.into(),
            available: pieces(item.available),
            notes: item
                .notes
                .into_iter()
                .map(|note| CartItemNote::from(note).into())
                .collect(),
        }
    }
}

impl From<Order> for OrderMessage {
    fn from(order: Order) -> Self {
        Self {
            id: order.id.to_string(),
            user_id: order.user.to_string(),
            status: OrderStatus::from(order.status).into(),
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
            quantity: item.quantity.into(),
        }
    }
}

/// The one table of this service's errors. The WIT adapter uses it, too.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => challenge::sign_in(),
            Error::NotFound => Self::not_found("there is no order with this id"),
            Error::NoProduct => Self::not_found("there is no product with this id"),
            Error::NotInCart => Self::not_found("the cart does not hold that product; add it instead"),
            Error::CartFull => Self::failed_precondition("a cart holds 100 products at the most"),
            Error::LineFull => Self::failed_precondition("a cart holds 999 pieces of a product at the most"),
            // The other services refuse the token of a deleted user in the same way, within a minute.
            Error::CartClosed => challenge::invalid("this account was deleted"),
            Error::NothingToOrder => Self::failed_precondition("the cart is empty; add products to it"),
            Error::CartTaken => Self::failed_precondition(
                "the cart is in another order already; wait for that one, or repeat it with its own key",
            ),
            Error::CartChanging => Self::aborted("the cart keeps changing; try again"),
            Error::NoTotal(reason) => Self::failed_precondition(reason.to_string()),
            Error::TotalChanged { expected, actual } => total_changed(expected, actual),
            Error::Short(short) => {
                Self::failed_precondition("there is too little in stock").with_detail(&stock_shortage(short))
            }
            Error::Rejected(reason) => Self::failed_precondition(format!(
                "the order was rejected: {reason}; order again with a new key"
            )),
            Error::StillPending => {
                Self::failed_precondition("the order is still being placed; try again in a moment")
            }
            Error::NothingToCancel => {
                Self::failed_precondition("the order was rejected: there is nothing to cancel")
            }
            Error::Unfinished(_) => {
                Self::unavailable("the order is not finished; repeat the request with the same key")
            }
            Error::Catalogue(_) => Self::unavailable("the catalogue cannot be read at the moment; try again"),
            Error::Store(error) => store_error(
                &error,
                "orders cannot be reached at the moment; try again, with the same key if there is one",
            ),
        }
    }
}

fn total_changed(expected: kernel::Money, actual: kernel::Money) -> ConnectError {
    let text = |money: kernel::Money| format!("{} {}", money.amount(), money.currency().code());
    let (is, was) = (text(actual), text(expected));
    ConnectError::failed_precondition(format!(
        "the total is {is} now, not {was}; review the cart and retry with the new total"
    ))
    .with_detail(&TotalChanged {
        expected: Some(money(expected)),
        actual: Some(money(actual)),
    })
}

fn stock_shortage(short: Vec<Shortage>) -> StockShortage {
    let item = |short: Shortage| stock_shortage::Item {
        product_id: short.product.to_string(),
        requested: pieces(short.requested),
        available: pieces(short.available),
    };
    StockShortage {
        items: short.into_iter().map(item).collect(),
    }
}
